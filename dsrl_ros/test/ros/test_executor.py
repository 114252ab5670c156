"""The lean executor does all that the stock one does; what only warns comes within a second."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool

BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture
def node(ros):
    return ros.add(lambda **options: Node('toy', **options))


def test_messages_and_timers_arrive_while_events_are_left_out(ros, node):
    got = []
    publisher = node.create_publisher(Bool, 'topic', 10)
    node.create_subscription(Bool, 'topic', got.append, 10)
    node.create_timer(0.01, lambda: publisher.publish(Bool()))
    ros.spin_until(lambda: len(got) > 200)


def test_a_peer_with_other_qos_is_still_told_of(ros, node):
    told = []
    # Busy all the time, so that the wait never blocks with the events in it.
    node.create_timer(0.001, lambda: None)
    ros.spin_for(0.1)
    node.create_subscription(
        Bool,
        'topic',
        lambda _: None,
        10,
        event_callbacks=SubscriptionEventCallbacks(incompatible_qos=told.append),
    )
    node.create_publisher(Bool, 'topic', BEST_EFFORT)
    ros.spin_until(lambda: told)
