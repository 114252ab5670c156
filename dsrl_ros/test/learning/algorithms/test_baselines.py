"""The baselines stand behind the learners' interface and do what they say."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from toy import SPEC, ToyEnv, ToyPolicy, transition
from toy_seeing import SEEING

from dsrl_ros.core.types import Array, Noise, NoiseLayout, NoiseSource, Observation
from dsrl_ros.learning.algorithms.best_of_n import BestOfN, BestOfNChooser
from dsrl_ros.learning.algorithms.build import acting_policy, build_learner
from dsrl_ros.learning.algorithms.constant import ConstantSearch
from dsrl_ros.learning.algorithms.rlpd import Rlpd
from dsrl_ros.learning.config import ALGORITHMS, LearnerConfig
from dsrl_ros.learning.data.replay import Batch
from dsrl_ros.learning.learner import Learner
from dsrl_ros.learning.networks.encoder import ObservationBatch
from dsrl_ros.learning.run.rollout import evaluate, run_steering
from dsrl_ros.learning.steering.choosers import NoiseChooser, PriorChooser
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


def chosen_rows(learner: Learner) -> list[Array]:
    """Return what a learner would choose for a few decisions, its best and exploring."""
    choosers = (learner.chooser(None), learner.chooser(3))
    return [
        chooser.choose(Observation(STATE), 9, k).rows for chooser in choosers for k in range(3)
    ]


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_every_algorithm_repeats_from_its_seed(algorithm: str) -> None:
    one, other = build(algorithm), build(algorithm)
    for learner in (one, other):
        run_steering(ToyEnv(), ToyPolicy(), learner, 0, 2, 3)
    assert one.num_transitions == other.num_transitions > 0
    np.testing.assert_array_equal(chosen_rows(one), chosen_rows(other))


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_every_algorithm_goes_on_from_its_state(algorithm: str) -> None:
    straight, resumed = build(algorithm), build(algorithm)
    run_steering(ToyEnv(), ToyPolicy(), straight, 0, 2, 3)
    resumed.load_state_groups(straight.state_groups())
    np.testing.assert_array_equal(chosen_rows(straight), chosen_rows(resumed))
    for learner in (straight, resumed):
        learner.add(transition(50))
        learner.update(4)
    assert straight.num_transitions == resumed.num_transitions
    assert straight.gradient_steps == resumed.gradient_steps
    np.testing.assert_array_equal(chosen_rows(straight), chosen_rows(resumed))


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_a_chooser_stays_as_it_was_when_learning_goes_on(algorithm: str) -> None:
    learner = build(algorithm)
    for number in range(8):
        learner.add(transition(number))
    chooser = learner.chooser(0)
    before = chooser.choose(Observation(STATE), 0, 0).rows
    learner.update(6)
    np.testing.assert_array_equal(chooser.choose(Observation(STATE), 0, 0).rows, before)


def test_best_of_n_takes_the_most_valued_of_the_prior_samples() -> None:
    rows_seen = []

    def valued(_: Array, rows: Array) -> Array:
        rows_seen.append(rows)
        return -np.abs(rows[:, 0, 0] - 0.5)

    chooser = BestOfNChooser(valued, NoiseLayout.FULL, (64, 2, 1), seed=0)
    chosen = chooser.choose(Observation(STATE), 0, 0)
    assert chosen.source == NoiseSource.PRIOR
    assert np.abs(chosen.rows[0, 0] - 0.5) == np.abs(rows_seen[0][:, 0, 0] - 0.5).min()
    assert 0.8 < rows_seen[0].std() < 1.2


def test_best_of_n_explores_in_proportion_to_the_exponential_of_the_value() -> None:
    """Values 0 and T ln 3 at a temperature T: the second is taken three times of four."""

    def valued(_: Array, rows: Array) -> Array:
        return (rows[:, 0, 0] == rows[:, 0, 0].max()) * np.float32(0.1 * np.log(3.0))

    shape = (2, 1, 1)
    exploring = BestOfNChooser(valued, NoiseLayout.REPEATED, shape, seed=0, temperature=0.1)
    best = BestOfNChooser(valued, NoiseLayout.REPEATED, shape, seed=0)
    taken = [
        np.array_equal(
            exploring.choose(Observation(STATE), 0, k).rows,
            best.choose(Observation(STATE), 0, k).rows,
        )
        for k in range(400)
    ]
    assert np.mean(taken) == pytest.approx(0.75, abs=0.08)  # 3.7 standard deviations


class RememberingPolicy(ToyPolicy):
    """Remembers what it was asked, and its answers."""

    def __init__(self) -> None:
        self.states: list[Array] = []
        self.answers: list[Array] = []

    def __call__(self, state: Array, noise: Array) -> Array:
        answer = super().__call__(state, noise)
        self.states.extend(state)
        self.answers.extend(answer.reshape(len(state), -1))
        return answer


def test_best_of_n_bootstraps_from_the_most_valued_candidate_at_the_next_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Less r: discount (1 - terminated) max_k min_j Qbar_j(s', f(s', w_k)), w_k ~ N(0, I)."""
    policy = RememberingPolicy()
    made = BestOfN(policy, dataclasses.replace(SMALL, bound_values=False, num_candidates=5), 0)
    for number in range(8):
        made.add(transition(number))

    def critics_by_hand(observation: ObservationBatch, action: Tensor) -> Tensor:
        value = observation.state[:, 0] + action[:, 0] - 2.0 * action[:, 1]
        return torch.stack((value + 1.0, value))

    taught: list[tuple[Batch, Tensor]] = []
    monkeypatch.setattr(made.target_critics, 'forward', critics_by_hand)
    monkeypatch.setattr(made, '_update_critics', lambda *given: taught.append(given[:2]))
    monkeypatch.setattr(made, '_healthy_means', lambda _: {})
    made.update(SMALL.utd)
    assert len(taught) == SMALL.utd
    states, answers = np.array(policy.states), np.array(policy.answers)
    for batch, target in taught:
        candidates = [
            (states == state.numpy()).all(axis=1) for state in batch.next_observation.state
        ]
        assert [mine.sum() for mine in candidates] == [5] * SMALL.batch_size
        values = [
            critics_by_hand(
                ObservationBatch(torch.from_numpy(states[mine])),
                made._frozen.scale(torch.from_numpy(answers[mine])),
            ).amin(dim=0)
            for mine in candidates
        ]
        best = torch.stack([value.max() for value in values])
        expected = batch.discount * (1.0 - batch.terminated) * best
        torch.testing.assert_close(target - batch.reward, expected, atol=1e-5, rtol=1e-5)


