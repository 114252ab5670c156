"""Which control modes there are. A new one is a file in this folder and a line here."""

from __future__ import annotations

from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import ControlMode
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.modes.base import Mode
from dsrl_ros.robots.motion.modes.ee_delta import EeDelta
from dsrl_ros.robots.motion.modes.ee_pose import EePose
from dsrl_ros.robots.motion.modes.joint_position import JointPosition
from dsrl_ros.robots.motion.modes.joint_velocity import JointVelocity

MODES: dict[ControlMode, type[Mode]] = {
    ControlMode.JOINT_POSITION: JointPosition,
    ControlMode.JOINT_VELOCITY: JointVelocity,
    ControlMode.EE_POSE: EePose,
    ControlMode.EE_DELTA: EeDelta,
}
GRIPPER = 'gripper'  # the last column of any mode, or none


def arm_columns(
    control_mode: ControlMode, action_names: tuple[str, ...], robot: RobotDescription
) -> tuple[str, ...]:
    """Return the columns of an action that are the arm's.

    Args:
        control_mode: what the columns mean.
        action_names: name of each column, (A,).
        robot: whose arm.

    Raises:
        ShapeMismatchError: no such mode, or columns that it does not read.
    """
    if control_mode not in MODES:
        known = ', '.join(mode.name for mode in MODES)
        raise ShapeMismatchError(
            f'control mode: got {control_mode.name}, expected one of {known}. Mend the card.'
        )
    columns = action_names[:-1] if action_names[-1:] == (GRIPPER,) else action_names
    choices = MODES[control_mode].choices(robot)
    if columns not in choices:
        wanted = ' or '.join(', '.join(choice) for choice in choices)
        raise ShapeMismatchError(
            f'{control_mode.name}: got columns {", ".join(action_names)}, expected {wanted}, then '
            f'{GRIPPER} or nothing. Start the driver made for this policy, or mend its card.'
        )
    return columns
