"""What every motion planner offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.trajectory import JointTrajectory


@dataclass(frozen=True)
class Limits:
    """How fast a plan may be.

    Attributes:
        velocity: [rad/s], (J,).
        acceleration: [rad/s^2], (J,).
    """

    velocity: Float64
    acceleration: Float64

    def share_of(self, robot: RobotDescription) -> float:
        """Return the largest share of all of a robot's limits that keeps these, at most 1."""
        velocity = np.divide(self.velocity, robot.velocity_limit)
        acceleration = np.divide(self.acceleration, robot.acceleration_limit)
        return float(min(velocity.min(), acceleration.min(), 1.0))


class MotionPlanner(Protocol):
    """Plans from rest to rest; moves nothing.

    Attributes:
        name: for people, as in `PlanMotion`.
    """

    name: str

    async def plan(self, start: Float64, goal: Float64, limits: Limits) -> JointTrajectory:
        """Return a trajectory from `start` to `goal`.

        Args:
            start, goal: joints [rad], (J,).
            limits: that no joint of the plan may exceed.

        Raises:
            DriverError: there is none, or the planner does not answer.
        """
        ...
