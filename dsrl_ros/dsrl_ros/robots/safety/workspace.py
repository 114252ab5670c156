"""Whether the tool stays in the workspace box all along a trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.tool_path import ToolPath
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.robots.motion.windows import rest_positions

# A planner that leads the tool along the edge of the workspace bulges beyond it by a millimetre
# between its points; and between two samples a tool that accelerates at 10 m/s^2 gets as far out.
WORKSPACE_TOLERANCE = 3e-3  # [m]
_SAMPLE_NS = 25_000_000
_AROUND_ENDS = 0.02  # [m]
# Nearer to the edge than this single precision does not decide: ten times what it may be wrong by.
_SINGLE = 1e-4  # [m]


@dataclass(frozen=True)
class WorkspaceViolation:
    """A tool beyond the box.

    Attributes:
        tool: where it is, furthest out [m], (3,).
        low, high: the box [m], (3,).
    """

    tool: Float64
    low: Float64
    high: Float64


class Workspace:
    """The box that the tool of an arm stays in, on its way and where it rests when stopped."""

    def __init__(self, robot: RobotDescription, brake_ns: int) -> None:
        """Prepare.

        Args:
            robot: whose box.
            brake_ns: time in which the arm brakes to rest whenever it is stopped [ns].
        """
        self._brake_ns = brake_ns
        self._tool = ToolPath(robot)
        self._rough_tool = ToolPath(robot, np.float32)
        self._low = np.array(robot.workspace_low) - WORKSPACE_TOLERANCE
        self._high = np.array(robot.workspace_high) + WORKSPACE_TOLERANCE

    def violation(self, trajectory: JointTrajectory, wider: bool) -> WorkspaceViolation | None:
        """Return where the tool is furthest beyond the box, None if it never is.

        Args:
            trajectory: within the limits of the joints.
            wider: take into the box what lies around both ends of the trajectory.
        """
        low, high = self._low, self._high
        if wider:
            reached = self._tool(trajectory.positions[[0, -1]])
            low = np.minimum(low, reached.min(axis=0) - _AROUND_ENDS)
            high = np.maximum(high, reached.max(axis=0) + _AROUND_ENDS)
        joints = self._samples(trajectory)
        rough = self._rough_tool(joints)
        inside = (rough.min(axis=0) - low).min(), (high - rough.max(axis=0)).min()
        if min(inside) >= _SINGLE:
            return None
        tool = self._tool(joints)
        outside = np.maximum(low - tool, tool - high).max(axis=1)
        worst = int(np.argmax(outside))
        return None if outside[worst] <= 0.0 else WorkspaceViolation(tool[worst], low, high)

    def _samples(self, trajectory: JointTrajectory) -> Float64:
        """Return positions on the way and where the arm would rest if stopped there, (K, J)."""
        times_ns = trajectory.times_ns
        longest_ns = int((times_ns[1:] - times_ns[:-1]).max(initial=1))
        positions, velocities = trajectory.subdivided(-(-longest_ns // _SAMPLE_NS))
        rests = rest_positions(positions, velocities, self._brake_ns)
        return np.concatenate([positions, rests])
