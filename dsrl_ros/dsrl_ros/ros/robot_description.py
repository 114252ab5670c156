"""The description that a robot publishes of itself, and whether it stays the same."""

from __future__ import annotations

from rclpy.node import Node
from std_msgs.msg import String

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.urdf import described_by, differences
from dsrl_ros.ros import names, qos


class SelfDescription:
    """The newest URDF of a robot; a reading holds until the next one."""

    def __init__(self, node: Node, shipped: RobotDescription) -> None:
        """Subscribe.

        Args:
            node: that asks.
            shipped: names joints, base and tool; no limit is wider than its.
        """
        self._node = node
        self._shipped = shipped
        self._urdf: str | None = None
        self._read: tuple[str, RobotDescription] | None = None
        self._complaint = ''
        self._topic = node.resolve_topic_name(names.ROBOT_DESCRIPTION)
        node.create_subscription(String, names.ROBOT_DESCRIPTION, self._on_urdf, qos.LATCHED)

    def missing(self) -> list[str]:
        """Return the topic if nothing has come on it yet."""
        return [self._topic] if self._urdf is None else []

    def read(self) -> RobotDescription:
        """Return the robot as it describes itself now; log once how it differs from shipped.

        Raises:
            ConfigError: it is not a description of this robot.
        """
        if self._urdf is None:
            raise ConfigError(f'{self._topic}: got nothing, expected the URDF of the robot.')
        self._complaint = ''
        if self._read is None or self._read[0] != self._urdf:
            described = described_by(self._urdf, self._shipped)
            self._read = self._urdf, described
            if changed := differences(self._shipped, described):
                text = f'{self._topic}: {"; ".join(changed)}, as shipped'
                self._node.get_logger().warning(text)
            else:
                self._node.get_logger().info(f'{self._topic}: no limit is tighter than shipped')
        return self._read[1]

    def complaint(self) -> str:
        """Return how the newest description differs from the one read; empty when it does not."""
        return self._complaint

    def _on_urdf(self, message: String) -> None:
        self._urdf = message.data
        if self._read is None:
            return
        try:
            changed = differences(self._read[1], described_by(self._urdf, self._shipped))
        except ConfigError as error:
            changed = [str(error)]
        self._complaint = (
            f'{self._topic}: the robot describes itself otherwise than when the driver was '
            f'configured: {"; ".join(changed)}. Configure it again.'
            if changed
            else ''
        )
