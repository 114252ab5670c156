"""The commands to controllers of the arm and to the twin's gripper."""

from __future__ import annotations

from abc import ABC, abstractmethod

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
    """What takes the windows of an arm. Nothing can be sent before `open`."""

    _taker = 'a controller'

    def __init__(self, node: Node, topic: str) -> None:
        """Prepare.

        Args:
            node: that owns the publishers.
            topic: takes the commands.
        """
        self._node = node
        self._topic = node.resolve_topic_name(topic)  # counting alone follows no remapping
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

    @abstractmethod
    def other_publishers(self) -> list[str]:
        """Return the topics on which somebody else commands the same arm."""

    @abstractmethod
    def open(self) -> None:
        """Take the right to command, unless it is held already."""

    @abstractmethod
    def close(self) -> None:
        """Give it up; what was sent last ends at rest."""

    @abstractmethod
    def send(self, segment: Segment) -> None:
        """Send the arm's part of a segment."""


def other_publishers_on(node: Node, topic: str, mine: Publisher | None) -> list[str]:
    """Return `topic`, resolved, if somebody else publishes on it too."""
    full_name = node.resolve_topic_name(topic)  # counting alone follows no remapping
    others = node.count_publishers(full_name) - (mine is not None)
    return [full_name] if others > 0 else []


class TrajectoryCommands(ArmCommands):
    """Sends the arm's windows to a joint trajectory controller.

    Attributes:
        sent: windows sent so far.
    """

    def __init__(self, node: Node, robot: RobotDescription) -> None:
        """Prepare; nothing can be commanded before `open`.

        Args:
            node: that owns the publisher.
            robot: names its joints.
        """
        super().__init__(node, names.TRAJECTORY)
        self._robot = robot
        self._publisher: Publisher | None = None
        self.sent = 0

    def other_publishers(self) -> list[str]:
        """Return the topics on which somebody else commands the same arm."""
        return other_publishers_on(self._node, names.TRAJECTORY, self._publisher)

    def open(self) -> None:
        """Take the right to command, unless it is held already."""
        if self._publisher is None:
            self._publisher = self._node.create_publisher(
                JointTrajectory, names.TRAJECTORY, qos.COMMAND
            )

    def close(self) -> None:
        """Give it up; what was sent last ends at rest."""
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
        self._publisher = None

    def send(self, segment: Segment) -> None:
        """Send the arm's part of a segment."""
        assert self._publisher is not None
        self._publisher.publish(
            trajectory_to_msg(segment.trajectory, segment.start_ns, self._robot.joint_names)
        )
        self.sent += 1


class TwinCommands:
    """The only way from the driver to the twin.

    Attributes:
        arm: its arm.
        grips: gripper commands sent so far.
    """

    def __init__(self, node: Node, robot: RobotDescription) -> None:
        """Prepare; nothing can be commanded before `open`.

        Args:
            node: that owns the publishers.
            robot: names its joints.
        """
        self._node = node
        self._robot = robot
        self._gripper: Publisher | None = None
        self.arm = TrajectoryCommands(node, robot)
        self.grips = 0

    def open(self) -> None:
        """Take the right to command, unless it is held already."""
        self.arm.open()
        if self._gripper is None:
            self._gripper = self._node.create_publisher(
                JointState, names.GRIPPER_COMMAND, qos.COMMAND
            )

    def close(self) -> None:
        """Give it up."""
        self.arm.close()
        if self._gripper is not None:
            self._node.destroy_publisher(self._gripper)
        self._gripper = None

    def send(self, segment: Segment) -> None:
        """Send a segment; the gripper first, so that it changes no later than the arm."""
        if segment.width is not None:
            assert self._gripper is not None
            finger = np.array([segment.width / 2])
            self._gripper.publish(
                joints_to_msg(segment.start_ns, self._robot.finger_names[:1], finger)
            )
            self.grips += 1
        self.arm.send(segment)

    def restart_counts(self) -> None:
        """Count from nothing again."""
        self.arm.sent = self.grips = 0
