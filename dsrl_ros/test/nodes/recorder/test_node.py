"""Every message of an episode is in its bag, byte for byte, and every type reads back."""

from __future__ import annotations

import json
import uuid
from array import array

import pytest
import yaml

pytest.importorskip('rclpy', reason='needs ROS')

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import JointState

from dsrl_msgs import msg
from dsrl_ros.nodes.recorder.bag_writer import AUDIT, PER_DECISION, EpisodeBags, typestore
from dsrl_ros.nodes.recorder.node import RecorderNode
from dsrl_ros.ros import names, qos

RUN = list(uuid.uuid4().bytes)


class Graph(Node):
    """Publishes everything that the recorder listens to."""

    def __init__(self, **node_options) -> None:
        super().__init__('graph', **node_options)
        self.loop = {
            topic: self.create_publisher(kind, topic, qos.DECISION)
            for topic, kind in {**PER_DECISION, names.EPISODE_RESULT: msg.EpisodeResult}.items()
        }
        self.run = self.create_publisher(msg.RunInfo, names.RUN_INFO, qos.LATCHED)
        self.spec = self.create_publisher(msg.PolicySpec, names.POLICY_SPEC, qos.LATCHED)
        self.joints = self.create_publisher(JointState, names.JOINT_STATES, qos.SENSOR)

    def connected(self) -> bool:
        publishers = [*self.loop.values(), self.run, self.spec, self.joints]
        return all(publisher.get_subscription_count() for publisher in publishers)

    def send(self, topic: str, episode: int, decision: int, **fields) -> None:
        identifier = msg.DecisionId(robot='fr3', run=RUN, episode=episode, decision=decision)
        self.loop[topic].publish(PER_DECISION[topic](id=identifier, **fields))

    def send_episode(self, episode: int, decisions: int, without: str = '') -> None:
        for decision in range(decisions):
            for topic in PER_DECISION:
                if topic != without:
                    self.send(topic, episode, decision)
        self.send(names.OBSERVATION, episode, decisions)
        self.end(episode, decisions)

    def end(self, episode: int, decisions: int) -> None:
        self.loop[names.EPISODE_RESULT].publish(
            msg.EpisodeResult(run=RUN, episode=episode, phase='online', num_decisions=decisions)
        )


@pytest.fixture
def graph(ros, tmp_path):
    ros.add(RecorderNode)
    node = ros.add(Graph)
    ros.spin_until(node.connected)
    node.spec.publish(msg.PolicySpec(name='before the run is known'))
    node.run.publish(msg.RunInfo(run=RUN, run_dir=str(tmp_path)))
    return node


def read(path) -> dict[str, list]:
    """Return what a bag holds by the last part of the topic, deserialised by rosbags."""
    store = typestore()
    found: dict[str, list] = {}
    with Reader(path) as reader:
        for connection, _, data in reader.messages():
            topic = connection.topic.split('/', 2)[-1]
            found.setdefault(topic, []).append(store.deserialize_cdr(data, connection.msgtype))
    return found


def audit(path) -> dict:
    metadata = yaml.safe_load((path / 'metadata.yaml').read_text())
    return json.loads(metadata['rosbag2_bagfile_information']['custom_data'][AUDIT])


def test_an_episode_is_in_its_bag_with_what_came_before(ros, graph, tmp_path):
    graph.send_episode(0, decisions=2)
    bag = tmp_path / 'episodes' / '0000'
    ros.spin_until((bag / 'metadata.yaml').exists)
    found = read(bag)
    assert {t: len(found[t]) for t in PER_DECISION} == {
        **dict.fromkeys(PER_DECISION, 2),
        names.OBSERVATION: 3,
    }
    assert found[names.POLICY_SPEC][0].name == 'before the run is known'
    assert found[names.RUN_INFO][0].run_dir == str(tmp_path)
    assert found[names.EPISODE_RESULT][0].num_decisions == 2
    assert audit(bag)['complete']


def test_a_late_message_goes_to_its_own_episode(ros, graph, tmp_path):
    graph.send_episode(0, decisions=1, without=names.REWARD)
    graph.send(names.OBSERVATION, 1, 0)
    ros.spin_until((tmp_path / 'episodes' / '0001').exists)
    graph.send(names.REWARD, 0, 0, value=0.5)
    bag = tmp_path / 'episodes' / '0000'
    ros.spin_until((bag / 'metadata.yaml').exists)
    assert read(bag)[names.REWARD][0].value == 0.5
    assert audit(bag)['complete']


