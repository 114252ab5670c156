"""A hand that only opens and closes, as a driver meets it: wishes in, health and ends out.

Decides nothing: `robots.execution.gripper` says which command is next, a kind of hand how it is
sent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from rclpy.node import Node

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.robots.execution.gripper import BinaryGripper, GripperTiming
from dsrl_ros.ros.diagnostics import Health, Level

_WISHES = {None: 'nothing', True: 'closed', False: 'open'}


class BinaryHand(ABC):
    """The `GripperPort` of its own `BinaryGripper`.

    Attributes:
        said: full name of the hand, for people.
    """

    def __init__(self, node: Node, config: HardwareConfig) -> None:
        """Prepare.

        Args:
            node: that owns what a kind of hand is reached by.
            config: thresholds and deadlines.
        """
        self._node = node
        self._config = config
        self._waiting: list[Callable[[str], None]] = []
        self.said = ''
        self._gripper = BinaryGripper(
            self,
            GripperTiming(
                config.gripper_close_below_m,
                config.gripper_open_above_m,
                config.gripper_timeout_s,
                config.gripper_stop_s,
            ),
        )

    @abstractmethod
    def missing(self) -> list[str]:
        """Return what is not there yet, for people."""

    @abstractmethod
    def start(self, closes: bool, ticket: int) -> None:
        """Close or open; how it ended is told to `_end` with the same ticket."""

    @abstractmethod
    def stop(self) -> None:
        """Stop what is on its way, which then ends."""

    def wish(self, width_m: float, anew: bool) -> None:
        """Take a width that is asked for [m]; `anew` commands it even if it was commanded last."""
        self._gripper.wish(width_m, anew)

    def halt(self) -> None:
        """Command nothing more of what was wished."""
        self._gripper.halt()

    def look(self) -> None:
        """Keep the deadlines; tell those who wait."""
        self._gripper.look()
        if self._gripper.settled and self._waiting:
            waiting, self._waiting = self._waiting, []
            complaint = self._gripper.complaint
            for then in waiting:
                then(f'gripper {self.said}: {complaint}' if complaint else '')

    def when_settled(self, then: Callable[[str], None]) -> None:
        """Tell what went wrong with the last command, empty when nothing did, once it ended."""
        self._waiting.append(then)

    def health(self) -> Health:
        """Return the state of the gripper for people."""
        complaint = self._gripper.complaint
        values = {
            'wished': _WISHES[self._gripper.closes],
            'command on its way': str(self._gripper.busy).lower(),
        }
        if complaint:
            return Health(Level.ERROR, f'{self.said}: {complaint}', values)
        return Health(Level.OK, 'fine', values)

    def _end(self, ticket: int, complaint: str) -> None:
        self._gripper.ended(ticket, complaint)
        if complaint and self._gripper.complaint == complaint:
            self._node.get_logger().warning(
                f'gripper {self.said}: {complaint}', throttle_duration_sec=1.0
            )
