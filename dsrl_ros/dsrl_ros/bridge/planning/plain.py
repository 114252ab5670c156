"""The planner that needs nothing: straight in joint space. It knows of no obstacle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.rest_to_rest import at_share
from dsrl_ros.robots.trajectory import Float64, JointTrajectory


class PlainPlanner:
    """Moves every joint by itself, all of them in the same time.

    Args:
        robot: whose limits; asked before each plan.
    """

    name = 'plain'

    def __init__(self, robot: Callable[[], RobotDescription]) -> None:
        self._robot = robot

    async def plan(self, start: Float64, goal: Float64, speed: float) -> JointTrajectory:
        """Return the straight way; see `MotionPlanner`."""
        return at_share(np.stack([start, goal]), self._robot(), speed)
