"""Samples of sensors that are fast, slow and late are joined by their stamps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from sensor_msgs.msg import Image, JointState

from dsrl_msgs.msg import Features
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

    def __init__(self, table: StateSources = TABLE, cameras: tuple[str, ...] = ()) -> None:
        self.states: list[StateSample] = []
        self._topics: dict[str, Callable[[Any], None]] = {}
        node: Any = self
        on_state = self.states.append
        self.sensors = StateSensors(node, table, ('joint', 'width'), cameras, SLOP_S, on_state)

    def create_subscription(self, _: type, topic: str, callback: Any, qos_profile: Any) -> None:
        assert qos_profile is not None
        self._topics[topic] = callback

    @property
    def topics(self) -> set[str]:
        return set(self._topics)

    def come(self, topic: str, stamp_ms: int) -> None:
        if topic.startswith('camera'):
            message = Image(width=stamp_ms)
        elif topic.startswith('encoder'):
            message = Features(values=[stamp_ms, len(topic)])
        else:
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


SEEING = StateSources(
    [
        'arm joints arm',
        'front image camera/front',
        'hand gripper hand',
        'wrist image camera/wrist',
        'idle image camera/idle',
    ],
    ['joint=arm.joint', 'width=hand.width'],
)


def test_images_belong_to_the_state_they_come_with_late_as_they_are() -> None:
    """Each camera by its name, whatever the order of the table; others are not listened to."""
    wires = Wires(SEEING, ('wrist', 'front'))
    assert wires.topics == {'arm', 'hand', 'camera/front', 'camera/wrist'}
    for now_ms in range(1000, 2000):
        wires.come('arm', now_ms)
        wires.come('hand', now_ms)
        if now_ms % 33 == 0 and now_ms > 1100:
            wires.come('camera/front', now_ms - 60)
            wires.come('camera/wrist', now_ms - 50)
    assert len(wires.states) == sum(now_ms % 33 == 0 for now_ms in range(1101, 2000))
    for state in wires.states:
        seen = {name: image.width for name, image in state.images.items()}
        assert seen['wrist'] == seen['front'] + 10
        assert state.state[0] == pytest.approx(1e-3 * seen['front'], abs=SLOP_S)
        assert state.oldest_ns <= seen['front'] * MS <= state.newest_ns


def test_features_of_several_encoders_lie_one_after_the_other_in_the_order_of_the_table() -> None:
    wires = Wires(
        StateSources(
            [
                'long features encoder/long',
                'arm joints arm',
                'front image camera/front',
                'hand gripper hand',
                'short features encoder',
            ],
            ['joint=arm.joint', 'width=hand.width'],
        ),
        ('front',),
    )
    for topic in ('encoder', 'arm', 'camera/front', 'hand'):
        wires.come(topic, 1000)
    assert wires.sensors.lagging() == 'long (encoder/long) has sent nothing'
    wires.come('encoder/long', 1010)
    (state,) = wires.states
    assert state.features is not None and state.features.dtype == 'float32'
    assert state.features.tolist() == [1010.0, 12.0, 1000.0, 7.0]
    assert state.images['front'].width == 1000
    assert state.newest_ns == 1010 * MS


def test_who_holds_up_the_others_is_named() -> None:
    wires = Wires(SEEING, ('wrist',))
    wires.come('arm', 1000)
    assert wires.sensors.lagging() == (
        'hand (hand) has sent nothing; wrist (camera/wrist) has sent nothing'
    )
    wires.come('hand', 1000)
    wires.come('camera/wrist', 1000)
    assert not wires.sensors.lagging()
    for now_ms in range(1001, 1501):
        wires.come('arm', now_ms)
        wires.come('hand', now_ms)
    assert wires.sensors.lagging() == 'wrist (camera/wrist) is 0.50 s behind'


def test_stamps_of_one_state_lie_within_the_slop_of_each_other() -> None:
    wires = Wires(SEEING, ('wrist',))
    wires.come('arm', 1000)
    wires.come('hand', 1036)
    wires.come('camera/wrist', 1018)  # near to either, which are apart
    assert not wires.states
    wires.come('arm', 1020)
    assert [state.newest_ns - state.oldest_ns for state in wires.states] == [18 * MS]


def test_a_camera_that_is_not_there_is_named_and_gives_no_numbers() -> None:
    with pytest.raises(ConfigError, match=r"no camera side; .* wrist, side, .* Add 'side image"):
        SEEING.require(('joint',), ('wrist', 'side'))
    with pytest.raises(ConfigError, match='with NAME one of arm, hand'):
        StateSources(['arm joints arm', 'eye image c', 'hand gripper h'], ['x=eye.width'])


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
