"""An action client whose server is the test."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class ToyActionClient:
    """Takes the place of `rclpy.action.ActionClient`; every answer comes from the test.

    Attributes:
        goals: in the order in which they were sent.
        asked: how often a result was asked for.
    """

    def __init__(self) -> None:
        self.goals: list[Any] = []
        self._sent: list[Any] = []
        self._results: list[Any] = []

    @property
    def asked(self) -> int:
        return len(self._results)

    def send_goal_async(self, goal: Any) -> Any:
        self.goals.append(goal)
        return self._future(self._sent)

    def get_result_async(self) -> Any:
        return self._future(self._results)

    def accept(self, accepted: bool = True, goal: int = -1) -> None:
        """Accept a goal, or reject it."""
        handle = SimpleNamespace(accepted=accepted, get_result_async=self.get_result_async)
        self._sent[goal].set_result(handle)

    def answer(self, status: int, result: Any = None, request: int = -1) -> None:
        """Answer one of the requests for the result."""
        self._results[request].set_result(SimpleNamespace(status=status, result=result))

    @staticmethod
    def _future(made: list[Any]) -> Any:
        from rclpy.task import Future

        made.append(Future())  # without an executor it calls back at once
        return made[-1]
