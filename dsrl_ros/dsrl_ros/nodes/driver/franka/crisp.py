"""The arm by a CRISP controller: targets at a steady rate along the plan. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.driver.target_stream import SegmentStream
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.ros import names
from dsrl_ros.ros.robot_messages import joints_to_msg, transform_to_msg


class CrispCommands(SegmentStream):
    """Sends the tool's targets, and the joints that the null space is to follow."""

    _published: ClassVar = {names.TARGET_POSE: PoseStamped, names.TARGET_JOINT: JointState}
    _watched = (names.TARGET_POSE, names.TARGET_JOINT)

    def __init__(
        self, node: Node, robot: Callable[[], RobotDescription], config: HardwareConfig
    ) -> None:
        """Prepare; nothing can be commanded before `open`.

        Args:
            node: that owns the publishers.
            robot: whose tool; asked when the right to command is taken.
            config: rate and time-to-live of the targets.
        """
        super().__init__(node, config)
        self._robot = robot

    def open(self) -> None:
        """Take the right to command, unless it is held already."""
        if not self._publishers:
            self._kinematics = Kinematics(self._robot())
        super().open()

    def _publish(self, stamp_ns: int, joints: Float64, velocity: Float64) -> None:
        tool = self._kinematics.tool_pose(joints)
        joint = joints_to_msg(stamp_ns, self._robot().joint_names, joints, velocity)
        self._publishers[names.TARGET_JOINT].publish(joint)
        self._publishers[names.TARGET_POSE].publish(transform_to_msg(stamp_ns, tool))
