"""The planner that needs nothing: straight in joint space. It knows of no obstacle."""

from __future__ import annotations

import numpy as np

from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.motion_planner.planners.base import Limits
from dsrl_ros.robots.motion.rest_to_rest import timed
from dsrl_ros.robots.motion.trajectory import JointTrajectory


class PlainPlanner:
    """Moves every joint by itself, all of them in the same time."""

    name = 'plain'

    async def plan(self, start: Float64, goal: Float64, limits: Limits) -> JointTrajectory:
        """Return the straight way; see `MotionPlanner`."""
        return timed(np.stack([start, goal]), limits.velocity, limits.acceleration)
