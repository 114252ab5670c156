"""The ramp: after engagement plans and moves are stretched in time, so that they start slowly.

An arm that has just been engaged may not be where it is thought to be, and its policy may be the
wrong one: while it creeps, there is time to press the emergency stop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from dsrl_ros.core.types import Array, Float64
from dsrl_ros.robots.motion.planner import LONGEST_SPAN_NS, ChunkPlan, ChunkPlanner, Commanded
from dsrl_ros.robots.motion.trajectory import Int64, JointTrajectory


@dataclass(frozen=True)
class Ramp:
    """Time passes for the planner at a rate that rises evenly from `start` to 1.

    With f the rate, a joint's velocity is f times the planned one, and its acceleration f^2 times
    the planned one and f' times the planned velocity.

    Attributes:
        start: rate at engagement, more than 0 and at most 1.
        duration_ns: time until the rate is 1 [ns]; 0 means that it always is.
    """

    start: float = 1.0
    duration_ns: int = 0

    def rate(self, elapsed_ns: ArrayLike) -> Float64:
        """Return f so long after the first motion [ns], same shape."""
        elapsed = np.asarray(elapsed_ns, dtype=np.float64)
        left = np.clip(1.0 - elapsed / max(self.duration_ns, 1), 0.0, 1.0)
        rate: Float64 = 1.0 - (1.0 - self.start) * left
        return rate

    def passed(self, elapsed_ns: ArrayLike) -> Float64:
        """Return how much time has passed for the planner by then [ns]: the integral of f."""
        elapsed = np.asarray(elapsed_ns, dtype=np.float64)
        ramped = np.minimum(elapsed, self.duration_ns)
        passed: Float64 = (self.start + self.rate(ramped)) / 2 * ramped + (elapsed - ramped)
        return passed

    def elapsed(self, passed_ns: ArrayLike) -> Float64:
        """Return when that much time has passed for the planner [ns]: `passed` turned round."""
        passed = np.asarray(passed_ns, dtype=np.float64)
        ramped = np.minimum(passed, self.passed(self.duration_ns))
        slope = (1.0 - self.start) / max(self.duration_ns, 1)
        # The root of start * t + slope * t^2 / 2 = ramped that stays exact for a slope of zero.
        root = np.sqrt(self.start**2 + 2.0 * slope * ramped)
        elapsed: Float64 = 2.0 * ramped / (self.start + root) + (passed - ramped)
        return elapsed

    def plan(
        self, planner: ChunkPlanner, actions: Array, start: Commanded, elapsed_ns: int
    ) -> ChunkPlan:
        """Plan a chunk that begins so long after the first motion.

        Where a sequence of rows is cut into chunks makes no difference here either: the planner
        is given the velocity that it planned the chunk before with.

        Args:
            planner: of the robot.
            actions: (n, A).
            start: what is commanded when the chunk begins.
            elapsed_ns: since the first motion after engagement [ns].

        Raises:
            DsrlError: as `ChunkPlanner.plan`.
        """
        if elapsed_ns >= self.duration_ns:
            return planner.plan(actions, start)
        unscaled = replace(start, velocity=start.velocity / self.rate(elapsed_ns))
        plan = planner.plan(actions, unscaled)
        trajectory, per_step = self.stretched(plan.trajectory, elapsed_ns, plan.points_per_step)
        return replace(plan, trajectory=trajectory, points_per_step=per_step, start=start)

    def stretched(
        self, trajectory: JointTrajectory, elapsed_ns: int, every: int = 1
    ) -> tuple[JointTrajectory, int]:
        """Stretch a trajectory that begins so long after the first motion.

        Args:
            trajectory: planned for full speed.
            elapsed_ns: since the first motion after engagement [ns].
            every: points that a step of it takes.

        Returns:
            The stretched one, and the points that a step takes now: ends of steps stay points.
        """
        planned_ns = trajectory.times_ns[::every]
        begun = float(self.passed(elapsed_ns))
        ends_ns = (self.elapsed(begun + planned_ns) - elapsed_ns).round().astype(np.int64)
        per_step = -(-int(np.diff(ends_ns).max()) // LONGEST_SPAN_NS)
        times_ns = _divided(ends_ns, per_step)
        reached_ns = (self.passed(elapsed_ns + times_ns) - begun).round().astype(np.int64)
        reached_ns[::per_step] = planned_ns  # to the bit, whatever rounding says
        positions, velocities = trajectory.sample(reached_ns)
        velocities *= self.rate(elapsed_ns + times_ns)[:, None]
        return JointTrajectory(times_ns, positions, velocities), per_step


def _divided(times_ns: Int64, parts: int) -> Int64:
    """Divide each span between two times into equal parts, as equal as whole nanoseconds are."""
    part = np.arange(parts, dtype=np.int64)
    inner = times_ns[:-1, None] + np.diff(times_ns)[:, None] * part // parts
    return np.append(inner.ravel(), times_ns[-1])
