"""A goal of an action whose answer is waited for as long as it takes, whatever gets lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.task import Future


class Asked:
    """One goal, sent at once.

    A goal, or its answer, is lost when one of two processes stands still for so long that the
    other's middleware gives it up (Fast DDS: 20 s; CycloneDDS: 10 s).
    """

    def __init__(self, client: ActionClient, goal: Any, done: Callable[[Any], None]) -> None:
        """Send the goal.

        Args:
            client: of the action.
            goal: is sent again when nobody knows of it any more.
            done: is told status and result, once; None when the goal was refused.
        """
        self._client = client
        self._goal = goal
        self._done = done
        self._over = False
        self._handle: ClientGoalHandle | None = None
        self._sent: Any = None
        self.again()

    def again(self) -> None:
        """Ask for the answer once more; a server that is only slow goes on with what it does."""
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
            self._handle = None  # the server forgot it, long done
            self.again()
            return
        self._over = True
        self._done(answer)
