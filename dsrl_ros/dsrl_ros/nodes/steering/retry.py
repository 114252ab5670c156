"""When to ask again for an answer that is overdue, and a goal that can be asked for again."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.task import Future


class RetryTimer:
    """Waits for one answer after another, and retries while one is overdue.

    The first retry comes after the timeout, each further one after twice the wait: a node that is
    only slow must not be swamped.
    """

    def __init__(self, timeout_s: float, steady_s: Callable[[], float] = time.monotonic) -> None:
        """Begin to wait for something that cannot be asked for.

        Args:
            timeout_s: wait after which an answer is overdue [s].
            steady_s: a clock that never jumps [s].
        """
        self._timeout_s = timeout_s
        self._steady_s = steady_s
        self.begin()

    def begin(self, retry: Callable[[], None] | None = None) -> None:
        """Wait for a new answer, which `retry` asks for again; None where nobody can be asked."""
        self._retry = retry
        self.restart()

    def restart(self) -> None:
        """Wait for the same answer from now on: there is a good reason for the delay."""
        self._since_s = self._steady_s()
        self._retry_after_s = self._timeout_s

    @property
    def waited_s(self) -> float:
        """Time since the wait began [s]."""
        return self._steady_s() - self._since_s

    def check(self) -> bool:
        """Retry if it is time to; return whether the answer is overdue."""
        waited_s = self.waited_s
        if waited_s > self._retry_after_s:
            self._retry_after_s = 2 * waited_s
            if self._retry is not None:
                self._retry()
        return waited_s > self._timeout_s


class RetryingGoal:
    """A goal of an action, sent at once, whose answer can be asked for again.

    A goal or its answer is lost when one of two processes stalls for so long that the other's
    middleware drops it (Fast DDS: 20 s; CycloneDDS: 10 s).
    """

    def __init__(self, client: ActionClient, goal: Any, done: Callable[[Any], None]) -> None:
        """Send the goal.

        Args:
            client: of the action.
            goal: is sent again if the server does not know it any more.
            done: gets status and result, once; None when the goal was rejected.
        """
        self._client = client
        self._goal = goal
        self._done = done
        self._over = False
        self._handle: ClientGoalHandle | None = None
        self._sent: Any = None
        self.retry()

    def retry(self) -> None:
        """Ask for the answer once more; a server that is only slow is not interrupted."""
        if self._over:
            return
        if self._handle is not None:
            self._ask_for_result(self._handle)
            return
        self._sent = sent = self._client.send_goal_async(self._goal)
        sent.add_done_callback(self._on_accepted)

    def _on_accepted(self, sent: Future) -> None:
        if self._over or self._sent is not sent:
            return
        handle: Any = sent.result()
        if handle.accepted:
            self._handle = handle
            self._ask_for_result(handle)
        else:
            self._over = True
            self._done(None)

    def _ask_for_result(self, handle: ClientGoalHandle) -> None:
        handle.get_result_async().add_done_callback(partial(self._on_result, handle))

    def _on_result(self, handle: ClientGoalHandle, asked: Future) -> None:
        if self._over or handle is not self._handle:
            return
        answer: Any = asked.result()
        if answer.status == GoalStatus.STATUS_UNKNOWN:
            self._handle = None  # the server finished it long ago and forgot it
            self.retry()
            return
        self._over = True
        self._done(answer)
