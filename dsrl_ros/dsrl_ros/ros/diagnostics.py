"""The health that a node reports on `/diagnostics`, for every tool. Decides nothing."""

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
    """The health of a node.

    Attributes:
        level: how bad it is.
        message: the state in a few words, and what to do about a bad one.
        values: numbers for it, by name.
    """

    level: Level
    message: str
    values: Mapping[str, object] = field(default_factory=dict)


def healths_to_msg(
    healths: Mapping[str, Health], node: Node, stamp: Time, hardware: str
) -> DiagnosticArray:
    """Return the health of the parts of a node as a message.

    Args:
        healths: by the name of the part, in a word or two.
        node: that they are parts of.
        stamp: time of the reading.
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
    """Publishes the health of a node once a second, and at once when its level changes."""

    def __init__(
        self,
        node: Node,
        subject: str,
        health: Callable[[], Health],
        hardware: str = '',
        only: str = '',
    ) -> None:
        """Start.

        Args:
            node: that owns publisher and timer.
            subject: the part of the node that is meant, in a word or two.
            health: returns the health of the node now.
            hardware: name of the robot, for a node that commands one.
            only: topic that no other node may publish: a second node of this kind in the same
                namespace is reported as an error.
        """
        self._only = node.resolve_topic_name(only) if only else ''
        self._node = node
        self._subject = subject
        self._hardware = hardware
        self._own_health = health
        self._published: Level | None = None
        self._publisher = node.create_publisher(DiagnosticArray, names.DIAGNOSTICS, qos.DECISION)
        node.create_timer(_PERIOD_S, self._publish, clock=STEADY_CLOCK)

    def publish_if_changed(self) -> None:
        """Publish the health if its level is not the one published last."""
        if self._health().level != self._published:
            self._publish()

    def _publish(self) -> None:
        health = self._health()
        self._published = health.level
        stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(
            healths_to_msg({self._subject: health}, self._node, stamp, self._hardware)
        )

    def _health(self) -> Health:
        health = self._own_health()
        if not self._only or self._node.count_publishers(self._only) < 2:
            return health
        return Health(
            Level.ERROR,
            f'got another node that publishes {self._only}, expected none. End it, or give one of '
            'them another namespace; one that was killed is still seen for some seconds.',
            health.values,
        )
