"""Targets sampled from segments at a steady rate, for controllers without trajectories.

Such a controller goes to the last target it got, for as long as it lives. So targets are
sampled from windows that end at rest, and a stream that has stalled is not resumed.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import deque

from rclpy.node import Node

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.driver.arm_commands import ArmCommands
from dsrl_ros.robots.execution.chunk_executor import Segment
from dsrl_ros.ros.waiting import STEADY_CLOCK


class SegmentStream(ArmCommands):
    """Publishes the target of now, from the start of a segment to its end.

    A subclass adds `_publish`.
    """

    def __init__(self, node: Node, config: HardwareConfig) -> None:
        """Prepare.

        Args:
            node: that owns the timer, and whose clock the segments follow.
            config: rate of the targets, and the gap between two after which the arm is let rest.
        """
        super().__init__(node)
        self._ttl_s = config.target_ttl_s
        self._segments: deque[Segment] = deque()
        self._ticked_s = 0.0
        self._timer = node.create_timer(1.0 / config.target_hz, self._tick, clock=STEADY_CLOCK)
        self._timer.cancel()

    @property
    def busy(self) -> bool:
        """Whether a segment is being followed."""
        return bool(self._segments)

    def clear(self) -> None:
        """Follow nothing any more."""
        self._timer.cancel()
        self._segments.clear()

    def close(self) -> None:
        """Give up the right to command; the arm holds the last target."""
        self.clear()
        super().close()

    def send(self, segment: Segment) -> None:
        """Follow a segment from its start on, in place of all that would start then or later."""
        if not self._segments:
            self._ticked_s = time.monotonic()
            self._timer.reset()
        # A segment is sent ahead of its start: what brakes before it takes its place.
        while self._segments and self._segments[-1].start_ns >= segment.start_ns:
            self._segments.pop()
        self._segments.append(segment)

    @abstractmethod
    def _publish(self, stamp_ns: int, joints: Float64, velocity: Float64) -> None:
        """Publish a target: its time [ns], joints [rad] and velocities [rad/s], (J,)."""

    def _tick(self) -> None:
        now_s, now_ns = time.monotonic(), self._node.get_clock().now().nanoseconds
        gap_s, self._ticked_s = now_s - self._ticked_s, now_s
        if gap_s > self._ttl_s:
            # This process stood still: what was planned meanwhile is no longer wanted.
            self._stall(gap_s)
            return
        while len(self._segments) > 1 and self._segments[1].start_ns <= now_ns:
            self._segments.popleft()
        if not self._segments:
            self._timer.cancel()
            return
        segment = self._segments[0]
        elapsed_ns = now_ns - segment.start_ns
        self._publish(now_ns, *segment.trajectory.sample(elapsed_ns))
        if len(self._segments) == 1 and elapsed_ns > segment.trajectory.duration_ns:
            self.clear()  # its end, at rest, has just been sent

    def _stall(self, gap_s: float) -> None:
        self.clear()
        self._fault = (
            f'{self._topic}: got a gap of {gap_s:.2f} s between two targets, expected at most '
            f'{self._ttl_s:g} s. The driver was not scheduled; give it a core.'
        )
