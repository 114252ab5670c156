"""What every control mode does: it turns a row of a chunk into a target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import Kinematics, quaternion_of


@dataclass(frozen=True)
class StepTarget:
    """Where a step leads, as it was commanded.

    Attributes:
        joints: what the arm is to reach [rad], (J,).
        position: of the tool there, base frame [m], (3,).
        orientation: of the tool there, base frame, unit quaternion (w, x, y, z), (4,).
    """

    joints: Float64
    position: Float64
    orientation: Float64


def target_at(joints: Float64, kinematics: Kinematics) -> StepTarget:
    """Return the target of an arm that is commanded to be at `joints` [rad], (J,)."""
    joints = np.array(joints, dtype=np.float64)
    pose = kinematics.tool_pose(joints)
    return StepTarget(joints, pose[:3, 3], quaternion_of(pose[:3, :3]))


class Mode(ABC):
    """Reads the arm's columns of a row. Keeps nothing from one row to the next."""

    def __init__(
        self, robot: RobotDescription, kinematics: Kinematics, step_period_ns: int
    ) -> None:
        """Prepare.

        Args:
            robot: which arm.
            kinematics: of the same robot.
            step_period_ns: time of one step [ns].
        """
        self._robot = robot
        self._kinematics = kinematics
        self._step_period_ns = step_period_ns

    @staticmethod
    @abstractmethod
    def choices(robot: RobotDescription) -> tuple[tuple[str, ...], ...]:
        """Return the sets of columns that this mode reads, without the gripper's."""

    @abstractmethod
    def follow(self, row: Float64, before: StepTarget) -> tuple[StepTarget, Float64]:
        """Return where a row leads, and the row as it is carried out.

        Args:
            row: one finite number for each of the columns.
            before: where the step before led.

        Raises:
            ShapeMismatchError: numbers that do not mean what the columns say.
            DriverError: a pose that the arm cannot reach.
        """
