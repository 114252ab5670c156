"""Publishes what the simulated world shows, under the names that hardware uses. Steps nothing."""

from __future__ import annotations

import mujoco
import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from dsrl_msgs.msg import TaskStatus
from dsrl_ros.nodes.twin.frames import FramePublisher
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.robot_messages import joints_to_msg, pose_to_msg
from dsrl_ros.ros.stamps import header, stamp_from_ns
from dsrl_ros.tasks.world import WorldState


class WorldPublisher:
    """One publisher for each thing that can be seen of the world."""

    def __init__(self, node: Node, robot: RobotDescription, object_names: tuple[str, ...]) -> None:
        """Create the publishers.

        Args:
            node: that owns them.
            robot: names its joints.
            object_names: objects whose pose is published.
        """
        self._robot = robot
        self._clock = node.create_publisher(Clock, names.CLOCK, qos.SENSOR)
        self._joints = node.create_publisher(JointState, names.JOINT_STATES, qos.SENSOR)
        # Where a robot's stack says both in one message, its twin does.
        topics = [node.resolve_topic_name(it) for it in (names.JOINT_STATES, names.GRIPPER_STATES)]
        self._gripper = (
            node.create_publisher(JointState, names.GRIPPER_STATES, qos.SENSOR)
            if topics[0] != topics[1]
            else None
        )
        self._tool = node.create_publisher(PoseStamped, names.TOOL_POSE, qos.SENSOR)
        self._objects = {
            name: node.create_publisher(
                PoseStamped, names.OBJECT_POSE.format(name=name), qos.SENSOR
            )
            for name in object_names
        }
        self._status = node.create_publisher(TaskStatus, names.TASK_STATUS, qos.DECISION)
        self._frames = FramePublisher(node)

    def publish(self, state: WorldState) -> None:
        """Publish one moment of the world; every message bears its stamp."""
        stamp_ns, robot = state.stamp_ns, self._robot
        fingers = np.array(robot.fingers(state.arm.gripper_width))
        quaternion = np.empty(4)
        mujoco.mju_mat2Quat(quaternion, state.tool[:3, :3].ravel())
        self._clock.publish(Clock(clock=stamp_from_ns(stamp_ns)))
        joint_names, position, velocity = robot.joint_names, state.arm.position, state.arm.velocity
        if self._gripper is None:
            joint_names += robot.finger_names
            position, velocity = np.append(position, fingers), np.append(velocity, (0.0, 0.0))
        else:
            self._gripper.publish(joints_to_msg(stamp_ns, robot.finger_names, fingers))
        self._joints.publish(joints_to_msg(stamp_ns, joint_names, position, velocity))
        self._tool.publish(pose_to_msg(stamp_ns, state.tool[:3, 3], quaternion))
        objects = {name: (pose[:3], pose[3:]) for name, pose in state.objects.items()}
        for name, pose in objects.items():
            self._objects[name].publish(pose_to_msg(stamp_ns, *pose))
        self._frames.publish(stamp_ns, {'tool': (state.tool[:3, 3], quaternion), **objects})
        self._status.publish(
            TaskStatus(
                header=header(stamp_ns), success=state.success, reset_count=state.reset_count
            )
        )
