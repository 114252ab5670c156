"""Samples of sensors that are fast, slow and late are joined by their stamps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('rclpy', reason='needs ROS')

from sensor_msgs.msg import Image, JointState

from dsrl_msgs.msg import Features
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.nodes.steering.history import History
from dsrl_ros.nodes.steering.sensor_table import SensorTable
from dsrl_ros.nodes.steering.sensors import ObservationSynchronizer, StateSample
from dsrl_ros.ros.stamps import header, stamp_from_ns

MS = 1_000_000
SLOP_S = 0.02
TABLE = SensorTable(
    ['arm joints arm', 'hand gripper hand'], ['joint=arm.joint', 'width=hand.width']
)


class Wires:
    """Takes the place of a node: what comes, and when, the test says."""

    def __init__(
        self,
        table: SensorTable = TABLE,
        cameras: tuple[str, ...] = (),
        state_names: tuple[str, ...] = ('joint', 'width'),
    ) -> None:
        self.states: list[StateSample] = []
        self.subscriptions = 0
        self.warnings: list[str] = []
        self._topics: dict[str, Callable[[Any], None]] = {}
        node: Any = self
        on_state = self.states.append
        self.sensors = ObservationSynchronizer(node, table, state_names, cameras, SLOP_S, on_state)

    def create_subscription(self, _: type, topic: str, callback: Any, qos_profile: Any) -> None:
        assert qos_profile is not None
        self._topics[topic] = callback
        self.subscriptions += 1

    def get_logger(self) -> Any:
        return self

    def warning(self, text: str, throttle_duration_sec: float) -> None:
        assert throttle_duration_sec
        self.warnings.append(text)

    def begin(self, stamp_ms: int) -> None:
        self.sensors.begin(stamp_ms * MS)

    def told(self) -> tuple[int, int, int, int]:
        """Return the times of what was told last [ms]: joint and camera, each now and before."""
        newest = self.states[-1]
        now, before, _ = (round(1e3 * float(entry)) for entry in newest.state)
        images = newest.images
        return now, before, images['front'].width, images['front_before'].width

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


SEEING = SensorTable(
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
        SensorTable(
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


LOOKING_BACK = SensorTable(
    [
        'arm joints arm',
        'before joints arm 0.1',
        'hand gripper hand',
        'front image camera/front',
        'front_before image camera/front 0.2',
    ],
    ['joint=arm.joint', 'joint_before=before.joint', 'width=hand.width'],
)


def looking_back() -> Wires:
    return Wires(LOOKING_BACK, ('front', 'front_before'), ('joint', 'joint_before', 'width'))


def come(wires: Wires, stamp_ms: int, *topics: str) -> None:
    for topic in topics or ('arm', 'hand', 'camera/front'):
        wires.come(topic, stamp_ms)


def test_a_sensor_may_look_back_each_by_its_own_age() -> None:
    wires = looking_back()
    assert wires.subscriptions == 3  # one for each topic
    for now_ms in range(1000, 3000, 10):
        come(wires, now_ms, 'arm', 'hand')
        if now_ms % 50 == 0:
            come(wires, now_ms, 'camera/front')
    assert len(wires.states) == 40
    for state in wires.states[4:]:
        now, before, _ = state.state
        assert now - before == pytest.approx(0.1, abs=1e-6)
        front, front_before = state.images['front'].width, state.images['front_before'].width
        assert front - front_before == 200
        assert state.oldest_ns == state.newest_ns == front * MS


def test_looking_back_ends_at_the_start_of_an_episode() -> None:
    """What was before a reset is another scene: the first sample after it stands in."""
    wires = looking_back()
    for now_ms in range(1000, 2001, 50):
        come(wires, now_ms)
    wires.begin(1950)
    assert wires.told() == (2000, 1950, 2000, 1950)  # the newest state, told again
    come(wires, 2050)
    assert wires.told() == (2050, 1950, 2050, 1950)
    for now_ms in range(2100, 2201, 50):
        come(wires, now_ms)
    assert wires.told() == (2200, 2100, 2200, 2000)


def test_at_the_start_of_an_episode_there_is_only_its_first_sample() -> None:
    wires = looking_back()
    come(wires, 1000)
    wires.begin(5000)
    come(wires, 5030)  # the first, 30 ms after the start
    assert wires.told() == (5030, 5030, 5030, 5030)
    come(wires, 5140)
    assert wires.told() == (5140, 5030, 5140, 5030)


def test_a_gap_where_a_sensor_looks_back_is_named_and_no_state_is_told() -> None:
    wires = looking_back()
    for now_ms in range(1000, 1351, 10):
        come(wires, now_ms, 'arm', 'hand')
        if now_ms in (1000, 1350):
            come(wires, now_ms, 'camera/front')
    assert [state.newest_ns for state in wires.states] == [1000 * MS]
    assert wires.sensors.lagging() == (
        'front_before (camera/front) knows nothing of 0.2 s ago, give or take half of that: too '
        'slow, stopped, lost, or waited too long'
    )
    for now_ms in range(1360, 1550, 10):
        come(wires, now_ms, 'arm', 'hand')
    come(wires, 1550)
    assert wires.states[-1].images['front_before'].width == 1350
    assert not wires.sensors.lagging()


def test_a_sample_that_was_lost_stops_nothing_while_time_stands_still() -> None:
    wires = looking_back()
    for now_ms in range(1000, 2000, 100):
        come(wires, now_ms)
    del wires.states[:]
    come(wires, 2100)  # that of 2000 was lost: of 0.1 s ago nothing is known
    assert not wires.states and wires.sensors.lagging()
    come(wires, 2100)  # sent again: nothing newer will come
    assert wires.told() == (2100, 1900, 2100, 1900)
    (warning,) = wires.warnings
    assert warning.startswith('before (arm) knows nothing of 0.1 s ago')
    assert not wires.sensors.lagging()


def test_a_run_that_starts_anew_within_the_memory_sees_nothing_of_before() -> None:
    wires = looking_back()
    for now_ms in range(100, 1001, 100):
        come(wires, now_ms)
    wires.begin(600)
    come(wires, 300)
    wires.begin(250)
    come(wires, 350)
    assert wires.told() == (350, 350, 350, 350)


def test_stamps_that_begin_anew_leave_nothing_to_look_back_to() -> None:
    wires = looking_back()
    for now_ms in (5000, 5100, 5200, 3):
        come(wires, now_ms)
    assert wires.told() == (3, 3, 3, 3)


@settings(max_examples=200)
@given(
    stamps=st.lists(st.integers(0, 400), max_size=40),
    span=st.integers(1, 100),
    since=st.integers(0, 400),
    back=st.integers(0, 100),
    tolerance=st.integers(0, 60),
)
def test_history_finds_the_nearest_of_all_that_came(
    stamps: list[int], span: int, since: int, back: int, tolerance: int
) -> None:
    history = History(span)
    for stamp in sorted(stamps):
        history.add(JointState(header=header(stamp)))
    newest = max(stamps, default=0)
    wanted = newest - min(back, span)
    found = history.at(wanted, since, tolerance)
    known = sorted(stamp for stamp in stamps if stamp >= since)
    nearest = min((abs(stamp - wanted) for stamp in known), default=None)
    if known and wanted <= known[0]:
        assert found is not None and found.header.stamp.nanosec == known[0]
    elif nearest is None or nearest > tolerance:
        assert found is None
    else:
        assert found is not None and abs(found.header.stamp.nanosec - wanted) == nearest
    # As many as the span has, and one for its end.
    assert len(history) <= 1 + len({s for s in stamps if s >= newest - span})


def test_what_is_sent_again_while_time_stands_still_takes_no_memory() -> None:
    history = History(10)
    sent = [JointState(header=header(stamp)) for stamp in (5, *[8] * 100)]
    for message in sent:
        history.add(message)
    assert len(history) == 2
    assert history.at(8, 0, 0) is sent[-1]


def test_a_message_that_was_overtaken_does_not_hide_the_past() -> None:
    wires = looking_back()
    for now_ms in range(1000, 2001, 50):
        come(wires, now_ms)
    come(wires, 1990, 'camera/front')
    come(wires, 2050)
    assert wires.told() == (2050, 1950, 2050, 1850)


def test_a_sensor_that_waited_too_long_for_another_looks_into_no_future() -> None:
    """A camera 1.5 s late: what the joints were 0.1 s before its image is forgotten by then."""
    wires = looking_back()
    for now_ms in range(1000, 6000, 20):
        come(wires, now_ms, 'arm', 'hand')
        if now_ms % 100 == 0 and now_ms >= 2500:
            come(wires, now_ms - 1500, 'camera/front')
    assert all(now >= before for now, before, _ in (s.state for s in wires.states))
    assert 'before (arm) knows nothing of 0.1 s ago' in wires.sensors.lagging()


def test_a_slow_camera_does_not_show_the_present_as_the_past() -> None:
    wires = looking_back()
    for now_ms in range(1000, 3000, 10):
        come(wires, now_ms, 'arm', 'hand')
        if now_ms % 500 == 0:
            come(wires, now_ms, 'camera/front')
    assert [state.newest_ns for state in wires.states] == [1000 * MS]


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
        SensorTable(['arm joints arm', 'eye image c', 'hand gripper h'], ['x=eye.width'])


def test_an_entry_may_be_a_number() -> None:
    sources = ['place=arm.joint', 'task=1', 'bias = -2.5e-1', 'other=0']
    table = SensorTable(['arm joints arm'], sources)
    names = ('task', 'place', 'bias', 'other')
    table.require(names)
    assert table.state(names, {'arm': {'joint': 0.5}}).tolist() == [1.0, 0.5, -0.25, 0.0]


@pytest.mark.parametrize('text', ['nan', 'inf', '1 2', ''])
def test_what_is_no_number_and_no_field_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"got 'task={text}', expected 'ENTRY=NUMBER'"):
        SensorTable(['arm joints arm'], [f'task={text}'])


@pytest.mark.parametrize(
    ('line', 'what'),
    [
        ('arm joints', "expected 'NAME KIND TOPIC' or 'NAME KIND TOPIC AGE'"),
        ('', "expected 'NAME KIND TOPIC'"),
        ('arm lidar arm', 'KIND one of pose, joints, gripper, image, features'),
        ('arm joints arm 0.1 0.2', "expected 'NAME KIND TOPIC'"),
        ('arm joints arm soon', 'expected an AGE of 0 to 10 s'),
        ('arm joints arm -0.1', 'expected an AGE of 0 to 10 s'),
        ('arm joints arm nan', 'expected an AGE of 0 to 10 s'),
        ('hand joints arm', 'got hand twice'),
    ],
)
def test_a_line_that_says_no_sensor_is_refused(line: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        SensorTable(['hand gripper hand', line], [])
