"""What the robot says of itself, newest first come. Commands nothing."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from sensor_msgs.msg import JointState

from dsrl_msgs.msg import TaskStatus
from dsrl_ros.bridge import names, qos
from dsrl_ros.bridge.convert import stamp_to_ns
from dsrl_ros.bridge.robot import positions_from_msg
from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.trajectory import Float64


class RobotState:
    """The newest joint states, gripper states and, in simulation, the newest task status."""

    def __init__(
        self, node: Node, robot: RobotDescription, changed: Callable[[int], None]
    ) -> None:
        """Subscribe.

        Args:
            node: that owns the subscriptions.
            robot: names its joints.
            changed: is called with the stamp of every joint state and task status [ns].
        """
        self._node = node
        self._robot = robot
        self._changed = changed
        self._joints: JointState | None = None
        self._gripper: JointState | None = None
        self._status: TaskStatus | None = None
        self._subscriptions = [
            node.create_subscription(JointState, names.JOINT_STATES, self._on_joints, qos.SENSOR),
            node.create_subscription(
                JointState, names.GRIPPER_STATES, self._on_gripper, qos.SENSOR
            ),
            node.create_subscription(TaskStatus, names.TASK_STATUS, self._on_status, qos.DECISION),
        ]

    def missing(self) -> list[str]:
        """Return the names of the topics of which nothing has come yet."""
        topics = {
            names.JOINT_STATES: self._joints,
            names.GRIPPER_STATES: self._gripper,
            names.TASK_STATUS: self._status,
        }
        return [self._node.resolve_topic_name(name) for name, got in topics.items() if got is None]

    def is_as_new_as(self, stamp_ns: int) -> bool:
        """Return whether everything is known as of `stamp_ns` or later."""
        return all(
            message is not None and stamp_to_ns(message.header.stamp) >= stamp_ns
            for message in (self._joints, self._gripper, self._status)
        )

    def joints(self) -> Float64:
        """Return the joints measured last [rad], (J,).

        Raises:
            ShapeMismatchError: they are not this robot's.
        """
        assert self._joints is not None
        return positions_from_msg(self._joints, self._robot.joint_names)

    def width(self) -> float:
        """Return the width of the gripper measured last [m].

        Raises:
            ShapeMismatchError: its fingers are not this robot's.
        """
        assert self._gripper is not None
        return float(positions_from_msg(self._gripper, self._robot.finger_names).sum())

    def reset_count(self) -> int:
        """Return how often the scene has been arranged; the arm was moved then by other means."""
        assert self._status is not None
        return int(self._status.reset_count)

    def destroy(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _on_joints(self, message: JointState) -> None:
        self._joints = message
        self._changed(stamp_to_ns(message.header.stamp))

    def _on_gripper(self, message: JointState) -> None:
        self._gripper = message
        self._changed(stamp_to_ns(message.header.stamp))

    def _on_status(self, message: TaskStatus) -> None:
        self._status = message
        self._changed(stamp_to_ns(message.header.stamp))
