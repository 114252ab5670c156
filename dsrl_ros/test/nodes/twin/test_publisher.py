"""The frames of tool and objects on `tf` equal the poses on their own topics."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='needs ROS')
pytest.importorskip('tf2_msgs', reason='`make test` builds test/vendor_ws')

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from tf2_msgs.msg import TFMessage

from dsrl_ros.nodes.twin.node import TwinNode
from dsrl_ros.ros import names, qos

POSES = {'tool': names.TOOL_POSE, 'cube': 'cube_pose', 'bowl': 'bowl_pose'}


def test_the_twin_shows_tool_and_objects_under_the_base(ros) -> None:
    listener = ros.add(lambda **options: Node('rviz', **options))
    frames: list[TFMessage] = []
    listener.create_subscription(TFMessage, names.TF, frames.append, qos.TF)
    poses: dict[str, list[PoseStamped]] = {name: [] for name in POSES}
    for name, topic in POSES.items():
        listener.create_subscription(PoseStamped, topic, poses[name].append, qos.SENSOR)
    ros.add(TwinNode)
    # Nothing moves: the same state is sent again and again.
    ros.spin_until(lambda: frames and all(poses.values()))
    transforms = {transform.child_frame_id: transform for transform in frames[-1].transforms}
    assert set(transforms) == set(POSES)
    for name, shown in transforms.items():
        told = poses[name][-1]
        assert shown.header == told.header
        assert shown.header.frame_id == 'base'
        moved, position = shown.transform.translation, told.pose.position
        assert (moved.x, moved.y, moved.z) == (position.x, position.y, position.z)
        assert shown.transform.rotation == told.pose.orientation
