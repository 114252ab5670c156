"""Watchdogs of a moving robot: one for a sender that falls silent, one for an arm that lags."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from dsrl_ros.core.types import Float64

# A process that was not scheduled did not listen. Checks are due every 0.01 s, and no more than
# this counts as silence between two of them.
_LONGEST_GAP_S = 0.03


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
        self._heard_s = self._checked_s = steady_s()
        self._silence_s = 0.0
        self.longest_s = 0.0

    def hear(self, moving: bool) -> None:
        """Take note of a sign of life."""
        now_s = self._steady_s()
        if moving:
            self.longest_s = max(self.longest_s, now_s - self._heard_s)
        self._heard_s = self._checked_s = now_s
        self._silence_s = 0.0

    def complaint(self) -> str:
        """Return what is wrong when it has been silent too long, else nothing.

        To be called every 0.01 s while the robot moves.
        """
        now_s = self._steady_s()
        self._silence_s += min(now_s - self._checked_s, _LONGEST_GAP_S)
        self._checked_s = now_s
        self.longest_s = max(self.longest_s, now_s - self._heard_s)
        if self._silence_s <= self._timeout_s:
            return ''
        return (
            f'{self._what}: got none for {now_s - self._heard_s:.2f} s, expected one at least '
            f'every {self._timeout_s:g} s. {self._advice}'
        )


class FollowWatch:
    """Complains about an arm that lags behind its command for longer than a controller may."""

    def __init__(
        self,
        joint_names: Sequence[str],
        tolerance_rad: float,
        timeout_s: float,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with an arm that follows.

        Args:
            joint_names: (J,).
            tolerance_rad: distance from the command that a controller may leave [rad].
            timeout_s: time for which it may be larger [s].
            steady_s: a clock that never jumps [s].
        """
        self._joint_names = tuple(joint_names)
        self._tolerance_rad = tolerance_rad
        self._timeout_s = timeout_s
        self._steady_s = steady_s
        self._lost_s: float | None = None

    def reset(self) -> None:
        """Start again with an arm that follows."""
        self._lost_s = None

    def complaint(self, commanded: Float64, measured: Float64) -> str:
        """Return what is wrong when the arm has not followed for too long, else nothing.

        Args:
            commanded: joints commanded now [rad], (J,).
            measured: joints measured last [rad], (J,).
        """
        error = np.abs(commanded - measured)
        worst = int(np.argmax(error))
        # Written so that a measurement that is not a number counts as lost.
        if error[worst] <= self._tolerance_rad:
            self._lost_s = None
            return ''
        now_s = self._steady_s()
        if self._lost_s is None:
            self._lost_s = now_s
        if now_s - self._lost_s < self._timeout_s:
            return ''
        return (
            f'controller: got {self._joint_names[worst]} {error[worst]:.3f} rad from its command '
            f'for {now_s - self._lost_s:.2f} s, expected at most {self._tolerance_rad:g} rad for '
            f'{self._timeout_s:g} s. Check that the arm controller is active and the arm is free.'
        )
