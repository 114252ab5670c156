"""The reward node judges every chunk by a status as new as its end, and resets verifiably."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from action_msgs.msg import GoalStatus
from reward_peers import Peers, done, reset

from dsrl_msgs.action import ResetEpisode
from dsrl_msgs.msg import Reward
from dsrl_ros.nodes.reward.node import RewardNode


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
    peers.send(decision=0, end_ns=2, episode=1)
    peers.tell(2, success=True)
    ros.spin_until(lambda: len(peers.rewards) > 2)
    reward = peers.rewards[2]
    assert (reward.value, reward.terminated, reward.truncated) == (1.0, True, False)
    assert reward.source == Reward.SOURCE_SIMULATOR


def test_an_episode_ends_once_and_what_comes_after_is_said(ros, make_peers, capfd):
    peers = make_peers(max_steps=4)
    for decision in range(2):
        peers.send(decision, end_ns=decision)
        peers.tell(decision, success=False)
        ros.spin_until(lambda: peers.rewards)
    ros.spin_until(lambda: 'result of chunk 0/1 after its episode had ended' in said(capfd))
    assert [reward.truncated for reward in peers.rewards] == [True]


def said(capfd) -> str:
    return capfd.readouterr().err


def test_a_result_that_comes_again_is_judged_once(ros, make_peers):
    peers = make_peers(max_steps=100)
    for _ in range(3):
        peers.send(decision=0, end_ns=5)
    peers.tell(5, success=False)
    ros.spin_until(lambda: peers.rewards)
    peers.send(decision=0, end_ns=5)
    # Who sends it again has lost the answer: the same comes again, and counts nothing.
    ros.spin_until(lambda: len(peers.rewards) == 2)
    assert peers.rewards[0] == peers.rewards[1]


def test_a_reset_arranges_the_scene_of_its_seed_and_restarts_the_count(ros, make_peers):
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


def test_a_reset_that_is_asked_for_twice_is_done_once(ros, make_peers):
    """Steering sends a goal again whose acceptance it has lost."""
    peers = make_peers()
    goal = ResetEpisode.Goal(robot='fr3', episode=3, seed=9)
    sent = [peers.resets.send_goal_async(goal) for _ in range(2)]
    answers = [done(ros, done(ros, one).get_result_async()) for one in sent]
    assert [answer.status for answer in answers] == [GoalStatus.STATUS_SUCCEEDED] * 2
    assert answers[0].result == answers[1].result
    assert peers.seeds == [9]
