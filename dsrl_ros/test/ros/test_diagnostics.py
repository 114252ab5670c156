"""A second node of a kind of which there is one in a graph is named on `/diagnostics`."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from places import REPO
from rclpy.node import Node

from dsrl_msgs.msg import PolicySpec, Reward, TrainerStatus
from dsrl_ros.nodes.policy.node import PolicyNode
from dsrl_ros.nodes.reward.node import RewardNode
from dsrl_ros.nodes.trainer.node import TrainerNode
from dsrl_ros.ros import names, qos

POLICY = (REPO / 'dsrl_bringup/policies/franka_pick_place.safetensors').as_posix()


@pytest.mark.parametrize(
    ('kind', 'options', 'message', 'topic', 'profile'),
    [
        (PolicyNode, {'policy': POLICY}, PolicySpec, names.POLICY_SPEC, qos.LATCHED),
        (RewardNode, {}, Reward, names.REWARD, qos.DECISION),
        (TrainerNode, {}, TrainerStatus, names.TRAINER_STATUS, qos.STATUS),
    ],
)
def test_a_second_node_of_its_kind_is_named(
    ros: Any, kind: Any, options: Any, message: Any, topic: str, profile: Any
) -> None:
    seen: list[DiagnosticStatus] = []
    watcher = ros.add(lambda **given: Node('watcher', **given))
    watcher.create_subscription(
        DiagnosticArray, names.DIAGNOSTICS, lambda said: seen.extend(said.status), qos.DECISION
    )
    ros.add(kind, **options)
    ros.spin_until(lambda: seen)
    assert 'another node' not in seen[-1].message
    other = watcher.create_publisher(message, topic, profile)
    ros.spin_until(lambda: f'another node that publishes {other.topic_name}' in seen[-1].message)
    assert seen[-1].level == DiagnosticStatus.ERROR
    watcher.destroy_publisher(other)
    ros.spin_until(lambda: 'another node' not in seen[-1].message)
