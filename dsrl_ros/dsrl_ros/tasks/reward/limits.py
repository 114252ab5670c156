"""When an episode ends and what a decision earns, given whether the task is done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What one decision earned.

    Attributes:
        reward: 1 for the decision that reached success, else 0 (sparse, paper C.4.1).
        terminated: success was reached, or failure is certain: no bootstrap.
        truncated: a limit ended the episode: bootstrap.
        success: the task is done.
    """

    reward: float
    terminated: bool
    truncated: bool
    success: bool

    @property
    def over(self) -> bool:
        """Whether the episode ended with this decision."""
        return self.terminated or self.truncated

    @property
    def outcome(self) -> str:
        """State of the episode after this decision, in words."""
        if self.success:
            return 'success'
        if self.terminated:
            return 'failure'
        return 'cut off' if self.truncated else 'not done yet'


FAILED = Verdict(reward=0.0, terminated=True, truncated=False, success=False)
ABORTED = Verdict(reward=0.0, terminated=False, truncated=True, success=False)


class EpisodeLimits:
    """Counts the steps and refusals of one episode and turns success into a verdict.

    Args:
        max_steps: control steps after which an episode is truncated, >= 1.
        max_rejects: consecutive refused chunks after which it is truncated, >= 1.
    """

    def __init__(self, max_steps: int, max_rejects: int) -> None:
        self._max_steps = max_steps
        self._max_rejects = max_rejects
        self.start()

    def start(self) -> None:
        """Begin a new episode."""
        self._steps = self._rejects = 0

    def reached_by(self, num_executed: int) -> bool:
        """Return whether a decision of `num_executed` steps (0: refused) is the last allowed."""
        rejects = self._rejects + 1 if num_executed == 0 else 0
        return self._steps + num_executed >= self._max_steps or rejects >= self._max_rejects

    def verdict(self, num_executed: int, success: bool) -> Verdict:
        """Count one decision after its chunk was executed or refused, and return its verdict.

        A refusal never terminates an episode: it does not show how the task would have ended, so
        the value of the next observation must still be bootstrapped.

        Args:
            num_executed: control steps executed, 0 when the chunk was refused.
            success: the task is done at the end of the chunk.
        """
        limit = self.reached_by(num_executed)
        self._steps += num_executed
        self._rejects = self._rejects + 1 if num_executed == 0 else 0
        return Verdict(float(success), success, limit and not success, success)
