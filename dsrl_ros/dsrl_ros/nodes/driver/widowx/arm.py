"""The arm by an Interbotix `xs_sdk`: positions of its joints at a steady rate. Judges no motion.

`xs_sdk` checks nothing of what it is sent: it takes NaN, and positions beyond every limit.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

import numpy as np
from interbotix_xs_msgs.msg import JointGroupCommand
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.publisher import Publisher

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.driver.arm_commands import other_publishers_on
from dsrl_ros.nodes.driver.target_stream import SegmentStream
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros import names, qos

# Whoever speaks on one of these moves the same motors.
_TOPICS = (names.XS_GROUP, names.XS_SINGLE, names.XS_TRAJECTORY)


class JointGroupCommands(SegmentStream):
    """Sends the arm's targets, each within the robot's limits to the last bit."""

    _taker = 'an xs_sdk'

    def __init__(
        self,
        node: Node,
        robot: Callable[[], RobotDescription],
        group: str,
        config: HardwareConfig,
        others: Callable[[str], Publisher | None],
    ) -> None:
        """Prepare; nothing can be commanded before `open`.

        Args:
            node: that owns the publisher.
            robot: names and limits of the joints, in the group's order.
            group: name of the arm's joints.
            config: rate and time-to-live of the targets.
            others: returns what the driver itself publishes on another topic of commands.
        """
        super().__init__(node, config, names.XS_GROUP)
        self._robot = robot
        self._group = group
        self._others = others
        self._publisher: Publisher | None = None

    def other_publishers(self) -> list[str]:
        """Return the topics on which somebody else commands the same motors."""
        mine = {name: self._others(name) for name in _TOPICS} | {names.XS_GROUP: self._publisher}
        return [
            other
            for name, publisher in mine.items()
            for other in other_publishers_on(self._node, name, publisher)
        ]

    def open(self) -> None:
        """Take the right to command, unless it is held already."""
        if self._publisher is None:
            self._publisher = self._node.create_publisher(
                JointGroupCommand, names.XS_GROUP, qos.COMMAND
            )

    def close(self) -> None:
        """Give it up; the motors hold the last target."""
        self.clear()
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
        self._publisher = None

    def hold(self, joints: Float64) -> None:
        """Make `joints` the goal of the motors at once [rad], (J,)."""
        assert self._publisher is not None
        robot = self._robot()
        within = np.clip(joints, robot.position_low, robot.position_high).astype(np.float32)
        # Rounding to single precision may lead out again, by one step.
        within = np.where(within > robot.position_high, _below(within), within)
        within = np.where(within < robot.position_low, -_below(-within), within)
        if np.isfinite(within).all():
            self._publisher.publish(
                JointGroupCommand(name=self._group, cmd=array('f', within.tolist()))
            )

    def _publish(self, _: int, joints: Float64, __: Float64) -> None:
        self.hold(joints)


def _below(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the next numbers down."""
    return np.asarray(np.nextafter(values, np.float32('-inf'), dtype=np.float32))
