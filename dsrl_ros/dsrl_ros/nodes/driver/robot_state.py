"""The newest measured states of arm and gripper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros import names
from dsrl_ros.ros.latest_message import LatestMessage
from dsrl_ros.ros.robot_messages import positions_from_msg


class RobotState:
    """The newest states of the arm and of the gripper.

    Attributes:
        arm: stream of the arm's joints.
        gripper: stream of the gripper that is there; None before it has spoken.
        gripper_name: its name; empty before.
    """

    def __init__(
        self,
        node: Node,
        robot: RobotDescription,
        profile: QoSProfile,
        gripper_topics: Mapping[str, str],
        changed: Callable[[int], None],
    ) -> None:
        """Subscribe.

        Args:
            node: that owns the subscriptions.
            robot: names its joints.
            profile: QoS of the streams.
            gripper_topics: where the state of a gripper of each name would come; the first that
                speaks is the gripper.
            changed: is called with the stamp of every state [ns].
        """
        self._robot = robot
        self.arm = LatestMessage(node, JointState, names.JOINT_STATES, profile, changed)
        self._changed = changed
        # By name; none is left as soon as one has spoken.
        self._grippers = {
            name: LatestMessage(node, JointState, topic, profile, partial(self._on_gripper, name))
            for name, topic in gripper_topics.items()
        }
        self.gripper: LatestMessage | None = None
        self.gripper_name = ''

    def missing(self) -> list[str]:
        """Return the names of the topics of which nothing has come yet."""
        missing = [self.arm.name] if self.arm.stamp_ns is None else []
        if self._grippers and self.gripper is None:
            missing.append(' or '.join(stream.name for stream in self._grippers.values()))
        return missing

    def joints(self) -> Float64:
        """Return the joints measured last [rad], (J,).

        Raises:
            ShapeMismatchError: they are not this robot's.
        """
        return positions_from_msg(self.arm.message(), self._robot.joint_names)

    def width(self) -> float:
        """Return the width of the gripper measured last [m]; that of an open one without any.

        Raises:
            ShapeMismatchError: its fingers are not this robot's.
        """
        if self.gripper is None:
            return self._robot.gripper_high
        robot = self._robot
        return robot.width(positions_from_msg(self.gripper.message(), robot.finger_names))

    def _on_gripper(self, name: str, stamp_ns: int) -> None:
        if name in self._grippers:
            self.gripper, self.gripper_name = self._grippers.pop(name), name
            for other in self._grippers.values():
                other.destroy()
            self._grippers.clear()
        self._changed(stamp_ns)