def test_what_comes_twice_does_not_stand_for_what_never_comes(ros, graph, tmp_path):
    graph.send(names.CHUNK_RESULT, 0, 0)
    graph.send(names.CHUNK_RESULT, 0, 0)
    graph.send_episode(0, decisions=2, without=names.CHUNK_RESULT)
    bag = tmp_path / 'episodes' / '0000'
    ros.spin_until((bag / 'metadata.yaml').exists)
    assert audit(bag)['missing'] == {names.CHUNK_RESULT: 1}
    assert len(read(bag)[names.CHUNK_RESULT]) == 2


def test_what_never_comes_is_named_in_the_audit(ros, graph, tmp_path):
    graph.send_episode(0, decisions=2, without=names.CHUNK_RESULT)
    bag = tmp_path / 'episodes' / '0000'
    ros.spin_until((bag / 'metadata.yaml').exists)
    assert audit(bag)['missing'] == {names.CHUNK_RESULT: 2}


@pytest.mark.parametrize('filled', [True, False])
def test_every_loop_type_reads_back_filled_and_empty(ros, graph, tmp_path, filled):
    floats = array('f', [1.5, -2.5]) if filled else array('f')
    state = {'state': floats, 'state_names': ['x', 'y'] if filled else []}
    graph.send(names.OBSERVATION, 0, 0, **state)
    graph.send(names.NOISE, 0, 0, data=floats, policy_sha256='a' * 64 if filled else '')
    graph.send(names.ACTION_CHUNK, 0, 0, data=floats)
    graph.send(names.CHUNK_RESULT, 0, 0, executed=floats)
    graph.send(names.REWARD, 0, 0, value=1.0 if filled else 0.0)
    graph.send(names.TRANSITION, 0, 0, observation=msg.Observation(state=floats))
    graph.send(names.OBSERVATION, 0, 1, **state)
    graph.end(0, decisions=1)
    bag = tmp_path / 'episodes' / '0000'
    ros.spin_until((bag / 'metadata.yaml').exists)
    found = read(bag)
    assert list(found[names.OBSERVATION][0].state) == list(floats)
    assert list(found[names.NOISE][0].data) == list(floats)
    assert list(found[names.ACTION_CHUNK][0].data) == list(floats)
    assert list(found[names.CHUNK_RESULT][0].executed) == list(floats)
    assert list(found[names.TRANSITION][0].observation.state) == list(floats)


def test_sensors_go_into_the_episode_under_way(ros, graph, tmp_path):
    graph.send(names.OBSERVATION, 0, 0)
    ros.spin_until((tmp_path / 'episodes' / '0000').exists)
    state = JointState(name=['a'], position=[0.1], velocity=[0.2], effort=[0.3])
    graph.joints.publish(state)
    ros.spin_for(0.1)
    graph.send_episode(0, decisions=1)
    bag = tmp_path / 'episodes' / '0000'
    ros.spin_until((bag / 'metadata.yaml').exists)
    assert list(read(bag)[names.JOINT_STATES][0].effort) == [0.3]


def test_two_streams_on_one_topic_are_recorded_once(ros, tmp_path):
    rule = ['--ros-args', '-r', f'{names.GRIPPER_STATES}:={names.JOINT_STATES}']
    node = ros.add(lambda **options: RecorderNode(cli_args=rule, **options))
    streams = [subscription.topic_name for subscription in node.subscriptions]
    assert len(streams) == len(set(streams))


def test_a_bag_left_open_is_readable_after_the_node_has_ended(ros, tmp_path):
    recorder = ros.add(RecorderNode)
    graph = ros.add(Graph)
    ros.spin_until(graph.connected)
    graph.run.publish(msg.RunInfo(run=RUN, run_dir=str(tmp_path)))
    graph.send(names.OBSERVATION, 0, 0)
    bag = tmp_path / 'episodes' / '0000'
    ros.spin_until(bag.exists)
    ros.remove(recorder)
    assert len(read(bag)[names.OBSERVATION]) == 1
    assert not audit(bag)['complete']


def test_a_full_disk_stops_the_recording_and_is_said(ros, graph, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, 'No space left on device')

    health = ros.health()
    ros.spin_until(lambda: health('recording'))
    monkeypatch.setattr(EpisodeBags, 'add', full)
    graph.send_episode(0, decisions=1)
    said = ros.spin_until(lambda: health('No space left on device'))
    assert said.level == DiagnosticStatus.ERROR
