"""A detector, a person and several at once judge on the running reward node."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from labelled import picture, write_classifier
from reward_peers import Peers, detector, mark, reset
from sensor_msgs.msg import Image
from std_msgs.msg import Bool

from dsrl_msgs.msg import Reward, RewardStatus, TaskStatus
from dsrl_ros.core.errors import ClassifierError, ConfigError
from dsrl_ros.nodes.reward.node import RewardNode
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.images import image_to_msg
from dsrl_ros.ros.stamps import header
from dsrl_ros.tasks.reward.evidence import Mark


@pytest.fixture
def make_peers(ros):
    def make(*sources: str, **parameters) -> Peers:
        ros.add(RewardNode, sources=list(sources), **parameters)
        peers = ros.add(Peers)
        ros.spin_until(peers.connected)
        return peers

    return make


def only(ros, peers: Peers) -> Reward:
    """Return the one reward there is, once it is there."""
    ros.spin_until(lambda: peers.rewards)
    (reward,) = peers.rewards
    return reward


def test_a_plain_detector_counts_from_when_it_speaks(ros, make_peers):
    peers = make_peers('topic')
    plain = detector(ros, peers, Bool)
    reset(ros, peers, seed=1)
    plain.publish(Bool(data=True))  # before the end of the chunk
    ros.spin_for(0.1)
    peers.send(decision=0, end_ns=5)
    ros.spin_for(0.2)
    assert not peers.rewards
    plain.publish(Bool(data=True))
    reward = only(ros, peers)
    assert (reward.terminated, reward.source) == (True, Reward.SOURCE_TOPIC)
    assert reward.header.stamp.nanosec == 5


def test_a_stamped_detector_counts_from_its_stamp(ros, make_peers):
    peers = make_peers('topic', detector='status')
    stamped = detector(ros, peers, TaskStatus)
    peers.send(decision=0, end_ns=5)
    stamped.publish(TaskStatus(header=header(4), success=True))
    ros.spin_for(0.2)
    assert not peers.rewards
    stamped.publish(TaskStatus(header=header(6), success=True))
    reward = only(ros, peers)
    assert (reward.value, reward.source) == (1.0, Reward.SOURCE_TOPIC)
    assert reward.header.stamp.nanosec == 6


@pytest.mark.parametrize(
    ('what', 'value', 'terminated', 'truncated'),
    [
        (Mark.SUCCESS, 1.0, True, False),
        (Mark.FAILURE, 0.0, True, False),
        (Mark.ABORT, 0.0, False, True),
    ],
)
def test_a_person_decides_at_any_time_of_an_episode(
    ros, make_peers, what, value, terminated, truncated
):
    peers = make_peers('simulator', 'person')
    refused = mark(ros, peers, what)
    assert not refused.success and 'No episode has started' in refused.message
    reset(ros, peers, seed=1)
    assert mark(ros, peers, what).success
    peers.send(decision=0, end_ns=100)
    peers.tell(100, success=False)
    reward = only(ros, peers)
    assert (reward.value, reward.terminated, reward.truncated) == (value, terminated, truncated)
    assert reward.source == Reward.SOURCE_PERSON
    late = mark(ros, peers, what)
    assert not late.success and 'has ended' in late.message
    ros.spin_until(lambda: peers.state() == RewardStatus.STATE_IDLE)


def test_at_a_limit_a_person_is_waited_for_and_steering_told(ros, make_peers):
    peers = make_peers('simulator', 'person', max_steps=4, person_timeout_s=60.0)
    reset(ros, peers, seed=1)
    peers.send(decision=0, end_ns=100)
    peers.tell(100, success=False)
    awaiting = RewardStatus.STATE_AWAITING_PERSON
    ros.spin_until(lambda: [state.state for state in peers.states].count(awaiting) >= 3)
    assert not peers.rewards
    assert 50.0 < peers.states[-1].remaining < 60.0 and peers.states[-1].id.decision == 0
    mark(ros, peers, Mark.SUCCESS)
    assert only(ros, peers).source == Reward.SOURCE_PERSON


def test_a_person_who_says_nothing_leaves_it_to_the_limit(ros, make_peers):
    peers = make_peers('person', max_steps=4, person_timeout_s=0.3)
    reset(ros, peers, seed=1)
    peers.send(decision=0, end_ns=100)
    reward = only(ros, peers)
    assert (reward.truncated, reward.source) == (True, Reward.SOURCE_TIMEOUT)


def test_all_sources_may_be_asked_for(ros, make_peers):
    peers = make_peers('simulator', 'topic', success_when='all')
    plain = detector(ros, peers, Bool)
    for decision, says in enumerate([(True, False), (True, True)]):
        peers.send(decision, end_ns=decision)
        peers.tell(decision, says[0])
        ros.spin_for(0.1)
        assert len(peers.rewards) == decision
        plain.publish(Bool(data=says[1]))
        ros.spin_until(lambda d=decision: len(peers.rewards) > d)
    assert [reward.success for reward in peers.rewards] == [False, True]
    assert [reward.source for reward in peers.rewards] == [
        Reward.SOURCE_TOPIC,
        Reward.SOURCE_SIMULATOR,
    ]


def test_a_person_need_not_wait_for_a_detector_that_is_late(ros, make_peers):
    peers = make_peers('simulator', 'person')
    reset(ros, peers, seed=1)
    peers.send(decision=0, end_ns=100)
    ros.spin_for(0.2)
    assert not peers.rewards
    assert mark(ros, peers, Mark.FAILURE).success
    assert only(ros, peers).source == Reward.SOURCE_PERSON


def test_the_source_that_is_late_is_named(ros, make_peers, capfd):
    peers = make_peers('simulator', 'topic', status_timeout_s=0.1)
    peers.send(decision=3, end_ns=5)
    peers.tell(5, success=False)
    said = ''

    def named() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return 'chunk 0/3 for 0.' in said and 'from topic' in said

    ros.spin_until(named)
    assert f'{ros.namespace}/success' in said and 'simulator' not in said
    detector(ros, peers, Bool).publish(Bool(data=False))
    ros.spin_until(lambda: peers.rewards)


@pytest.mark.parametrize(
    ('parameters', 'complaint'),
    [
        ({'sources': ['simulator', 'simulator']}, 'each once'),
        ({'sources': ['judge']}, 'expected some of simulator, topic, person, classifier'),
        ({'sources': ['classifier']}, 'train-classifier'),
    ],
)
def test_options_that_contradict_each_other_are_refused(ros, parameters, complaint):
    with pytest.raises(ConfigError, match=complaint):
        ros.add(RewardNode, **parameters)


def test_a_classifier_judges_by_images_that_hold_up_to_the_end(ros, make_peers, tmp_path):
    peers = make_peers(
        'classifier', classifier=str(write_classifier(tmp_path)), classifier_hold_s=2e-7
    )
    camera = peers.create_publisher(Image, names.CAMERA, qos.SENSOR)
    ros.spin_until(camera.get_subscription_count)
    reset(ros, peers, seed=1)

    def show(stamp_ns: int, success: bool) -> None:
        camera.publish(image_to_msg(stamp_ns, 'front', picture(success, stamp_ns)))
        ros.spin_for(0.05)

    peers.send(decision=0, end_ns=100)
    show(50, success=True)
    camera.publish(Image(header=header(100), encoding='32FC1'))  # said, and left out
    ros.spin_for(0.1)
    assert not peers.rewards  # older than the end of the chunk
    show(150, success=True)  # new enough, but not for long enough
    ros.spin_until(lambda: peers.rewards)
    peers.send(decision=1, end_ns=240)
    show(240, success=False)
    peers.send(decision=2, end_ns=300)
    show(300, success=True)
    peers.send(decision=3, end_ns=500)
    show(500, success=True)
    ros.spin_until(lambda: len(peers.rewards) == 4)
    assert [reward.success for reward in peers.rewards] == [False, False, False, True]
    assert {reward.source for reward in peers.rewards} == {Reward.SOURCE_CLASSIFIER}
    assert peers.rewards[-1].header.stamp.nanosec == 500


def test_a_classifier_that_cannot_be_loaded_ends_the_node_at_once(ros, tmp_path):
    with pytest.raises(ClassifierError, match='No such file'):
        ros.add(RewardNode, sources=['classifier'], classifier=str(tmp_path / 'c.safetensors'))
