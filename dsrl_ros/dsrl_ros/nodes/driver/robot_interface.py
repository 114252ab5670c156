"""What the driver needs of a robot, whichever it is, with what only ROS knows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from dsrl_ros.robots.execution.robot import Robot
from dsrl_ros.ros.diagnostics import Health


class RobotInterface(Robot, Protocol):
    """The connection to one robot; each kind has a module of its own.

    Commands, measures and faults are those of `Robot`. Life cycle: `missing`, `open`, `close`.
    For a person: `recover`, `healths`. Nothing can be sent before `open`.
    """

    def missing(self) -> list[str]:
        """Return what is not there yet, for people."""
        ...

    def open(self) -> None:
        """Take the right to command, unless it is held already."""
        ...

    def close(self) -> None:
        """Give it up; what was sent last ends at rest."""
        ...

    async def recover(self) -> str:
        """Bring the robot out of its error state; return what was done.

        Raises:
            DriverError: names the step that failed.
        """
        ...

    def healths(self) -> Mapping[str, Health]:
        """Return the state of the robot's parts for people, by part."""
        return {}
