"""`ControlMode.JOINT_VELOCITY`: a row is how fast the joints move when its step ends."""

from __future__ import annotations

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.modes.base import Mode, StepTarget, target_at


class JointVelocity(Mode):
    """Columns: the arm's joints by name, from base to tool [rad/s].

    A velocity is summed up from where the last step led, not from where the arm is, so that the
    arm does not drift. After the last row it brakes: no velocity outlives its chunk.
    """

    @staticmethod
    def choices(robot: RobotDescription) -> tuple[tuple[str, ...], ...]:
        """Return the sets of columns that this mode reads."""
        return (robot.joint_names,)

    def follow(self, row: Float64, before: StepTarget) -> tuple[StepTarget, Float64]:
        """Return where a row leads, and the row as it is carried out."""
        joints = before.joints + row * (1e-9 * self._step_period_ns)
        return target_at(joints, self._kinematics), row
