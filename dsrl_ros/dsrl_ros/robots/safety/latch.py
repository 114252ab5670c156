"""What has stopped the robot, until an explicit call clears it."""

from __future__ import annotations

import time
from collections.abc import Callable

from dsrl_ros.robots.safety.rules import Refusal, Rule


class Latch:
    """Stays closed until `clear`.

    Attributes:
        stopped_by: `Rule.ESTOP`, `Rule.LATCHED`, or None while open.
        cause: what closed it, for people; empty while open.
    """

    def __init__(self, cooldown_s: float, steady_s: Callable[[], float] = time.monotonic) -> None:
        """Start open.

        Args:
            cooldown_s: time after a stop before it can be cleared [s].
            steady_s: a clock that never jumps [s].
        """
        self._cooldown_s = cooldown_s
        self._steady_s = steady_s
        self._closed_at_s = 0.0
        self.stopped_by: Rule | None = None
        self.cause = ''

    def refusal(self) -> Refusal | None:
        """Return what a command meets now; None while open."""
        if self.stopped_by is None:
            return None
        return Refusal(self.stopped_by, f'{self.cause}. Call the clear service to go on.')

    def latch(self, cause: str) -> None:
        """Close because of a fault; an emergency stop stays one."""
        if self.stopped_by is not Rule.ESTOP:
            self._close(Rule.LATCHED, cause)

    def estop(self, cause: str) -> None:
        """Close because somebody pressed the emergency stop."""
        self._close(Rule.ESTOP, cause)

    def clear(self) -> str:
        """Open again.

        Returns:
            Why that cannot be done yet; empty when done.
        """
        waited_s = self._steady_s() - self._closed_at_s
        if self.stopped_by is not None and waited_s < self._cooldown_s:
            return (
                f'clear: got a call {waited_s:.2f} s after the stop, expected at least '
                f'{self._cooldown_s:g} s. Look at the robot first, then call again.'
            )
        self.stopped_by = None
        self.cause = ''
        return ''

    def _close(self, rule: Rule, cause: str) -> None:
        self.stopped_by = rule
        self.cause = cause
        self._closed_at_s = self._steady_s()
