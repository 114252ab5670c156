"""The reward node judges every chunk by a status as new as its end, and resets verifiably."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from rclpy.action import ActionClient
from rclpy.node import Node

from dsrl_msgs.action import ResetEpisode
from dsrl_msgs.msg import ChunkResult, DecisionId, Reward, TaskStatus
from dsrl_msgs.srv import SetScene
from dsrl_ros.bridge import names, qos
from dsrl_ros.bridge.convert import header, stamp_from_ns
from dsrl_ros.nodes.reward_node import RewardNode


class Peers(Node):
    """Driver, twin and steering as the reward node sees them."""

    def __init__(self, refusals: int = 0, **node_options) -> None:
        super().__init__('peers', **node_options)
        self.refusals = refusals
        self.seeds: list[int] = []
        self.rewards: list[Reward] = []
        self.results = self.create_publisher(ChunkResult, names.CHUNK_RESULT, qos.DECISION)
        self.statuses = self.create_publisher(TaskStatus, names.TASK_STATUS, qos.DECISION)
        self.create_subscription(Reward, names.REWARD, self.rewards.append, qos.DECISION)
        self.create_service(SetScene, names.SET_SCENE, self._on_set_scene)
        self.resets = ActionClient(self, ResetEpisode, names.RESET_EPISODE)

    def _on_set_scene(self, request, response):
        self.seeds.append(request.seed)
        response.success = len(self.seeds) > self.refusals
        response.message = '' if response.success else 'busy'
        response.stamp = stamp_from_ns(77)
        return response

    def connected(self) -> bool:
        return (
            self.results.get_subscription_count() == 1
            and self.statuses.get_subscription_count() == 1
            and self.count_publishers(names.REWARD) == 1
            and self.resets.server_is_ready()
        )

    def send(self, decision: int, end_ns: int, num_executed: int = 4, episode: int = 0) -> None:
        key = DecisionId(robot='fr3', episode=episode, decision=decision)
        self.results.publish(ChunkResult(header=header(end_ns), id=key, num_executed=num_executed))

    def tell(self, stamp_ns: int, success: bool) -> None:
        self.statuses.publish(TaskStatus(header=header(stamp_ns), success=success))


@pytest.fixture
def make_peers(ros):
    def make(refusals: int = 0, **parameters) -> Peers:
        ros.add(RewardNode, **parameters)
        peers = ros.add(lambda **options: Peers(refusals, **options))
        ros.spin_until(peers.connected)
        return peers

    return make


def test_a_chunk_is_judged_by_a_status_not_older_than_its_end(ros, make_peers):
    peers = make_peers()
    peers.send(decision=0, end_ns=1000)
    peers.tell(999, success=True)  # from before the end: says nothing of this chunk
    ros.spin_for(0.2)
    assert not peers.rewards
    peers.tell(1000, success=False)
    ros.spin_until(lambda: peers.rewards)
    assert peers.rewards[0].id.decision == 0
    assert (peers.rewards[0].value, peers.rewards[0].success) == (0.0, False)


def test_success_terminates_and_the_time_limit_truncates(ros, make_peers):
    peers = make_peers(max_steps=8)
    for decision, success in enumerate((False, False)):
        peers.send(decision, end_ns=decision)
        peers.tell(decision, success)
        ros.spin_until(lambda d=decision: len(peers.rewards) > d)
    assert (peers.rewards[1].terminated, peers.rewards[1].truncated) == (False, True)
    assert peers.rewards[1].source == Reward.SOURCE_TIMEOUT
    peers.send(decision=2, end_ns=2)
    peers.tell(2, success=True)
    ros.spin_until(lambda: len(peers.rewards) > 2)
    reward = peers.rewards[2]
    assert (reward.value, reward.terminated, reward.truncated) == (1.0, True, False)
    assert reward.source == Reward.SOURCE_SIMULATOR


def test_a_result_that_comes_again_is_judged_once(ros, make_peers):
    peers = make_peers(max_steps=100)
    for _ in range(3):
        peers.send(decision=0, end_ns=5)
    peers.tell(5, success=False)
    ros.spin_until(lambda: peers.rewards)
    peers.send(decision=0, end_ns=5)
    ros.spin_for(0.2)
    assert len(peers.rewards) == 1


def done(ros, future):
    ros.spin_until(future.done)
    return future.result()


def reset(ros, peers: Peers, seed: int):
    goal = done(ros, peers.resets.send_goal_async(ResetEpisode.Goal(seed=seed)))
    return done(ros, goal.get_result_async()).result


def test_a_reset_arranges_the_scene_of_its_seed_and_starts_the_count_anew(ros, make_peers):
    peers = make_peers(max_steps=8)
    peers.send(decision=0, end_ns=0)
    peers.tell(0, success=False)
    ros.spin_until(lambda: peers.rewards)
    result = reset(ros, peers, seed=42)
    assert result.error_code == ResetEpisode.Result.NONE
    assert (result.stamp.sec, result.stamp.nanosec) == (0, 77)
    assert peers.seeds == [42]
    peers.send(decision=0, end_ns=100, episode=1)
    peers.tell(100, success=False)
    ros.spin_until(lambda: len(peers.rewards) == 2)
    assert not peers.rewards[1].truncated


def test_a_refused_reset_is_tried_again_and_then_fails_by_name(ros, make_peers):
    peers = make_peers(refusals=1)
    assert reset(ros, peers, seed=1).error_code == ResetEpisode.Result.NONE
    assert len(peers.seeds) == 2
    peers.refusals = 100
    result = reset(ros, peers, seed=2)
    assert result.error_code == ResetEpisode.Result.SCENE
    assert 'busy' in result.error_message
