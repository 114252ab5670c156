"""What goes out to the controllers: one publisher each, everything counted. Judges nothing."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from dsrl_ros.bridge import names, qos
from dsrl_ros.bridge.robot import joints_to_msg, trajectory_to_msg
from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.executor import Leg


class CommandPublisher:
    """The only way from the driver to the robot.

    Attributes:
        trajectories, grips: commands sent so far.
    """

    def __init__(self, node: Node, robot: RobotDescription) -> None:
        """Prepare; nothing can be commanded before `open`.

        Args:
            node: that owns the publishers.
            robot: names its joints.
        """
        self._node = node
        self._robot = robot
        self._trajectory: Publisher | None = None
        self._gripper: Publisher | None = None
        self.trajectories = 0
        self.grips = 0

    def rivals(self) -> int:
        """Return how many others command the same robot."""
        return int(self._node.count_publishers(names.TRAJECTORY)) - (self._trajectory is not None)

    def open(self) -> None:
        """Take the right to command, unless it is held already."""
        if self._trajectory is not None:
            return
        self._trajectory = self._node.create_publisher(
            JointTrajectory, names.TRAJECTORY, qos.COMMAND
        )
        self._gripper = self._node.create_publisher(JointState, names.GRIPPER_COMMAND, qos.COMMAND)

    def close(self) -> None:
        """Give it up; what was sent last ends at rest."""
        for publisher in (self._trajectory, self._gripper):
            if publisher is not None:
                self._node.destroy_publisher(publisher)
        self._trajectory = self._gripper = None

    def send(self, leg: Leg) -> None:
        """Send a leg; the gripper first, so that it changes no later than the arm."""
        assert self._trajectory is not None and self._gripper is not None
        if leg.width is not None:
            finger = np.array([leg.width / 2])
            self._gripper.publish(
                joints_to_msg(leg.start_ns, self._robot.finger_names[:1], finger)
            )
            self.grips += 1
        self._trajectory.publish(
            trajectory_to_msg(leg.trajectory, leg.start_ns, self._robot.joint_names)
        )
        self.trajectories += 1
