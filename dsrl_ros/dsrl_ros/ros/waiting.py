"""Awaiting with a deadline inside a single-threaded executor, on the steady clock.

ROS timers on the node's clock stop with simulated time, and spinning inside a callback deadlocks;
a coroutine that awaits one of these does neither.
"""

from __future__ import annotations

from typing import TypeVar

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.task import Future

ResultT = TypeVar('ResultT')

STEADY_CLOCK = Clock(clock_type=ClockType.STEADY_TIME)


async def pause(node: Node, seconds: float) -> None:
    """Let `seconds` of wall time pass [s], while `node` goes on."""
    over = Future(executor=node.executor)
    timer = node.create_timer(seconds, lambda: over.set_result(None), clock=STEADY_CLOCK)
    try:
        await over
    finally:
        node.destroy_timer(timer)


async def within(node: Node, future: Future, seconds: float, what: str) -> ResultT:
    """Await `future` for at most `seconds` of wall time.

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
    if not future.done():
        future.cancel()
        raise TimeoutError(f'{what}: got no answer within {seconds:g} s')
    return future.result()  # type: ignore[no-any-return]
