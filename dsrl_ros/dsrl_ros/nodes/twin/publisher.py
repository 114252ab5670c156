"""Publishes the simulated world under the names that hardware uses."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from geometry_msgs.msg import PoseStamped, TransformStamped
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from dsrl_msgs.msg import TaskStatus
from dsrl_ros.core.config.twin import TwinConfig
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.twin.camera import CameraPublisher
from dsrl_ros.robots.model.kinematics import quaternion_of
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.robot_messages import BASE_FRAME, joints_to_msg, pose_to_msg
from dsrl_ros.ros.stamps import header, stamp_from_ns
from dsrl_ros.tasks.world import TaskWorld, WorldState

Pose = tuple[Float64, Float64]
"""Position in the base frame [m], (3,), and unit quaternion (w, x, y, z), (4,)."""


class WorldPublisher:
    """Publishes clock, joints, poses, frames, task status and images of a world."""

    def __init__(self, node: Node, world: TaskWorld, config: TwinConfig) -> None:
        """Create the publishers.

        Args:
            node: that owns them.
            world: that is published.
            config: options of the camera.
        """
        self._robot = world.task.robot
        self._clock = node.create_publisher(Clock, names.CLOCK, qos.SENSOR)
        self._joints = node.create_publisher(JointState, names.JOINT_STATES, qos.SENSOR)
        # A stack that publishes joints and fingers in one message gives both topics one name.
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
            for name in world.task.object_names
        }
        self._status = node.create_publisher(TaskStatus, names.TASK_STATUS, qos.DECISION)
        self._frames = FramePublisher(node)
        self._camera = CameraPublisher(node, world, config)

    def publish(self, state: WorldState, repeated: bool = False) -> None:
        """Publish one moment of the world; every message carries its stamp.

        Args:
            state: of the world now.
            repeated: it has been published before.
        """
        stamp_ns, robot = state.stamp_ns, self._robot
        fingers = np.array(robot.fingers(state.arm.gripper_width))
        self._clock.publish(Clock(clock=stamp_from_ns(stamp_ns)))
        joint_names, position, velocity = robot.joint_names, state.arm.position, state.arm.velocity
        if self._gripper is None:
            joint_names += robot.finger_names
            position, velocity = np.append(position, fingers), np.append(velocity, (0.0, 0.0))
        else:
            self._gripper.publish(joints_to_msg(stamp_ns, robot.finger_names, fingers))
        self._joints.publish(joints_to_msg(stamp_ns, joint_names, position, velocity))
        tool = state.tool[:3, 3], quaternion_of(state.tool[:3, :3])
        self._tool.publish(pose_to_msg(stamp_ns, *tool))
        objects = {name: (pose[:3], pose[3:]) for name, pose in state.objects.items()}
        for name, pose in objects.items():
            self._objects[name].publish(pose_to_msg(stamp_ns, *pose))
        self._frames.publish(stamp_ns, {'tool': tool, **objects})
        self._status.publish(
            TaskStatus(
                header=header(stamp_ns), success=state.success, reset_count=state.reset_count
            )
        )
        self._camera.publish(stamp_ns, repeated)


class FramePublisher:
    """Publishes frames under the base on `tf`, where `tf2_msgs` is installed.

    Args:
        node: that owns the publisher.
    """

    def __init__(self, node: Node) -> None:
        self._publisher = None
        if find_spec('tf2_msgs') is not None:  # no wheel carries it
            from tf2_msgs.msg import TFMessage

            self._message = TFMessage
            self._publisher = node.create_publisher(TFMessage, names.TF, qos.TF)

    def publish(self, stamp_ns: int, poses: dict[str, Pose]) -> None:
        """Publish the pose of each frame, by its name.

        Args:
            stamp_ns: of all of them [ns].
            poses: by the name of the frame.
        """
        if self._publisher is not None:
            header = Header(stamp=stamp_from_ns(stamp_ns), frame_id=BASE_FRAME)
            transforms = [_transform(header, name, *pose) for name, pose in poses.items()]
            self._publisher.publish(self._message(transforms=transforms))


def _transform(
    header: Header, name: str, position: Float64, quaternion: Float64
) -> TransformStamped:
    message = TransformStamped(header=header, child_frame_id=name)
    moved, turned = message.transform.translation, message.transform.rotation
    moved.x, moved.y, moved.z = position.tolist()
    turned.w, turned.x, turned.y, turned.z = quaternion.tolist()
    return message
