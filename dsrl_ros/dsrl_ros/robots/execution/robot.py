"""What `ArmDriver` needs of a robot, real or simulated; the part of it that knows no ROS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dsrl_ros.core.types import ChunkOutcome, Float64
from dsrl_ros.robots.execution.chunk_executor import Segment
from dsrl_ros.robots.model.description import RobotDescription


@dataclass(frozen=True)
class Fault:
    """Why the robot must not move until a person has checked it.

    Attributes:
        message: what, got, expected, what to do.
        outcome: of the chunk under way.
    """

    message: str
    outcome: ChunkOutcome = ChunkOutcome.FAULT


class Robot(Protocol):
    """Commands: `send`, `halt_gripper`, `when_gripper_settled`.

    Measures: `joints`, `width`, `scene`, `is_as_new_as`, `describe`.
    Faults: `fault`, `other_publishers`, `reset`.

    No call blocks. Where a call has a body here, it is that of a robot that needs no more.
    """

    def send(self, segment: Segment, force: bool = False) -> None:
        """Send a segment to the controllers.

        Args:
            segment: what to do.
            force: command the gripper even if its last command was the same.
        """
        ...

    def halt_gripper(self) -> None:
        """Drop the gripper command that still waits; one that was sent goes on."""
        return

    def when_gripper_settled(self, then: Callable[[str], None]) -> None:
        """Call `then` once the last gripper command has ended, with its error or an empty text."""
        then('')

    def joints(self) -> Float64:
        """Return the joints measured last [rad], (J,).

        Raises:
            ShapeMismatchError: they are another robot's.
        """
        ...

    def width(self) -> float:
        """Return the gripper's width measured last [m]."""
        ...

    def scene(self) -> int:
        """Return a number that changes when something other than commands moved the arm."""
        return 0

    def is_as_new_as(self, stamp_ns: int) -> bool:
        """Return whether the measured state is from `stamp_ns` [ns] or later."""
        ...

    def describe(self) -> RobotDescription:
        """Return limits and kinematics, from the robot itself where it publishes them.

        They hold until the next call.

        Raises:
            ConfigError: the robot describes itself as another, or not yet.
        """
        ...

    def fault(self) -> Fault | None:
        """Return why the robot cannot move now; None when it can."""
        return None

    def other_publishers(self) -> list[str]:
        """Return the topics on which somebody else commands the same robot."""
        ...

    def reset(self) -> None:
        """Forget faults that are over: a person has checked the robot."""
        return
