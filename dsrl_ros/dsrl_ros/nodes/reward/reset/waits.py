"""Waits of a reset, each with its deadline: for an answer, a motion, a state, a person."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.client import Client
from rclpy.node import Node
from rclpy.task import Future

from dsrl_ros.core.config.reward import ResetConfig
from dsrl_ros.ros.waiting import pause, until, within
from dsrl_ros.tasks.reset_plan import Failure

_CHECK_S = 0.05  # between two checks of the progress of a motion


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
        on_request: called with what a person has to do, and with '' when it is done.

    Attributes:
        request: what a person has to do before the reset goes on; '' while nothing.
    """

    def __init__(self, node: Node, config: ResetConfig, on_request: Callable[[str], None]) -> None:
        self._node, self._config, self._on_request = node, config, on_request
        self.request = ''

    async def call(
        self, client: Client, request: Any, failure: Failure, longer_s: float = 0.0
    ) -> Any:
        """Call a service and return its response.

        Args:
            client: of the service, whose response has `success` and `message`.
            request: sent to it.
            failure: of the step, if the service refuses.
            longer_s: time that the response may take beyond the time of a step [s].

        Raises:
            TimeoutError: no response came.
            StepError: the service refused.
        """
        response = await self.answer(client.call_async(request), client.srv_name, longer_s)
        if not response.success:
            raise StepError(failure, f'{client.srv_name}: {response.message}')
        return response

    async def answer(self, future: Future, what: str, longer_s: float = 0.0) -> Any:
        """Wait for an answer.

        Raises:
            TimeoutError: none came within the time of a step and `longer_s` [s].
        """
        return await within(self._node, future, self._config.step_timeout_s + longer_s, what)

    async def motion(self, end: Future, what: str, progress: Callable[[], float]) -> Any:
        """Wait for the end of a motion as long as it makes progress.

        Raises:
            TimeoutError: it has made none for the time of a step.
        """
        seen, since_s = progress(), time.monotonic()
        while not end.done():
            if progress() != seen:
                seen, since_s = progress(), time.monotonic()
            elif time.monotonic() - since_s > self._config.step_timeout_s:
                raise TimeoutError(
                    f'{what}: got no progress for {self._config.step_timeout_s:g} s'
                )
            await pause(self._node, _CHECK_S)
        return end.result()

    async def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait for a state.

        Raises:
            TimeoutError: it did not come within the time of a step.
        """
        await until(self._node, is_so, self._config.step_timeout_s, what)

    async def person(self, is_done: Callable[[], bool], request: str) -> None:
        """Ask a person for something and wait until it is done.

        Raises:
            TimeoutError: it was not done within the time for a person.
        """
        self._ask(request)
        self._node.get_logger().warning(f'reset: {request}')
        try:
            await until(self._node, is_done, self._config.person_timeout_s, request)
        # Not `finally`: a node that is destroyed closes this coroutine, and cannot publish then.
        except TimeoutError:
            self._ask('')
            raise
        self._ask('')

    def _ask(self, request: str) -> None:
        self.request = request
        self._on_request(request)
