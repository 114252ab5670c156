"""Where the tool is along a whole path, in a few array operations. Owns no inverse kinematics."""

from __future__ import annotations

from typing import Any

import mink
import numpy as np
from numpy.typing import DTypeLike, NDArray

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import load_model

_ONE = np.eye(6)[5]


class ToolPath:
    """Forward kinematics of many arm positions at once, from the robot's model.

    It walks the chain from the tool back to the base with points only, so that a path of some
    hundred positions costs a fraction of a millisecond: cheap enough for every command.
    """

    def __init__(self, robot: RobotDescription, precision: DTypeLike = np.float64) -> None:
        """Read the chain of hinge joints from the base to the robot's tool frame.

        Args:
            robot: its model holds the joints and the tool frame by name.
            precision: of all sums. Single costs less than half and, for joints within a turn of
                zero and an arm of about a metre, is right to a hundredth of a millimetre.
        """
        self._precision = precision
        model = load_model(robot)
        column = {model.joint(name).id: i for i, name in enumerate(robot.joint_names)}
        site = model.site(robot.tool_frame)
        # From the tool to the base: what to do with a point on the way through each joint.
        self._chain: list[tuple[int, NDArray[Any]]] = []
        rotation, offset = np.eye(3), np.array(site.pos)
        body = int(site.bodyid[0])
        while body != 0:
            first = int(model.body_jntadr[body])
            hinges = [j for j in range(first, first + int(model.body_jntnum[body])) if j in column]
            for joint in reversed(hinges):
                axis, anchor = _frame_along(model.jnt_axis[joint]), model.jnt_pos[joint]
                # Everything between this joint and the one before it, seen from its axis.
                seen = _from_turned(axis.T @ rotation, axis.T @ (offset - anchor))
                x, y, z = seen
                rows = np.stack([x, y, -y, x, z, _ONE])
                self._chain.append((column[joint], rows.astype(precision)))
                rotation, offset = axis, np.array(anchor)
            turn = mink.SO3(model.body_quat[body]).as_matrix()
            rotation, offset = turn @ rotation, turn @ offset + model.body_pos[body]
            body = int(model.body_parentid[body])
        self._to_base = _from_turned(rotation, offset).astype(precision)

    def __call__(self, joints: Float64) -> NDArray[Any]:
        """Return tool positions in the base frame [m], (N, 3), for `joints` [rad], (N, J)."""
        angles = np.ascontiguousarray(joints.T, self._precision)  # (J, N): each joint in one piece
        turns = np.empty((len(angles), 2, 1, len(joints)), self._precision)
        np.cos(angles, out=turns[:, 0, 0])
        np.sin(angles, out=turns[:, 1, 0])
        points = np.zeros((6, len(joints)), self._precision)
        points[5] = 1.0
        for column, rows in self._chain:
            points = rows @ points
            terms = points[:4].reshape(2, 2, -1)
            terms *= turns[column]
        in_base: NDArray[Any] = (self._to_base @ points).T
        return in_base


def _from_turned(rotation: Float64, offset: Float64) -> Float64:
    """Return the (3, 6) matrix that rotates and moves points that have just been turned.

    A point turned by t about z is (x cos t - y sin t, y cos t + x sin t, z). Its terms come as
    rows, x cos t, y cos t, -y sin t, x sin t, z and 1, and are added up by the next product.
    """
    x, y, z = rotation.T
    return np.stack([x, y, x, y, z, offset], axis=1)


def _frame_along(axis: Float64) -> Float64:
    """Return a rotation whose third column is `axis`, a unit vector, (3,)."""
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    x = np.cross(helper, axis)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(axis, x), axis])
