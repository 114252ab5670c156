"""The arm by a CRISP controller: targets at a steady rate along the plan. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.driver.arm_commands import other_publishers_on
from dsrl_ros.nodes.driver.target_stream import SegmentStream
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.robot_messages import joints_to_msg, transform_to_msg

_TOPICS = (names.TARGET_POSE, names.TARGET_JOINT)


class CrispCommands(SegmentStream):
    """Sends the tool's targets, and the joints that the null space is to follow."""

    def __init__(
        self, node: Node, robot: Callable[[], RobotDescription], config: HardwareConfig
    ) -> None:
        """Prepare; nothing can be commanded before `open`.

        Args:
            node: that owns the publishers.
            robot: whose tool; asked when the right to command is taken.
            config: rate and time-to-live of the targets.
        """
        super().__init__(node, config, names.TARGET_POSE)
        self._robot = robot
        self._pose: Publisher | None = None
        self._joint: Publisher | None = None

    def other_publishers(self) -> list[str]:
        """Return the topics on which somebody else commands the same arm."""
        mine = (self._pose, self._joint)
        return [
            name
            for topic, publisher in zip(_TOPICS, mine, strict=True)
            for name in other_publishers_on(self._node, topic, publisher)
        ]

    def open(self) -> None:
        """Take the right to command, unless it is held already."""
        if self._pose is None:
            self._kinematics = Kinematics(self._robot())
            self._pose = self._node.create_publisher(PoseStamped, names.TARGET_POSE, qos.COMMAND)
            self._joint = self._node.create_publisher(JointState, names.TARGET_JOINT, qos.COMMAND)

    def close(self) -> None:
        """Give it up."""
        self.clear()
        for publisher in (self._pose, self._joint):
            if publisher is not None:
                self._node.destroy_publisher(publisher)
        self._pose = self._joint = None

    def _publish(self, stamp_ns: int, joints: Float64, velocity: Float64) -> None:
        assert self._pose is not None and self._joint is not None
        tool = self._kinematics.tool_pose(joints)
        self._joint.publish(joints_to_msg(stamp_ns, self._robot().joint_names, joints, velocity))
        self._pose.publish(transform_to_msg(stamp_ns, tool))
