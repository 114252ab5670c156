"""The arm by an Interbotix `xs_sdk`: positions of its joints at a steady rate. Judges no motion.

`xs_sdk` checks nothing of what it is sent: it takes NaN, and positions beyond every limit.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from numpy.typing import NDArray
from rclpy.node import Node

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.driver.target_stream import SegmentStream
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros import names


class JointGroupCommands(SegmentStream):
    """Sends targets of the arm, within its limits to the last bit, and of single motors."""

    _taker = 'an xs_sdk'
    _published: ClassVar = {
        names.XS_GROUP: JointGroupCommand,
        names.XS_SINGLE: JointSingleCommand,
    }
    # Whoever speaks on one of these moves the same motors.
    _watched = (names.XS_GROUP, names.XS_SINGLE, names.XS_TRAJECTORY)

    def __init__(
        self,
        node: Node,
        robot: Callable[[], RobotDescription],
        group: str,
        config: HardwareConfig,
    ) -> None:
        """Prepare; nothing can be commanded before `open`.

        Args:
            node: that owns the publishers.
            robot: names and limits of the joints, in the group's order.
            group: name of the arm's joints.
            config: rate and time-to-live of the targets.
        """
        super().__init__(node, config)
        self._robot = robot
        self._group = group

    def hold(self, joints: Float64) -> None:
        """Make `joints` the goal of the motors at once [rad], (J,)."""
        robot = self._robot()
        within = np.clip(joints, robot.position_low, robot.position_high).astype(np.float32)
        # Rounding to single precision may lead out again, by one step.
        within = np.where(within > robot.position_high, _below(within), within)
        within = np.where(within < robot.position_low, -_below(-within), within)
        if np.isfinite(within).all():
            self._publishers[names.XS_GROUP].publish(
                JointGroupCommand(name=self._group, cmd=array('f', within.tolist()))
            )

    def command_motor(self, name: str, command: float) -> None:
        """Send one motor what its mode takes; nothing before `open`."""
        if self._publishers:
            self._publishers[names.XS_SINGLE].publish(JointSingleCommand(name=name, cmd=command))

    def _publish(self, _: int, joints: Float64, __: Float64) -> None:
        self.hold(joints)


def _below(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the next numbers down."""
    return np.asarray(np.nextafter(values, np.float32('-inf'), dtype=np.float32))
