"""What drivers of grippers that only open and close share.

`robots.execution.gripper` chooses the next command; a subclass sends it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from rclpy.node import Node

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.robots.execution.gripper import BinaryGripper
from dsrl_ros.ros.diagnostics import Health, Level

_REQUESTS = {None: 'nothing', True: 'closed', False: 'open'}


class BinaryGripperDriver(ABC):
    """The `GripperPort` of its own `BinaryGripper`.

    Attributes:
        name: full name of the gripper, for people.
    """

    def __init__(self, node: Node, config: HardwareConfig) -> None:
        """Prepare.

        Args:
            node: that owns publishers or clients.
            config: thresholds and deadlines.
        """
        self._node = node
        self._config = config
        self._waiting: list[Callable[[str], None]] = []
        self.name = ''
        self._gripper = BinaryGripper(self, config)

    @abstractmethod
    def missing(self) -> list[str]:
        """Return what is not there yet, for people."""

    @abstractmethod
    def start(self, closes: bool, command_id: int) -> None:
        """Close or open, and call `_end` with the same id when that has ended."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the command under way, which then ends."""

    def request(self, width_m: float, force: bool) -> None:
        """Command a width [m]; with `force`, even if it was commanded last."""
        self._gripper.request(width_m, force)

    def halt(self) -> None:
        """Drop the request that waits."""
        self._gripper.halt()

    def poll(self) -> None:
        """Check the deadline, and call those that wait for the end of a command."""
        self._gripper.check_deadline()
        if self._gripper.settled and self._waiting:
            waiting, self._waiting = self._waiting, []
            complaint = self._gripper.complaint
            for then in waiting:
                then(f'gripper {self.name}: {complaint}' if complaint else '')

    def when_settled(self, then: Callable[[str], None]) -> None:
        """Call `then` once the last command has ended, with its error or an empty text."""
        self._waiting.append(then)

    def health(self) -> Health:
        """Return the state of the gripper for people."""
        complaint = self._gripper.complaint
        values = {
            'requested': _REQUESTS[self._gripper.closes],
            'command under way': str(self._gripper.busy).lower(),
        }
        if complaint:
            return Health(Level.ERROR, f'{self.name}: {complaint}', values)
        return Health(Level.OK, 'fine', values)

    def _end(self, command_id: int, complaint: str) -> None:
        self._gripper.ended(command_id, complaint)
        if complaint and self._gripper.complaint == complaint:
            self._node.get_logger().warning(
                f'gripper {self.name}: {complaint}', throttle_duration_sec=1.0
            )
