"""The baselines stand behind the learners' interface and do what they say."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from toy import SPEC, ToyEnv, ToyPolicy, transition

from dsrl_ros.core.types import Array, Noise, NoiseLayout, NoiseSource
from dsrl_ros.learning.best_of_n import BestOfN, BestOfNChooser
from dsrl_ros.learning.build import acting_policy, build_learner
from dsrl_ros.learning.choosers import NoiseChooser, PriorChooser
from dsrl_ros.learning.config import ALGORITHMS, LearnerConfig
from dsrl_ros.learning.constant import ConstantSearch
from dsrl_ros.learning.learner import Learner
from dsrl_ros.learning.rlpd import Rlpd
from dsrl_ros.learning.steered import evaluate, run_steering
from dsrl_ros.policies.direct import DirectPolicy

torch.set_num_threads(1)

CONFIG = LearnerConfig(
    hidden_size=32,
    num_layers=2,
    batch_size=32,
    discount=0.9,
    critic_learning_rate=1e-3,
    polyak=0.02,
    utd=10,
)
SMALL = dataclasses.replace(CONFIG, hidden_size=8, num_layers=1, batch_size=4, utd=2)
STATE = np.array([0.0, 1.0], dtype=np.float32)


def build(algorithm: str, seed: int = 0, **changes: Any) -> Learner:
    config = dataclasses.replace(SMALL, algorithm=algorithm, **changes)
    return build_learner(ToyPolicy(), config, seed)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_every_algorithm_runs_repeats_and_goes_on_from_its_state(algorithm: str) -> None:
    def rows(learner: Learner) -> list[Array]:
        choosers = (learner.chooser(None), learner.chooser(3))
        return [chooser.choose(STATE, 9, k).rows for chooser in choosers for k in range(3)]

    one, other = build(algorithm), build(algorithm)
    for learner in (one, other):
        run_steering(ToyEnv(), ToyPolicy(), learner, 0, 2, 3)
    np.testing.assert_array_equal(rows(one), rows(other))
    resumed = build(algorithm, seed=1)
    resumed.load_state_groups(one.state_groups())
    np.testing.assert_array_equal(rows(one)[:3], rows(resumed)[:3]) if algorithm not in (
        'prior',
        'best_of_n',
    ) else None
    assert one.num_transitions == resumed.num_transitions > 0


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_a_chooser_stays_as_it_was_when_learning_goes_on(algorithm: str) -> None:
    learner = build(algorithm)
    for number in range(8):
        learner.add(transition(number))
    chooser = learner.chooser(0)
    before = chooser.choose(STATE, 0, 0).rows
    learner.update(6)
    np.testing.assert_array_equal(chooser.choose(STATE, 0, 0).rows, before)


def test_best_of_n_takes_the_most_valued_of_the_prior_samples() -> None:
    rows_seen = []

    def valued(_: Array, rows: Array) -> Array:
        rows_seen.append(rows)
        return -np.abs(rows[:, 0, 0] - 0.5)

    chooser = BestOfNChooser(valued, NoiseLayout.FULL, (64, 2, 1), seed=0)
    chosen = chooser.choose(STATE, 0, 0)
    assert chosen.source == NoiseSource.PRIOR
    assert np.abs(chosen.rows[0, 0] - 0.5) == np.abs(rows_seen[0][:, 0, 0] - 0.5).min()
    assert 0.8 < rows_seen[0].std() < 1.2


def test_best_of_n_learns_to_choose() -> None:
    env, policy = ToyEnv(), ToyPolicy()
    learner = BestOfN(policy, dataclasses.replace(CONFIG, algorithm='best_of_n'), seed=0)
    prior: NoiseChooser = PriorChooser(0, NoiseLayout.FULL, (2, 1))
    base = np.mean(evaluate(env, policy, prior, CONFIG, 0, 100))
    run_steering(env, policy, learner, 0, 10, 20)
    chosen = np.mean(evaluate(env, policy, learner.chooser(None), CONFIG, 0, 50))
    assert base < 0.4 and chosen > 0.9


class OneGoalEnv(ToyEnv):
    """Its goal is always at +1, so that one noise serves every episode."""

    def reset(self, *, seed: int) -> tuple[Array, dict[str, Any]]:
        return super().reset(seed=2 * seed + 1)


def test_constant_search_finds_a_noise_that_serves_the_task() -> None:
    config = dataclasses.replace(CONFIG, algorithm='constant', num_candidates=8)
    learner = ConstantSearch(SPEC, config, seed=0)
    run_steering(OneGoalEnv(), ToyPolicy(), learner, 0, 2, 40)
    chooser = learner.chooser(None)
    assert np.mean(evaluate(OneGoalEnv(), ToyPolicy(), chooser, config, 0, 20)) == 1.0
    first, later = (chooser.choose(STATE, episode, 3) for episode in (0, 7))
    np.testing.assert_array_equal(first.rows, later.rows)
    assert first.source == NoiseSource.CONSTANT


def test_constant_search_counts_only_its_own_candidates() -> None:
    learner = build('constant', num_candidates=4)
    assert isinstance(learner, ConstantSearch)
    candidate = learner.chooser(0).choose(STATE, 0, 0)
    learner.add(transition(noise=candidate, terminated=True, truncated=False, reward=1.0))
    learner.add(transition(noise=candidate, terminated=False, truncated=False, reward=0.0))
    learner.add(transition(1, terminated=False, truncated=True, reward=0.0))  # the prior's
    assert learner.state_groups()['search']['outcomes'].sum(dim=0).tolist() == [1, 0]
    np.testing.assert_array_equal(learner.chooser(None).choose(STATE, 0, 0).rows, candidate.rows)


def test_the_direct_policy_spans_the_stated_limits() -> None:
    spec = dataclasses.replace(SPEC, action_low=(-1.0,), action_high=(3.0,))
    policy = DirectPolicy(spec)
    noise = np.array([[[-1.0], [0.5]], [[9.0], [-9.0]]], dtype=np.float32)
    actions = policy(np.zeros((2, 2), np.float32), noise)
    np.testing.assert_allclose(actions[:, :, 0], [[-1.0, 2.0], [3.0, -1.0]])
    np.testing.assert_allclose(policy.noise_for(actions)[0], noise[0])


def test_rlpd_learns_on_what_was_executed_and_needs_no_noise() -> None:
    made = Rlpd(SPEC, LearnerConfig(algorithm='rlpd'), seed=0)
    action = np.array([[0.5], [-0.25]], dtype=np.float32)
    made.add(transition(noise=None, action=action, phase='offline'))
    made.add(transition(noise=None, action=action[:1]))
    kept = made.replay.gather(torch.arange(2)).action
    np.testing.assert_allclose(kept, [[0.5, -0.25], [0.5, 0.5]])
    assert isinstance(acting_policy(ToyPolicy(), made.config), DirectPolicy)


def test_sac_refuses_a_transition_without_noise() -> None:
    with pytest.raises(ValueError, match='algorithm na or rlpd'):
        build('sac').add(transition(noise=None))


def test_noise_of_another_layout_is_no_candidate() -> None:
    learner = build('constant')
    other = Noise(np.zeros((1, 1), np.float32), NoiseLayout.REPEATED, NoiseSource.CONSTANT)
    learner.add(transition(noise=other))
    assert learner.num_transitions == 1
