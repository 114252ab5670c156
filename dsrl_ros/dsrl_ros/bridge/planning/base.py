"""What every motion planner offers."""

from __future__ import annotations

from typing import Protocol

from dsrl_ros.robots.trajectory import Float64, JointTrajectory


class MotionPlanner(Protocol):
    """Plans from rest to rest; moves nothing.

    Attributes:
        name: for people, as in `PlanMotion`.
    """

    name: str

    async def plan(self, start: Float64, goal: Float64, speed: float) -> JointTrajectory:
        """Return a trajectory from `start` to `goal`.

        Args:
            start, goal: joints [rad], (J,).
            speed: share of the robot's velocity and acceleration limits, more than 0 to 1.

        Raises:
            DriverError: there is none, or the planner does not answer.
        """
        ...
