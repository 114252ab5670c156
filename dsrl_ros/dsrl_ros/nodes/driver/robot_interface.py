"""What the driver needs of a robot, whichever it is: the seam between rules and wires.

Each kind of robot has a module of its own beside this one; the driver knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from dsrl_ros.core.types import ChunkOutcome, Float64
from dsrl_ros.robots.execution.executor import Leg
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros.diagnostics import Health


@dataclass(frozen=True)
class Trouble:
    """Why the robot must not move, until somebody has looked.

    Attributes:
        message: what, got, expected, what to do.
        outcome: of the chunk that is on its way.
    """

    message: str
    outcome: ChunkOutcome = ChunkOutcome.FAULT


@dataclass(frozen=True)
class DriverCalls:
    """What a robot tells its driver, and asks it.

    Attributes:
        on_state: a state of the robot has come; gets its stamp [ns].
        on_trouble: the robot must stop.
        on_stuck: simulated time does not go on; gets the cause.
        commanded: joints commanded now [rad], (J,); None while no chunk is on its way.
        stopped: whether nothing may move until somebody clears the driver.
    """

    on_state: Callable[[int], None]
    on_trouble: Callable[[Trouble], None]
    on_stuck: Callable[[str], None]
    commanded: Callable[[], Float64 | None]
    stopped: Callable[[], bool]


class RobotSide(Protocol):
    """The wires to one robot. Nothing can be sent before `open`, and no call blocks."""

    def missing(self) -> list[str]:
        """Return what is not there yet, for people."""
        ...

    def rivals(self) -> list[str]:
        """Return the topics on which somebody else commands the same robot."""
        ...

    def open(self) -> None:
        """Take the right to command, unless it is held already."""
        ...

    def close(self) -> None:
        """Give it up; what was sent last ends at rest."""
        ...

    def send(self, leg: Leg, anew: bool = False) -> None:
        """Send a leg to the controllers.

        Args:
            leg: what to do.
            anew: the gripper is commanded even if it was told the same before.
        """
        ...

    def halt_gripper(self) -> None:
        """Send no command to the gripper that is still waiting; what is on its way goes on."""
        ...

    def when_gripper_settled(self, then: Callable[[str], None]) -> None:
        """Tell, once the gripper's last command has ended, what went wrong; empty if nothing."""
        ...

    def is_as_new_as(self, stamp_ns: int) -> bool:
        """Return whether the robot is known as of `stamp_ns` or later."""
        ...

    def describe(self) -> RobotDescription:
        """Return limits and kinematics, stated by the robot itself where it is asked.

        They hold until the next call.

        Raises:
            ConfigError: the robot describes itself as another, or not yet.
        """
        ...

    def joints(self) -> Float64:
        """Return the joints measured last [rad], (J,)."""
        ...

    def width(self) -> float:
        """Return the width of the gripper measured last [m]."""
        ...

    def scene(self) -> int:
        """Return a number that changes when the arm was moved by other means than commands."""
        ...

    def trouble(self) -> Trouble | None:
        """Return why the robot cannot move now; None when it can."""
        ...

    def reset(self) -> None:
        """Forget troubles that are over: somebody has looked."""
        ...

    async def recover(self) -> str:
        """Bring the robot out of its error state; return what was done.

        Raises:
            DriverError: names the step that failed.
        """
        ...

    def healths(self) -> Mapping[str, Health]:
        """Return what people should see of the robot, by part."""
        ...
