"""The tool's pose by forward kinematics, for a robot whose stack does not publish it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.robot_messages import transform_to_msg

# Decisions come some ten times per second. Of joints at 1 kHz every eighth state is
# published, of those at 100 Hz every one, though they jitter.
_SHORTEST_NS = 8_000_000


class ToolPosePublisher:
    """Publishes where the tool is, with the stamp of the joints."""

    def __init__(self, node: Node, robot: RobotDescription) -> None:
        """Create the publisher.

        Args:
            node: that owns it.
            robot: whose tool.
        """
        self._publisher = node.create_publisher(PoseStamped, names.TOOL_POSE, qos.SENSOR)
        self._last_ns: int | None = None
        self.follow(robot)

    def follow(self, robot: RobotDescription) -> None:
        """Take the kinematics of `robot` from now on."""
        self._kinematics = Kinematics(robot)

    def publish(self, stamp_ns: int, measured: Callable[[], Float64]) -> None:
        """Publish the pose at a time, unless it was published a moment before.

        Args:
            stamp_ns: when the joints were measured [ns].
            measured: returns them [rad], (J,); nothing is published where they are no numbers.
        """
        if self._last_ns is not None and 0 <= stamp_ns - self._last_ns < _SHORTEST_NS:
            return
        joints = measured()
        if np.isfinite(joints).all():
            self._last_ns = stamp_ns
            tool = self._kinematics.tool_pose(joints)
            self._publisher.publish(transform_to_msg(stamp_ns, tool))
