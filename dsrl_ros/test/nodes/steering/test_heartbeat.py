"""The heartbeat follows the loop: on through a busy stretch, silent once the loop stands still."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from rclpy.node import Node

from dsrl_ros.nodes.steering.heartbeat import HeartbeatPublisher


@pytest.fixture
def heart(ros):
    """Yield (times of the beats, the node's executor turns while `ros` spins)."""
    beats: list[float] = []
    node = ros.add(lambda **options: Node('toy', **options))
    heart = HeartbeatPublisher(
        node, lambda: beats.append(time.monotonic()), period_s=0.01, frozen_s=0.3
    )
    yield beats
    heart.stop()


def gaps(beats: list[float]) -> list[float]:
    return [b - a for a, b in itertools.pairwise(beats)]


def hold_up(seconds: float) -> None:
    """Keep the executor's thread from turning."""
    threading.Event().wait(seconds)


def test_a_busy_callback_does_not_interrupt_it(ros, heart):
    ros.spin_for(0.1)
    hold_up(0.2)
    ros.spin_for(0.1)
    assert len(heart) > 20
    assert max(gaps(heart)) < 0.1


def test_a_frozen_loop_falls_silent_and_a_turning_one_beats_again(ros, heart):
    ros.spin_for(0.1)
    frozen_at = time.monotonic()
    hold_up(1.0)
    assert heart[-1] < frozen_at + 0.5
    ros.spin_until(lambda: heart[-1] > frozen_at + 1.0)
