"""Waiting inside a single-threaded executor, with deadlines on the steady clock.

A coroutine that awaits one of these functions lets its node go on. ROS timers on the node's clock
stop with simulated time, and spinning inside a callback deadlocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.task import Future

STEADY_CLOCK = Clock(clock_type=ClockType.STEADY_TIME)
_CHECK_S = 0.05  # between two checks of a condition


async def turn(node: Node) -> None:
    """Let the executor of `node` run the callbacks that are due."""
    passed = Future(executor=node.executor)
    node.executor.create_task(passed.set_result, None)
    await passed


async def pause(node: Node, seconds: float) -> None:
    """Let `seconds` of wall time pass [s]."""
    await _first_of(node, Future(executor=node.executor), seconds)


async def until(node: Node, condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition for at most `seconds` of wall time.

    Args:
        node: node whose executor runs the coroutine.
        condition: checked at once, then every 0.05 s.
        seconds: deadline [s].
        what: named in the error.

    Raises:
        TimeoutError: the deadline passed first.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        left_s = deadline - time.monotonic()
        if left_s <= 0.0:
            raise _late(what, seconds)
        await pause(node, min(_CHECK_S, left_s))


async def within(node: Node, future: Future, seconds: float, what: str) -> Any:
    """Wait for a future for at most `seconds` of wall time.

    Args:
        node: node whose executor runs the coroutine.
        future: what to wait for.
        seconds: deadline [s].
        what: named in the error.

    Returns:
        The future's result.

    Raises:
        TimeoutError: the deadline passed first; the future is cancelled.
    """
    await _first_of(node, future, seconds)
    if not future.done():
        future.cancel()
        raise _late(what, seconds)
    return future.result()


def _late(what: str, seconds: float) -> TimeoutError:
    return TimeoutError(f'{what}: got no answer within {seconds:g} s')


async def _first_of(node: Node, future: Future, seconds: float) -> None:
    """Wait for `future` or the deadline, whichever comes first."""
    first = Future(executor=node.executor)

    def settle(_: object = None) -> None:
        if not first.done():
            first.set_result(None)

    timer = node.create_timer(seconds, settle, clock=STEADY_CLOCK)
    future.add_done_callback(settle)
    try:
        await first
    finally:
        node.destroy_timer(timer)
