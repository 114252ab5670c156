"""Where the tool is along a whole path, in a few array operations. Owns no inverse kinematics."""

from __future__ import annotations

import mujoco
import numpy as np

from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.model import load_model
from dsrl_ros.robots.trajectory import Float64


class ToolPath:
    """Forward kinematics of many arm positions at once, from the robot's model.

    It walks the chain from the tool back to the base with points only, so that a path of some
    hundred positions costs a fraction of a millisecond: cheap enough for every command.
    """

    def __init__(self, robot: RobotDescription) -> None:
        """Read the chain of hinge joints from the base to the robot's tool frame.

        Args:
            robot: its model holds the joints and the tool frame by name.
        """
        model = load_model(robot)
        column = {model.joint(name).id: i for i, name in enumerate(robot.joint_names)}
        site = model.site(robot.tool_frame)
        # From the tool to the base: what to do with a point on the way through each joint.
        self._chain: list[tuple[int, Float64, Float64]] = []
        rotation, offset = np.eye(3), np.array(site.pos)
        body = int(site.bodyid[0])
        while body != 0:
            first = int(model.body_jntadr[body])
            hinges = [j for j in range(first, first + int(model.body_jntnum[body])) if j in column]
            for joint in reversed(hinges):
                axis, anchor = _frame_along(model.jnt_axis[joint]), model.jnt_pos[joint]
                # Everything between this joint and the one before it, seen from its axis.
                self._chain.append((column[joint], axis.T @ rotation, axis.T @ (offset - anchor)))
                rotation, offset = axis, np.array(anchor)
            turn = _matrix(model.body_quat[body])
            rotation, offset = turn @ rotation, turn @ offset + model.body_pos[body]
            body = int(model.body_parentid[body])
        self._base_rotation, self._base_offset = rotation, offset

    def __call__(self, joints: Float64) -> Float64:
        """Return tool positions in the base frame [m], (N, 3), for `joints` [rad], (N, J)."""
        angles = np.ascontiguousarray(joints.T)  # (J, N): each joint's in one piece
        sines, cosines = np.sin(angles), np.cos(angles)
        points = np.zeros((3, len(joints)))
        for column, rotation, offset in self._chain:
            points = rotation @ points + offset[:, None]
            x = cosines[column] * points[0] - sines[column] * points[1]
            points[1] = sines[column] * points[0] + cosines[column] * points[1]
            points[0] = x
        in_base: Float64 = (self._base_rotation @ points + self._base_offset[:, None]).T
        return in_base


def _frame_along(axis: Float64) -> Float64:
    """Return a rotation whose third column is `axis`, a unit vector, (3,)."""
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    x = np.cross(helper, axis)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(axis, x), axis])


def _matrix(quaternion: Float64) -> Float64:
    """Return the rotation matrix of a unit quaternion (w, x, y, z)."""
    matrix = np.empty(9)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return matrix.reshape(3, 3)
