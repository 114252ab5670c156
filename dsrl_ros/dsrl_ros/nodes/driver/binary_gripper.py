"""What drivers of grippers that only open and close share; a subclass sends the commands."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from rclpy.node import Node

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.robots.execution.gripper import BinaryGripper
from dsrl_ros.ros.diagnostics import Health, Level

_REQUESTS = {None: 'nothing', True: 'closed', False: 'open'}


class BinaryGripperDriver(BinaryGripper):
    """A `BinaryGripper` with a name, a state for people, and calls at the end of a command.

    Attributes:
        name: full name of the gripper, for people.
    """

    def __init__(self, node: Node, config: HardwareConfig) -> None:
        """Prepare.

        Args:
            node: that owns publishers or clients.
            config: thresholds and deadlines.
        """
        super().__init__(config)
        self._node = node
        self._waiting: list[Callable[[str], None]] = []
        self.name = ''

    @abstractmethod
    def missing(self) -> list[str]:
        """Return what is not there yet, for people."""

    def poll(self) -> None:
        """Check the deadline, and call those that wait for the end of a command."""
        self.check_deadline()
        if self.settled and self._waiting:
            waiting, self._waiting = self._waiting, []
            error = f'gripper {self.name}: {self.complaint}' if self.complaint else ''
            for then in waiting:
                then(error)

    def when_settled(self, then: Callable[[str], None]) -> None:
        """Call `then` once the last command has ended, with its error or an empty text."""
        self._waiting.append(then)

    def health(self) -> Health:
        """Return the state of the gripper for people."""
        values = {
            'requested': _REQUESTS[self.closes],
            'command under way': str(self.busy).lower(),
        }
        if self.complaint:
            return Health(Level.ERROR, f'{self.name}: {self.complaint}', values)
        return Health(Level.OK, 'fine', values)

    def ended(self, command_id: int, complaint: str) -> None:
        """Take the end of a command, and log what went wrong."""
        super().ended(command_id, complaint)
        if complaint and self.complaint == complaint:
            self._node.get_logger().warning(
                f'gripper {self.name}: {complaint}', throttle_duration_sec=1.0
            )
