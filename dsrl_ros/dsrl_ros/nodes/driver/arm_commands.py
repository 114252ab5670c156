"""The commands to controllers of the arm and to the twin's gripper."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from dsrl_ros.robots.execution.chunk_executor import Segment
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.robot_messages import joints_to_msg, trajectory_to_msg


class ArmCommands(ABC):
    """What takes the windows of an arm. Nothing can be sent before `open`.

    A subclass names what it publishes, the topic that takes the targets first, and the topics on
    which nobody else may command the same arm.
    """

    _taker = 'a controller'
    _published: ClassVar[dict[str, type]]
    _watched: ClassVar[tuple[str, ...]]

    def __init__(self, node: Node) -> None:
        """Prepare.

        Args:
            node: that owns the publishers.
        """
        self._node = node
        self._topic = self._full_name(next(iter(self._published)))
        self._publishers: dict[str, Publisher] = {}  # by topic; none before `open`
        self._fault = ''

    def missing(self) -> list[str]:
        """Return what is not there yet: somebody who takes the commands."""
        listens = self._node.count_subscribers(self._topic)
        return [] if listens else [f'{self._taker} that takes {self._topic}']

    def fault(self) -> str:
        """Return why the arm was let rest before its time; empty when it was not."""
        return self._fault

    def reset(self) -> None:
        """Forget such a fault: a person has checked the robot."""
        self._fault = ''

    def other_publishers(self) -> list[str]:
        """Return the topics on which somebody else commands the same arm."""
        own = {self._full_name(topic): topic in self._publishers for topic in self._watched}
        return [name for name, mine in own.items() if self._node.count_publishers(name) > mine]

    def open(self) -> None:
        """Take the right to command, unless it is held already."""
        if not self._publishers:
            self._publishers = {
                topic: self._node.create_publisher(kind, topic, qos.COMMAND)
                for topic, kind in self._published.items()
            }

    def close(self) -> None:
        """Give it up; what was sent last ends at rest."""
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        self._publishers.clear()

    @abstractmethod
    def send(self, segment: Segment) -> None:
        """Send the arm's part of a segment."""

    def _full_name(self, topic: str) -> str:
        return str(self._node.resolve_topic_name(topic))  # counting alone follows no remapping


class TrajectoryCommands(ArmCommands):
    """Sends the arm's windows to a joint trajectory controller.

    Attributes:
        sent: windows sent so far.
    """

    _published: ClassVar = {names.TRAJECTORY: JointTrajectory}
    _watched = (names.TRAJECTORY,)

    def __init__(self, node: Node, robot: RobotDescription) -> None:
        """Prepare; nothing can be commanded before `open`.

        Args:
            node: that owns the publisher.
            robot: names its joints.
        """
        super().__init__(node)
        self._robot = robot
        self.sent = 0

    def send(self, segment: Segment) -> None:
        """Send the arm's part of a segment."""
        self._publishers[names.TRAJECTORY].publish(
            trajectory_to_msg(segment.trajectory, segment.start_ns, self._robot.joint_names)
        )
        self.sent += 1


class TwinCommands(TrajectoryCommands):
    """The only way from the driver to the twin: its arm and its gripper.

    Attributes:
        grips: gripper commands sent so far.
    """

    _published: ClassVar = {names.TRAJECTORY: JointTrajectory, names.GRIPPER_COMMAND: JointState}
    grips = 0

    def send(self, segment: Segment) -> None:
        """Send a segment; the gripper first, so that it changes no later than the arm."""
        if segment.width is not None:
            finger = np.array([segment.width / 2])
            self._publishers[names.GRIPPER_COMMAND].publish(
                joints_to_msg(segment.start_ns, self._robot.finger_names[:1], finger)
            )
            self.grips += 1
        super().send(segment)

    def restart_counts(self) -> None:
        """Count from nothing again."""
        self.sent = self.grips = 0
