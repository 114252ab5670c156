"""How long nothing has been heard of somebody while the robot moves. Stops nothing itself."""

from __future__ import annotations

import time
from collections.abc import Callable

# A process that was not scheduled for long has heard nothing because it did not listen: between
# two looks no more than this counts as silence. On time, a look comes every 0.01 s.
_LONGEST_LOOK_S = 0.03


class SilenceWatch:
    """Adds up the silence that was really listened to.

    Attributes:
        longest_s: longest gap between two signs of life while the robot moved [s], whether it
            was listened to or not.
    """

    def __init__(
        self,
        timeout_s: float,
        steady_s: Callable[[], float] = time.monotonic,
        what: str = 'heartbeat',
        advice: str = 'Check that the steering node lives.',
    ) -> None:
        """Start with a sign of life.

        Args:
            timeout_s: longest silence allowed while the robot moves [s].
            steady_s: a clock that never jumps [s].
            what: is waited for; named in the complaint.
            advice: what to do about silence; ends the complaint.
        """
        self._what = what
        self._advice = advice
        self._timeout_s = timeout_s
        self._steady_s = steady_s
        self._heard_s = self._looked_s = steady_s()
        self._silence_s = 0.0
        self.longest_s = 0.0

    def hear(self, moving: bool) -> None:
        """Take note of a sign of life."""
        now_s = self._steady_s()
        if moving:
            self.longest_s = max(self.longest_s, now_s - self._heard_s)
        self._heard_s = self._looked_s = now_s
        self._silence_s = 0.0

    def complaint(self) -> str:
        """Look once; return what is wrong when it has been silent too long, else nothing.

        To be called every 0.01 s while the robot moves.
        """
        now_s = self._steady_s()
        self._silence_s += min(now_s - self._looked_s, _LONGEST_LOOK_S)
        self._looked_s = now_s
        self.longest_s = max(self.longest_s, now_s - self._heard_s)
        if self._silence_s <= self._timeout_s:
            return ''
        return (
            f'{self._what}: got none for {now_s - self._heard_s:.2f} s, expected one at least '
            f'every {self._timeout_s:g} s. {self._advice}'
        )
