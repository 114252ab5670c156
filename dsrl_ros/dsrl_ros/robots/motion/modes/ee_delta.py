"""`ControlMode.EE_DELTA`: a row is how the commanded pose of the tool is to change."""

from __future__ import annotations

from math import pi

import mink
import numpy as np

from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.modes.base import Mode, StepTarget

SHIFT = ('dx', 'dy', 'dz')
TURN = ('drx', 'dry', 'drz')


class EeDelta(Mode):
    """Columns: change of position [m] and, if it is to turn, of orientation [rad], base frame.

    The turn is a rotation vector and is applied after the orientation commanded so far. Without
    it the tool points straight down. The commanded position stays in the robot's workspace box: a
    step that would leave it is shortened, and so is the row that is reported.
    """

    @staticmethod
    def choices(_: RobotDescription) -> tuple[tuple[str, ...], ...]:
        """Return the sets of columns that this mode reads."""
        return (SHIFT, SHIFT + TURN)

    def follow(self, row: Float64, before: StepTarget) -> tuple[StepTarget, Float64]:
        """Return where a row leads, and the row as it is carried out."""
        orientation = np.array(self._robot.tool_down)
        if len(row) == len(SHIFT + TURN):
            orientation = _turned(before.orientation, row[3:])
        wanted = before.position + row[:3]
        position = np.clip(wanted, self._robot.workspace_low, self._robot.workspace_high)
        if not np.array_equal(position, wanted):
            row = np.concatenate([position - before.position, row[3:]])
        joints = self._kinematics.solve(position, orientation, before.joints)
        return StepTarget(joints, position, orientation), row


def _turned(orientation: Float64, turn: Float64) -> Float64:
    """Return a unit quaternion turned by a rotation vector in the base frame [rad], (3,)."""
    angle = float(np.linalg.norm(turn))
    if angle > pi:
        raise ShapeMismatchError(
            f'action chunk: got a turn of {angle:.3g} rad in one step, expected at most half a '
            'turn: more is the same as less the other way round. Check the unit of drx, dry, drz.'
        )
    after = mink.SO3.exp(turn) @ mink.SO3(orientation)
    quaternion: Float64 = after.normalize().wxyz
    return quaternion
