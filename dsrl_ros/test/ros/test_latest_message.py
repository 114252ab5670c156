"""A stream at full rate: its stamps are read off the bytes, its newest message when asked for."""

from __future__ import annotations

import struct

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from rclpy.node import Node
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState

from dsrl_ros.ros import qos
from dsrl_ros.ros.latest_message import LatestMessage, stamp_of
from dsrl_ros.ros.stamps import header

NS = 1_000_000_000


@pytest.mark.parametrize('stamp_ns', [0, 1, 3 * NS - 1, 1_800_000_000 * NS + 123_456_789])
def test_the_stamp_is_that_of_the_message(stamp_ns: int) -> None:
    assert stamp_of(serialize_message(JointState(header=header(stamp_ns)))) == stamp_ns


def test_the_stamp_of_a_machine_with_the_other_order_of_bytes() -> None:
    assert stamp_of(b'\x00\x00\x00\x00' + struct.pack('>iI', 7, 8)) == 7 * NS + 8


def test_the_message_is_the_newest_whenever_it_is_read(ros) -> None:
    node = ros.add(lambda **options: Node('listener', **options))
    stamps: list[int] = []
    stream = LatestMessage(node, JointState, 'joints', qos.DECISION, stamps.append)
    publisher = node.create_publisher(JointState, 'joints', qos.DECISION)
    assert stream.message() is None
    ros.spin_until(publisher.get_subscription_count)
    for number in (1, 2):
        publisher.publish(JointState(header=header(number), name=[f'joint{number}']))
        ros.spin_until(lambda number=number: stream.stamp_ns == number)
        assert list(stream.message().name) == [f'joint{number}']
    assert stamps == [1, 2]
    assert stream.name == f'{ros.namespace}/joints'
