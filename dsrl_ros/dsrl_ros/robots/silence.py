"""How long nothing has been heard from above while the robot moves. Stops nothing itself."""

from __future__ import annotations

import time
from collections.abc import Callable


class SilenceWatch:
    """Measures the gaps between signs of life.

    Attributes:
        longest_s: longest gap seen while the robot was moving [s].
    """

    def __init__(self, timeout_s: float, steady_s: Callable[[], float] = time.monotonic) -> None:
        """Start with a sign of life.

        Args:
            timeout_s: longest gap allowed while the robot moves [s].
            steady_s: a clock that never jumps [s].
        """
        self._timeout_s = timeout_s
        self._steady_s = steady_s
        self._heard_s = steady_s()
        self.longest_s = 0.0

    def hear(self, moving: bool) -> None:
        """Take note of a sign of life."""
        self._measure(moving)
        self._heard_s = self._steady_s()

    def complaint(self, moving: bool) -> str:
        """Return what is wrong when the silence is too long for a moving robot, else nothing."""
        gap_s = self._measure(moving)
        if not moving or gap_s <= self._timeout_s:
            return ''
        return (
            f'heartbeat: got none for {gap_s:.2f} s, expected one at least every '
            f'{self._timeout_s:g} s. Check that the steering node lives.'
        )

    def _measure(self, moving: bool) -> float:
        gap_s = self._steady_s() - self._heard_s
        if moving:
            self.longest_s = max(self.longest_s, gap_s)
        return gap_s
