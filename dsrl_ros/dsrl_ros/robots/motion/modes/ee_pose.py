"""`ControlMode.EE_POSE`: a row is where the tool is to be, and how it is to be turned."""

from __future__ import annotations

import numpy as np

from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.modes.base import Mode, StepTarget

# A policy's quaternion is a regression and never quite of unit length; one further off than this
# is more likely something else than an orientation.
_LENGTH_TOLERANCE = 0.1


class EePose(Mode):
    """Columns: position of the tool in the base frame [m], unit quaternion (w, x, y, z)."""

    @staticmethod
    def choices(_: RobotDescription) -> tuple[tuple[str, ...], ...]:
        """Return the sets of columns that this mode reads."""
        return (('x', 'y', 'z', 'qw', 'qx', 'qy', 'qz'),)

    def follow(self, row: Float64, before: StepTarget) -> tuple[StepTarget, Float64]:
        """Return where a row leads, and the row with its quaternion of unit length."""
        position, quaternion = row[:3], row[3:]
        length = float(np.linalg.norm(quaternion))
        if abs(length - 1.0) > _LENGTH_TOLERANCE:
            raise ShapeMismatchError(
                f'action chunk: got a quaternion of length {length:.3g}, expected 1 within '
                f'{_LENGTH_TOLERANCE:g}. Check that columns 4 to 7 are qw, qx, qy, qz.'
            )
        orientation = quaternion / length
        joints = self._kinematics.solve(position, orientation, before.joints)
        return StepTarget(joints, position, orientation), np.concatenate([position, orientation])
