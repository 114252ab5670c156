"""The plan of a run: resets never shared between learning and evaluation, weights at most one
episode behind.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.learning.steering.plan import Phase, RunPlan

small = st.integers(min_value=0, max_value=20)


@given(seed=st.integers(0, 2**32), warmup=small, online=small, evaluation=small)
def test_phases_come_in_order_and_as_often_as_asked(seed, warmup, online, evaluation):
    plan = RunPlan(seed, warmup, online, evaluation)
    phases = [plan.episode(n).phase for n in range(len(plan))]
    assert phases == (
        [Phase.WARMUP] * warmup
        + [Phase.ONLINE] * online
        + [Phase.EVAL_BASE] * evaluation
        + [Phase.EVAL_STEERED] * evaluation
    )


@given(seed=st.integers(0, 2**32))
def test_evaluation_resets_are_fresh_and_the_same_for_base_and_steered(seed):
    plan = RunPlan(seed, 10, 40, 50)
    episodes = [plan.episode(n) for n in range(len(plan))]
    learned = {e.reset_seed for e in episodes if e.phase.learned}
    base = [e.reset_seed for e in episodes if e.phase == Phase.EVAL_BASE]
    steered = [e.reset_seed for e in episodes if e.phase == Phase.EVAL_STEERED]
    assert base == steered
    assert len(set(base)) == 50
    assert not learned & set(base)


def test_learning_lags_by_one_episode_and_evaluation_waits_for_all_of_it():
    plan = RunPlan(seed=0, warmup=2, online=3, evaluation=1)
    assert [plan.episode(n).trained_episodes for n in range(7)] == [0, 0, 1, 2, 3, None, 5]


def test_an_episode_beyond_the_run_is_an_error():
    with pytest.raises(ConfigError, match='expected 0 to 2'):
        RunPlan(seed=0, warmup=1, online=2, evaluation=0).episode(3)