def test_best_of_n_fits_its_scaling_for_good_from_eight_transitions_on() -> None:
    made = BestOfN(ToyPolicy(), SMALL, 0)

    def scaling_after(more: int) -> Tensor:
        for _ in range(more):
            made.add(transition(made.num_transitions))
        made.update(SMALL.utd)
        return torch.stack([made.state_groups()['frozen'][n] for n in ('mean', 'spread')])

    of_seven, of_eight = scaling_after(7), scaling_after(1)
    assert not torch.equal(of_seven, of_eight)
    assert torch.equal(of_eight, scaling_after(20))


def test_best_of_n_learns_to_choose() -> None:
    env, policy = ToyEnv(), ToyPolicy()
    # It explores by the temperature alone.
    config = dataclasses.replace(CONFIG, algorithm='best_of_n', temperature=0.1)
    learner = BestOfN(policy, config, seed=0)
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
    first, later = (chooser.choose(Observation(STATE), episode, 3) for episode in (0, 7))
    np.testing.assert_array_equal(first.rows, later.rows)
    assert first.source == NoiseSource.CONSTANT


def test_constant_search_counts_only_its_own_candidates() -> None:
    learner = build('constant', num_candidates=4)
    assert isinstance(learner, ConstantSearch)
    candidate = learner.chooser(0).choose(Observation(STATE), 0, 0)
    learner.add(transition(noise=candidate, terminated=True, truncated=False, reward=1.0))
    learner.add(transition(noise=candidate, terminated=False, truncated=False, reward=0.0))
    learner.add(transition(1, terminated=False, truncated=True, reward=0.0))  # the prior's
    assert learner.state_groups()['search']['outcomes'].sum(dim=0).tolist() == [1, 0]
    np.testing.assert_array_equal(
        learner.chooser(None).choose(Observation(STATE), 0, 0).rows, candidate.rows
    )


