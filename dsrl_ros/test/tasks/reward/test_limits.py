"""When an episode ends and what it earns."""

from __future__ import annotations

from dsrl_ros.tasks.reward.limits import EpisodeLimits


def test_success_terminates_and_earns_one():
    limits = EpisodeLimits(max_steps=100, max_rejects=3)
    assert limits.verdict(4, success=False).reward == 0.0
    verdict = limits.verdict(4, success=True)
    assert (verdict.reward, verdict.terminated, verdict.truncated) == (1.0, True, False)


def test_time_limit_truncates_and_never_terminates():
    limits = EpisodeLimits(max_steps=8, max_rejects=3)
    assert not limits.verdict(4, success=False).over
    verdict = limits.verdict(4, success=False)
    assert (verdict.terminated, verdict.truncated, verdict.reward) == (False, True, 0.0)


def test_success_at_the_time_limit_is_termination():
    limits = EpisodeLimits(max_steps=4, max_rejects=3)
    verdict = limits.verdict(4, success=True)
    assert (verdict.terminated, verdict.truncated) == (True, False)


def test_only_consecutive_rejects_truncate():
    limits = EpisodeLimits(max_steps=100, max_rejects=2)
    assert not limits.verdict(0, success=False).over
    assert not limits.verdict(4, success=False).over
    assert not limits.verdict(0, success=False).over
    verdict = limits.verdict(0, success=False)
    assert (verdict.terminated, verdict.truncated) == (False, True)


def test_start_forgets_the_last_episode():
    limits = EpisodeLimits(max_steps=4, max_rejects=1)
    limits.verdict(4, success=False)
    limits.start()
    assert not limits.verdict(3, success=False).over
