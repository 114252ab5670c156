"""The way off whatever the tool touches: straight up, without turning it."""

from __future__ import annotations

import numpy as np

from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.kinematics import Kinematics, quaternion_of

_STEP = 0.01  # between two points of the path [m]


def straight_up(kinematics: Kinematics, joints: Float64, height: float) -> Float64:
    """Return the path that lifts the tool by `height`, or by as much of it as the arm can reach.

    Args:
        kinematics: of the robot.
        joints: where the arm rests [rad], (J,).
        height: [m], more than 0.

    Returns:
        Joints to pass [rad], (N, J); the first are `joints`.
    """
    pose = kinematics.tool_pose(joints)
    orientation = quaternion_of(pose[:3, :3])
    path = [np.array(joints, dtype=np.float64)]
    for lift in np.linspace(0.0, height, max(2, round(height / _STEP) + 1))[1:]:
        wanted = pose[:3, 3] + (0.0, 0.0, lift)
        try:
            path.append(kinematics.solve(wanted, orientation, path[-1]))
        except DriverError:
            break
    return np.stack(path)
