"""When an episode ends and what it earns."""

from __future__ import annotations

from dsrl_ros.tasks.reward.limits import EpisodeJudge


def test_success_terminates_and_earns_one():
    judge = EpisodeJudge(max_steps=100, max_rejects=3)
    assert judge.judge(4, success=False).reward == 0.0
    verdict = judge.judge(4, success=True)
    assert (verdict.reward, verdict.terminated, verdict.truncated) == (1.0, True, False)


def test_time_limit_truncates_and_never_terminates():
    judge = EpisodeJudge(max_steps=8, max_rejects=3)
    assert not judge.judge(4, success=False).over
    verdict = judge.judge(4, success=False)
    assert (verdict.terminated, verdict.truncated, verdict.reward) == (False, True, 0.0)


def test_success_at_the_time_limit_is_termination():
    judge = EpisodeJudge(max_steps=4, max_rejects=3)
    verdict = judge.judge(4, success=True)
    assert (verdict.terminated, verdict.truncated) == (True, False)


def test_only_consecutive_rejects_truncate():
    judge = EpisodeJudge(max_steps=100, max_rejects=2)
    assert not judge.judge(0, success=False).over
    assert not judge.judge(4, success=False).over
    assert not judge.judge(0, success=False).over
    verdict = judge.judge(0, success=False)
    assert (verdict.terminated, verdict.truncated) == (False, True)


def test_start_forgets_the_last_episode():
    judge = EpisodeJudge(max_steps=4, max_rejects=1)
    judge.judge(4, success=False)
    judge.start()
    assert not judge.judge(3, success=False).over
