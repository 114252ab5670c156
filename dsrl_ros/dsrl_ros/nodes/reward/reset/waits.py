"""Waiting within a reset: for an answer, for something to be so, for a person."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.task import Future

from dsrl_ros.core.config.reward import ResetConfig
from dsrl_ros.ros.waiting import STEADY_CLOCK, within
from dsrl_ros.tasks.reset_plan import Failure

_LOOK_S = 0.05  # between two looks at what is waited for
_A_DAY_S = 86_400.0


class StepError(Exception):
    """A step of a reset that failed.

    Attributes:
        failure: why.
    """

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class Waits:
    """Waits with the deadlines of a reset.

    Args:
        node: whose executor runs meanwhile.
        config: gives the deadlines.
        asked: is told what a person has to do, and nothing when it is done.

    Attributes:
        trouble: what a person has to do before the reset goes on; empty while nothing.
    """

    def __init__(self, node: Node, config: ResetConfig, asked: Callable[[str], None]) -> None:
        self._node, self._config, self._asked = node, config, asked
        self.trouble = ''

    async def answer(self, future: Future, what: str, longer_s: float = 0.0) -> Any:
        """Wait for an answer.

        Args:
            future: of the answer.
            what: asked.
            longer_s: that it may take beside the time of a step [s].

        Raises:
            TimeoutError: none came.
        """
        return await within(self._node, future, self._config.step_timeout_s + longer_s, what)

    async def end(self, future: Future, what: str, progress: Callable[[], float]) -> Any:
        """Wait for the end of something, as long as it makes progress.

        Args:
            future: of the end.
            what: was begun.
            progress: of it.

        Raises:
            TimeoutError: it has made none for the time of a step.
        """
        last, since = progress(), time.monotonic()
        patience_s = self._config.step_timeout_s

        def over() -> bool:
            nonlocal last, since
            if progress() != last:
                last, since = progress(), time.monotonic()
            return future.done() or time.monotonic() - since > patience_s

        await self._until(over, _A_DAY_S, what)
        if not future.done():
            raise TimeoutError(f'{what}: got no progress for {patience_s:g} s')
        return future.result()

    async def seen(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something is so.

        Raises:
            TimeoutError: it is not within the time of a step.
        """
        await self._until(is_so, self._config.step_timeout_s, what)

    async def done_by_person(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until a person has done something; say what.

        Raises:
            TimeoutError: it is not done within the time for a person.
        """
        self._ask(what)
        self._node.get_logger().warning(f'reset: {what}')
        try:
            await self._until(is_so, self._config.person_timeout_s, what)
        # Not `finally`: a node that is destroyed closes this coroutine, and cannot publish then.
        except TimeoutError:
            self._ask('')
            raise
        self._ask('')

    async def _until(self, is_so: Callable[[], bool], seconds: float, what: str) -> None:
        if is_so():
            return
        seen = Future(executor=self._node.executor)

        def look() -> None:
            if is_so() and not seen.done():
                seen.set_result(None)

        timer = self._node.create_timer(_LOOK_S, look, clock=STEADY_CLOCK)
        try:
            await within(self._node, seen, seconds, what)
        finally:
            self._node.destroy_timer(timer)

    def _ask(self, what: str) -> None:
        self.trouble = what
        self._asked(what)
