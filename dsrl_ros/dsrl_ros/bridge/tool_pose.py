"""The tool's pose by forward kinematics, for a robot whose stack does not tell it."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from dsrl_ros.bridge import names, qos
from dsrl_ros.bridge.robot import transform_to_msg
from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.kinematics import Kinematics
from dsrl_ros.robots.trajectory import Float64


class ToolPosePublisher:
    """Says where the tool is, with the stamp of the joints that tell it."""

    def __init__(self, node: Node, robot: RobotDescription) -> None:
        """Create the publisher.

        Args:
            node: that owns it.
            robot: whose tool.
        """
        self._publisher = node.create_publisher(PoseStamped, names.TOOL_POSE, qos.SENSOR)
        self.follow(robot)

    def follow(self, robot: RobotDescription) -> None:
        """Take the kinematics of `robot` from now on."""
        self._kinematics = Kinematics(robot)

    def publish(self, stamp_ns: int, joints: Float64) -> None:
        """Publish the pose for `joints` [rad], (J,); nothing where they are no numbers."""
        if np.isfinite(joints).all():
            tool = self._kinematics.tool_pose(joints)
            self._publisher.publish(transform_to_msg(stamp_ns, tool))
