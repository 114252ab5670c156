"""What a node says of its health on `/diagnostics`, for every tool. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from std_msgs.msg import Header

from dsrl_ros.ros import names, qos
from dsrl_ros.ros.waiting import STEADY_CLOCK

_PERIOD_S = 1.0


class Level(IntEnum):
    """How bad it is. Values equal those of `DiagnosticStatus`, which are bytes."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class Health:
    """How a node is.

    Attributes:
        level: how bad it is.
        message: what is so, in a few words, and where it is bad what to do.
        values: numbers beside it, by name.
    """

    level: Level
    message: str
    values: Mapping[str, object] = field(default_factory=dict)


def healths_to_msg(
    healths: Mapping[str, Health], node: Node, stamp: Time, hardware: str
) -> DiagnosticArray:
    """Return how the parts of a node are as a message.

    Args:
        healths: by the name of the part, in a word or two.
        node: that they are parts of.
        stamp: when they were so.
        hardware: name of the robot.
    """
    return DiagnosticArray(
        header=Header(stamp=stamp),
        status=[
            DiagnosticStatus(
                level=bytes([health.level]),
                name=f'{node.get_fully_qualified_name()}: {part}',
                hardware_id=hardware,
                message=health.message,
                values=[KeyValue(key=key, value=str(it)) for key, it in health.values.items()],
            )
            for part, health in healths.items()
        ],
    )


class Diagnostics:
    """Says once a second how a node is, and at once when that changes for the worse or better."""

    def __init__(
        self,
        node: Node,
        subject: str,
        ask: Callable[[], Health],
        hardware: str = '',
        only: str = '',
    ) -> None:
        """Start.

        Args:
            node: that owns publisher and timer.
            subject: what of the node is meant, in a word or two.
            ask: returns how the node is now.
            hardware: name of the robot, where the node commands one.
            only: topic that nobody but this node may publish: a second node of its kind in the
                same namespace is named as an error.
        """
        self._only = node.resolve_topic_name(only) if only else ''
        self._node = node
        self._subject = subject
        self._hardware = hardware
        self._ask = ask
        self._said: Level | None = None
        self._publisher = node.create_publisher(DiagnosticArray, names.DIAGNOSTICS, qos.DECISION)
        node.create_timer(_PERIOD_S, self.say, clock=STEADY_CLOCK)

    def look(self) -> None:
        """Say how the node is if its level is another than was said last."""
        if self._health().level != self._said:
            self.say()

    def say(self) -> None:
        """Say how the node is."""
        health = self._health()
        self._said = health.level
        stamp = self._node.get_clock().now().to_msg()
        said = healths_to_msg({self._subject: health}, self._node, stamp, self._hardware)
        self._publisher.publish(said)

    def _health(self) -> Health:
        health = self._ask()
        if not self._only or self._node.count_publishers(self._only) < 2:
            return health
        return Health(
            Level.ERROR,
            f'got another node that publishes {self._only}, expected none. End it, or give one of '
            'them another namespace; one that was killed is seen for some seconds more.',
            health.values,
        )
