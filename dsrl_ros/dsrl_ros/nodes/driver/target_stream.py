"""Legs read off at a steady rate, for controllers that take targets and no trajectories.

Such a controller goes to the last target it got, for as long as it lives. So targets are read off
windows that end at rest, and a stream that has stalled is not taken up again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from rclpy.node import Node

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.execution.executor import Leg
from dsrl_ros.ros.waiting import STEADY_CLOCK

Target = Callable[[int, Float64, Float64], None]


class LegStream:
    """Calls with the target of now, from the start of a leg to its end."""

    def __init__(
        self, node: Node, rate_hz: float, ttl_s: float, what: str, target: Target
    ) -> None:
        """Prepare.

        Args:
            node: that owns the timer, and whose clock the legs follow.
            rate_hz: targets per second [1/s].
            ttl_s: gap between two targets after which the arm is let rest [s].
            what: takes the targets; named in the complaint.
            target: gets the time [ns], joints [rad] and velocities [rad/s] of each target, (J,).
        """
        self._node = node
        self._ttl_s = ttl_s
        self._what = what
        self._target = target
        self._legs: deque[Leg] = deque()
        self._ticked_s = 0.0
        self._trouble = ''
        self._timer = node.create_timer(1.0 / rate_hz, self._tick, clock=STEADY_CLOCK)
        self._timer.cancel()

    @property
    def busy(self) -> bool:
        """Whether a leg is being followed."""
        return bool(self._legs)

    def trouble(self) -> str:
        """Return why the arm was let rest before its time; empty when it was not."""
        return self._trouble

    def reset(self) -> None:
        """Forget a stall: somebody has looked."""
        self._trouble = ''

    def clear(self) -> None:
        """Follow nothing any more."""
        self._timer.cancel()
        self._legs.clear()

    def follow(self, leg: Leg) -> None:
        """Follow a leg from its start on, in place of all that would have begun then or later."""
        if not self._legs:
            self._ticked_s = time.monotonic()
            self._timer.reset()
        # A leg is sent ahead of its start: what brakes before it takes its place.
        while self._legs and self._legs[-1].start_ns >= leg.start_ns:
            self._legs.pop()
        self._legs.append(leg)

    def _tick(self) -> None:
        now_s, now_ns = time.monotonic(), self._node.get_clock().now().nanoseconds
        gap_s, self._ticked_s = now_s - self._ticked_s, now_s
        if gap_s > self._ttl_s:
            # This process stood still: what was planned meanwhile is no longer wanted.
            self._stall(gap_s)
            return
        while len(self._legs) > 1 and self._legs[1].start_ns <= now_ns:
            self._legs.popleft()
        if not self._legs:
            self._timer.cancel()
            return
        leg = self._legs[0]
        elapsed_ns = now_ns - leg.start_ns
        self._target(now_ns, *leg.trajectory.sample(elapsed_ns))
        if len(self._legs) == 1 and elapsed_ns > leg.trajectory.duration_ns:
            self.clear()  # its end, at rest, has just been sent

    def _stall(self, gap_s: float) -> None:
        self.clear()
        self._trouble = (
            f'{self._what}: got a gap of {gap_s:.2f} s between two targets, expected at most '
            f'{self._ttl_s:g} s. The driver was not scheduled; give it a core.'
        )
