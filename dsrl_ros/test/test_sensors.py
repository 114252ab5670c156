"""Samples of sensors that are fast, slow and late are joined by their stamps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from sensor_msgs.msg import JointState

from dsrl_ros.bridge.convert import stamp_from_ns
from dsrl_ros.bridge.sensors import StateSample, StateSensors, StateSources
from dsrl_ros.core.errors import ConfigError

MS = 1_000_000
SLOP_S = 0.02
TABLE = StateSources(
    ['arm joints arm', 'hand gripper hand'], ['joint=arm.joint', 'width=hand.width']
)


class Wires:
    """Takes the place of a node: what comes, and when, the test says."""

    def __init__(self) -> None:
        self.states: list[StateSample] = []
        self._topics: dict[str, Callable[[Any], None]] = {}
        StateSensors(self, TABLE, ('joint', 'width'), SLOP_S, self.states.append)  # type: ignore[arg-type]

    def create_subscription(self, _: type, topic: str, callback: Any, qos_profile: Any) -> None:
        assert qos_profile is not None
        self._topics[topic] = callback

    def come(self, topic: str, stamp_ms: int) -> None:
        message = JointState(name=['joint'], position=[1e-3 * stamp_ms])
        message.header.stamp = stamp_from_ns(stamp_ms * MS)
        self._topics[topic](message)


@pytest.mark.parametrize('late_ms', [0, 30, 60, 400])
def test_a_slow_sensor_that_comes_late_meets_the_samples_of_a_fast_one(late_ms: int) -> None:
    wires = Wires()
    for now_ms in range(1000, 3000):
        wires.come('arm', now_ms)
        if now_ms % 67 == 0 and now_ms > 1500:
            wires.come('hand', now_ms - late_ms)
    assert len(wires.states) == sum(now_ms % 67 == 0 for now_ms in range(1501, 3000))
    for state in wires.states:
        assert state.newest_ns - state.oldest_ns <= 5 * MS
        assert state.state[0] == pytest.approx(state.state[1], abs=6e-3)


def test_states_in_lockstep_are_joined_each_and_so_is_one_that_is_sent_again() -> None:
    wires = Wires()
    for stamp_ms in (0, 100, 100, 200):
        wires.come('arm', stamp_ms)
        wires.come('hand', stamp_ms)
    assert [state.newest_ns for state in wires.states] == [0, 100 * MS, 100 * MS, 200 * MS]


def test_stamps_that_begin_anew_are_taken() -> None:
    wires = Wires()
    for stamp_ms in (5000, 3):
        wires.come('arm', stamp_ms)
        wires.come('hand', stamp_ms)
    assert [state.newest_ns for state in wires.states] == [5000 * MS, 3 * MS]


def test_an_entry_may_be_a_number() -> None:
    sources = ['place=arm.joint', 'task=1', 'bias = -2.5e-1', 'other=0']
    table = StateSources(['arm joints arm'], sources)
    names = ('task', 'place', 'bias', 'other')
    table.require(names)
    assert table.state(names, {'arm': {'joint': 0.5}}).tolist() == [1.0, 0.5, -0.25, 0.0]


@pytest.mark.parametrize('text', ['nan', 'inf', '1 2', ''])
def test_what_is_no_number_and_no_field_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"got 'task={text}', expected 'ENTRY=NUMBER'"):
        StateSources(['arm joints arm'], [f'task={text}'])
