"""`ControlMode.JOINT_POSITION`: a row is where the joints are to be."""

from __future__ import annotations

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.modes.base import Mode, StepTarget, target_at


class JointPosition(Mode):
    """Columns: the arm's joints by name, from base to tool [rad]."""

    @staticmethod
    def choices(robot: RobotDescription) -> tuple[tuple[str, ...], ...]:
        """Return the sets of columns that this mode reads."""
        return (robot.joint_names,)

    def follow(self, row: Float64, _: StepTarget) -> tuple[StepTarget, Float64]:
        """Return where a row leads, and the row as it is carried out."""
        return target_at(row, self._kinematics), row
