"""The states of arm and fingers that an Interbotix `xs_sdk` publishes, if they can be true.

A motor that was not read is reported at its first tick, and so are all after it, with a fresh
stamp; and where the fingers are is computed from such an angle like from any other.
"""

from __future__ import annotations

import math

import numpy as np
from sensor_msgs.msg import JointState

from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros.robot_messages import positions_from_msg

_UNREAD_RAD = -math.pi
_TICK_RAD = 2 * math.pi / 4096
# A joint pushed against its stop may be read as a little beyond its limits.
_BEYOND_RAD = 0.1


class XsStates:
    """The last states that can be true.

    Attributes:
        joints: of the arm [rad], (J,); None before the first, and where they are not this robot's.
        width: of the gripper [m]; None alike.
        beyond: which joint is where none can be; empty when all are where they can be.
    """

    def __init__(self, gripper_joint: str) -> None:
        """Know nothing yet.

        Args:
            gripper_joint: xs_sdk's name of the gripper's motor.
        """
        self._gripper_joint = gripper_joint
        self.joints: Float64 | None = None
        self.width: float | None = None
        self.beyond = ''

    def take(self, message: JointState, robot: RobotDescription) -> bool:
        """Take a state if it can be true; return whether it can.

        Args:
            message: of xs_sdk.
            robot: names and limits of the joints.

        Raises:
            ShapeMismatchError: joints or fingers are not this robot's.
        """
        try:
            joints = positions_from_msg(message, robot.joint_names)
            width = robot.width(positions_from_msg(message, robot.finger_names))
        except ShapeMismatchError:
            self.joints = self.width = None
            raise
        if not np.isfinite([*joints, width]).all() or self._unread(message, joints, robot):
            return False
        self.beyond = _beyond(joints, robot)
        if not self.beyond:
            self.joints, self.width = joints, width
        return not self.beyond

    def _unread(self, message: JointState, joints: Float64, robot: RobotDescription) -> bool:
        """Return whether a motor is reported at its first tick that is never there.

        Others may be: the waist can turn so far. But the gripper is the last to be read.
        """
        never_there = np.array(robot.position_low) > _UNREAD_RAD + _BEYOND_RAD
        reported = joints[never_there].tolist()
        reported += [
            position
            for name, position in zip(message.name, message.position, strict=False)
            if name == self._gripper_joint
        ]
        return any(abs(position - _UNREAD_RAD) < _TICK_RAD / 2 for position in reported)


def _beyond(joints: Float64, robot: RobotDescription) -> str:
    low, high = np.array(robot.position_low), np.array(robot.position_high)
    outside = np.maximum(low - joints, joints - high)
    worst = int(np.argmax(outside))
    if outside[worst] <= _BEYOND_RAD:
        return ''
    return (
        f'arm: got {robot.joint_names[worst]} at {joints[worst]:.3f} rad, expected '
        f'{low[worst]:.3f} to {high[worst]:.3f}. Turn it back by hand, the arm held and its '
        'motors switched off, and call clear.'
    )