def test_constant_search_tries_a_candidate_as_often_as_it_may_be_the_best() -> None:
    """After one failure of two: P(Beta(1, 2) > Beta(1, 1)) = 1/3, where greed would try none."""
    learner = build('constant', num_candidates=2)
    failed = learner.chooser(0).choose(Observation(STATE), 0, 0)
    learner.add(transition(noise=failed, terminated=False, truncated=True, reward=0.0))
    tried = [
        np.array_equal(learner.chooser(seed).choose(Observation(STATE), 0, 0).rows, failed.rows)
        for seed in range(400)
    ]
    assert np.mean(tried) == pytest.approx(1 / 3, abs=0.09)  # 3.8 standard deviations
    assert not np.array_equal(
        learner.chooser(None).choose(Observation(STATE), 0, 0).rows, failed.rows
    )


def test_the_direct_policy_spans_the_stated_limits() -> None:
    spec = dataclasses.replace(SPEC, action_low=(-1.0,), action_high=(3.0,))
    policy = DirectPolicy(spec)
    noise = np.array([[[-1.0], [0.5]], [[9.0], [-9.0]]], dtype=np.float32)
    actions = policy(np.zeros((2, 2), np.float32), noise)
    np.testing.assert_allclose(actions[:, :, 0], [[-1.0, 2.0], [3.0, -1.0]])
    np.testing.assert_allclose(policy.noise_for(actions)[0], noise[0])


def test_the_direct_policy_needs_no_cameras() -> None:
    policy = DirectPolicy(SEEING)
    assert not policy.spec.image_names
    policy(np.zeros((2, 2), np.float32), np.zeros((2, 2, 1), np.float32))


def test_rlpd_learns_on_what_was_executed_and_needs_no_noise() -> None:
    made = Rlpd(SPEC, LearnerConfig(algorithm='rlpd'), seed=0)
    action = np.array([[0.5], [-0.25]], dtype=np.float32)
    made.add(transition(noise=None, action=action, phase='offline'))
    made.add(transition(noise=None, action=action[:1]))
    kept = made.replay.gather(torch.arange(2)).action
    np.testing.assert_allclose(kept, [[0.5, -0.25], [0.5, 0.5]])
    assert isinstance(acting_policy(ToyPolicy(), made.config), DirectPolicy)


@pytest.mark.parametrize(('given', 'share'), [(0.0, 0.5), (0.25, 0.25)])
def test_rlpd_learns_half_from_demonstrations_unless_told_otherwise(
    given: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Rlpd(SPEC, dataclasses.replace(SMALL, algorithm='rlpd', offline_share=given), 0)
    for number in range(20):
        made.add(transition(number, reward=0.0))
    made.add(transition(20, reward=1.0, noise=None, phase='offline'))
    taught: list[Batch] = []
    monkeypatch.setattr(made, '_update_critics', lambda batch, *_: taught.append(batch))
    made.update(3)
    assert [batch.reward.mean().item() for batch in taught] == [share] * 3


def test_sac_refuses_a_transition_without_noise() -> None:
    with pytest.raises(ValueError, match='algorithm na or rlpd'):
        build('sac').add(transition(noise=None))


@pytest.mark.parametrize(
    ('layout', 'num_rows'), [(NoiseLayout.REPEATED, 1), (NoiseLayout.BASIS, 3)]
)
def test_noise_of_another_layout_is_no_candidate(layout: NoiseLayout, num_rows: int) -> None:
    """Not even where its one row is both rows of a candidate."""
    learner = build('constant', num_candidates=4)
    groups = learner.state_groups()
    groups['search']['candidates'][:, 1] = groups['search']['candidates'][:, 0]
    learner.load_state_groups(groups)
    candidate = learner.chooser(None).choose(Observation(STATE), 0, 0)
    rows = np.repeat(candidate.rows[:1], num_rows, axis=0)
    other = Noise(rows, layout, NoiseSource.CONSTANT)
    learner.add(transition(noise=other, terminated=False, truncated=True, reward=0.0))
    assert learner.num_transitions == 1
    assert not learner.state_groups()['search']['outcomes'].any()
    learner.add(transition(noise=candidate, terminated=False, truncated=True, reward=0.0))
    assert learner.state_groups()['search']['outcomes'].sum() == 1
