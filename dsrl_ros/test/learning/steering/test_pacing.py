"""Exactly the owed gradient steps, whole episodes in order, and a lag of one episode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import transition

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.types import DecisionKey, Transition
from dsrl_ros.learning.steering.pacing import GradientDebt, LockstepPacing, trained_episodes_for


def episode(number: int, length: int) -> list[Transition]:
    return [
        transition(
            key=DecisionKey('toy', '0' * 32, number, k),
            terminated=False,
            truncated=k == length - 1,
        )
        for k in range(length)
    ]


def test_weights_lag_by_one_episode() -> None:
    """Weights for episode e + 2 include all data through e, and nothing newer."""
    assert [trained_episodes_for(e) for e in range(5)] == [0, 0, 1, 2, 3]


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=6), utd=st.integers(1, 7))
def test_every_episode_owes_utd_steps_per_transition(lengths: list[int], utd: int) -> None:
    pacing = LockstepPacing(GradientDebt(utd))
    for number, length in enumerate(lengths):
        sent = episode(number, length)
        for one in sent:
            pacing.add(one)
        work = pacing.take()
        assert work is not None
        assert (work.episode, work.transitions) == (number, tuple(sent))
        assert work.gradient_steps == utd * length
        pacing.finish(work)
        assert pacing.trained_episodes == number + 1


def test_an_episode_under_way_waits_until_it_is_complete() -> None:
    """What arrives while episode 0 is learned from is not in its batches."""
    pacing = LockstepPacing(GradientDebt(2))
    first, second = episode(0, 2), episode(1, 3)
    for one in first:
        pacing.add(one)
    work = pacing.take()
    assert work is not None
    for one in second[:2]:
        pacing.add(one)
    assert pacing.take() is None  # episode 0 is in work
    pacing.finish(work)
    assert pacing.take() is None  # episode 1 is not complete
    pacing.add(second[2])
    work = pacing.take()
    assert work is not None and work.transitions == tuple(second)


def test_start_transitions_delay_the_steps_and_forgive_none() -> None:
    pacing = LockstepPacing(GradientDebt(10, start_transitions=5))
    steps = []
    for number, length in enumerate((2, 2, 2, 1)):
        for one in episode(number, length):
            pacing.add(one)
        work = pacing.take()
        assert work is not None
        steps.append(work.gradient_steps)
        pacing.finish(work)
    assert steps == [0, 0, 60, 10]


def test_updates_every_other_transition_are_counted_across_episodes() -> None:
    """An odd transition is not forgotten: the next episode's first one completes the pair."""
    pacing = LockstepPacing(GradientDebt(30, update_every=2))
    steps = []
    for number, length in enumerate((1, 3, 3, 1, 4)):
        for one in episode(number, length):
            pacing.add(one)
        work = pacing.take()
        assert work is not None
        steps.append(work.gradient_steps)
        pacing.finish(work)
    assert steps == [0, 60, 30, 30, 60]


@pytest.mark.parametrize('key', [(0, 1), (1, 0), (0, 0)])
def test_gaps_and_repeats_are_refused(key: tuple[int, int]) -> None:
    pacing = LockstepPacing(GradientDebt(1))
    if key == (0, 0):
        pacing.add(episode(0, 2)[0])
    with pytest.raises(ConfigError, match='in order and without gaps'):
        pacing.add(transition(key=DecisionKey('toy', '0' * 32, *key)))


def test_more_than_owed_cannot_be_paid() -> None:
    debt = GradientDebt(3)
    debt.add(2)
    debt.pay(4)
    assert debt.owed == 2
    with pytest.raises(ConfigError, match='0 to 2'):
        debt.pay(3)


def test_a_resumed_run_goes_on_with_the_next_episode_and_owes_nothing_twice() -> None:
    debt = GradientDebt(4)
    debt.restore(num_transitions=30, num_steps=120)
    pacing = LockstepPacing(debt, trained_episodes=3)
    for one in episode(3, 2):
        pacing.add(one)
    work = pacing.take()
    assert work is not None
    assert (work.episode, work.gradient_steps) == (3, 8)


def test_work_is_finished_once() -> None:
    pacing = LockstepPacing(GradientDebt(1))
    for one in episode(0, 1):
        pacing.add(one)
    work = pacing.take()
    assert work is not None
    pacing.finish(work)
    with pytest.raises(ConfigError, match='not in work'):
        pacing.finish(work)
