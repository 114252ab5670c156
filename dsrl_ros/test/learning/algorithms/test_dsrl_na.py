"""DSRL-NA: its losses by hand, what it asks the frozen policy, what it learns and from what."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from taught import taught_batches
from torch import Tensor
from toy import LEARNING, SPEC, ToyEnv, ToyPolicy, transition

from dsrl_ros.core.errors import (
    ConfigError,
    NonFiniteError,
    PolicyUnavailableError,
    ShapeMismatchError,
)
from dsrl_ros.core.types import Array, Noise, NoiseLayout, NoiseSource, Transition
from dsrl_ros.learning.algorithms import dsrl_na, losses
from dsrl_ros.learning.algorithms.build import build_actor_learner
from dsrl_ros.learning.algorithms.dsrl_na import DsrlNa
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.data.replay import Batch
from dsrl_ros.learning.networks.encoder import ObservationBatch
from dsrl_ros.learning.run.rollout import evaluate, learn_offline, rollout, run_steering
from dsrl_ros.learning.steering.choosers import PriorChooser
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.policies.bounded import BoundedPolicy

torch.set_num_threads(1)

SMALL: dict[str, Any] = {
    'algorithm': 'na',
    'hidden_size': 16,
    'num_layers': 2,
    'batch_size': 16,
    'utd': 4,
    'noise_critic_steps': 2,
    'distill_samples': 4,
    'replay_capacity': 64,
}
NA = dataclasses.replace(LEARNING, algorithm='na', noise_critic_steps=5)


class CountingPolicy(ToyPolicy):
    """Remembers how many samples it was asked for, call by call."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, state: Array, noise: Array) -> Array:
        self.calls.append(len(state))
        return super().__call__(state, noise)


def learner(
    policy: FrozenPolicy | None = None, transitions: int = 20, seed: int = 0, **changes: Any
) -> DsrlNa:
    made = DsrlNa(policy or ToyPolicy(), LearnerConfig(**{**SMALL, **changes}), seed)
    for number in range(transitions):
        made.add(transition(number))
    return made


def networks(made: DsrlNa) -> dict[str, Tensor]:
    return made.state_groups()['networks']


def assert_as_before(made: DsrlNa, before: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Check weights, moments, draws and counts: all that an update changes but for true pairs."""
    after = made.state_groups()
    for group in ('networks', 'optimisers', 'rng'):
        for name, tensor in before[group].items():
            assert torch.equal(tensor, after[group][name]), (group, name)


def actions_of_the_policy(made: DsrlNa, observation: ObservationBatch, u: Tensor) -> Tensor:
    """Return what the toy does at w = b_W u, scaled, asked row by row: (B, C)."""
    noise = made.config.noise_magnitude * u
    asked = zip(observation.state.numpy(), noise.numpy().reshape(-1, 2, 1), strict=True)
    actions = np.concatenate([ToyPolicy()(s[None], w[None]) for s, w in asked])
    return made._frozen.scale(torch.from_numpy(actions).flatten(1))


def actor_by_hand(
    observation: ObservationBatch, _: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Choose another u in each state, and give log pi(u | s) another value in each."""
    state = observation.state
    return torch.tanh(state), 3.0 * state[:, 1]


def critics_by_hand(observation: ObservationBatch, action: Tensor) -> Tensor:
    """Value state and action; the second critic holds less of both."""
    value = 0.5 * observation.state[:, 0] + action[:, 0] - 2.0 * action[:, 1]
    return torch.stack((value + 1.0, value))


def round_by_hand(
    monkeypatch: pytest.MonkeyPatch, transitions: Iterable[Transition], **changes: Any
) -> tuple[DsrlNa, list[tuple[Batch, Tensor]]]:
    """Take a round with actor and target critics by hand; return its batches with targets."""
    # An actor by hand has no weights to learn: it rests for longer than a round.
    made = learner(transitions=0, bound_values=False, actor_update_every=100, **changes)
    for given in transitions:
        made.add(given)
    monkeypatch.setattr(made.actor, 'sample', actor_by_hand)
    monkeypatch.setattr(made.target_critics, 'forward', critics_by_hand)
    with monkeypatch.context() as patch:
        taught = taught_batches(patch)
        made.update(made.config.utd)
    assert len(taught) == made.config.utd
    return made, taught


def varied(count: int = 20) -> list[Transition]:
    """Return transitions of which each has its own discount."""
    return [transition(number, discount=0.9 - 0.02 * number) for number in range(count)]


def test_the_frozen_policy_is_asked_for_no_state_twice_in_a_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """80 + 32 draws from 8 transitions of 16 observations; each prior pair once."""
    policy = CountingPolicy()
    monkeypatch.setattr(dsrl_na, 'FRESH', 0.0)
    made = learner(policy, transitions=8, utd=5)
    policy.calls.clear()  # once for each transition that came
    rounds = 20
    made.update(5 * rounds)
    pairs = 8 * SMALL['distill_samples']
    scaling = 1024  # once, to see how far actions spread
    assert 0 < sum(policy.calls) - scaling <= rounds * 16 + pairs
    policy.calls.clear()
    made.update(5)
    assert sum(policy.calls) <= 16 + 2  # hardly a pair is still unknown


def test_with_many_data_a_round_asks_no_more_of_the_frozen_policy() -> None:
    """80 + 32 draws among 8 of 64 transitions: their observations and their next ones."""
    policy = CountingPolicy()
    made = learner(policy, transitions=64, utd=5, round_transitions=8, distill_noise='actor')
    made.update(5)
    policy.calls.clear()
    for _ in range(10):
        made.update(5)
        assert 8 < sum(policy.calls) <= 16
        policy.calls.clear()


def test_a_new_state_in_an_old_place_gets_new_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dsrl_na, 'FRESH', 0.0)
    made = learner(transitions=8, replay_capacity=8, distill_noise='prior')
    for _ in range(20):
        made.update(4)
    for number in range(100, 108):
        made.add(transition(number))
    places = torch.arange(8).repeat(64)
    noise, action = made._distillation_pairs(places, made._ask_at_the_actors_noise(places, places))
    noise = noise * made.config.noise_magnitude
    states = made.replay.gather(places).observation
    expected = ToyPolicy()(states.state.numpy(), noise.numpy().reshape(-1, 2, 1))
    np.testing.assert_allclose(action.numpy(), expected.reshape(-1, 2), atol=1e-6)


@pytest.mark.parametrize('source', ['prior', 'actor', 'mixed'])
def test_pairs_are_noise_with_the_action_it_leads_to(source: str) -> None:
    made = learner(distill_noise=source, noise_magnitude=1.2)
    places = torch.arange(20).repeat(10)
    noise, action = made._distillation_pairs(places, made._ask_at_the_actors_noise(places, places))
    noise = noise * 1.2
    states = made.replay.gather(places).observation
    expected = ToyPolicy()(states.state.numpy(), noise.numpy().reshape(-1, 2, 1))
    np.testing.assert_allclose(action.numpy(), expected.reshape(-1, 2), atol=1e-6)
    beyond = (noise.abs() > 1.2).any(dim=1).double().mean().item()
    # P(|w| > 1.2) = 0.23 per entry, so 0.41 for two; the actor stays within b_W.
    assert beyond == pytest.approx({'prior': 0.41, 'actor': 0.0, 'mixed': 0.2}[source], abs=0.1)


def test_targets_bootstrap_from_the_answer_to_the_actors_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Less r: discount (1 - terminated) min_j Qbar_j(s', f(s', b_W u')), u' ~ pi(s')."""
    made, taught = round_by_hand(monkeypatch, varied())
    for batch, target in taught:
        next_noise, _ = actor_by_hand(batch.next_observation)
        next_action = actions_of_the_policy(made, batch.next_observation, next_noise)
        value = critics_by_hand(batch.next_observation, next_action).amin(dim=0)
        expected = batch.discount * (1.0 - batch.terminated) * value
        torch.testing.assert_close(target - batch.reward, expected, atol=1e-5, rtol=1e-5)


def test_soft_backup_adds_the_entropy_of_the_actor_at_the_next_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Less the target without it: -discount (1 - terminated) alpha log pi(u' | s')."""
    fixed = {'temperature': 0.25, 'temperature_auto': False}
    _, hard = round_by_hand(monkeypatch, varied(), **fixed)
    _, soft = round_by_hand(monkeypatch, varied(), **fixed, backup_entropy=True)
    for (batch, target), (same, soft_target) in zip(hard, soft, strict=True):
        assert torch.equal(batch.next_observation.state, same.next_observation.state)
        _, log_prob = actor_by_hand(batch.next_observation)
        bonus = -0.25 * batch.discount * (1.0 - batch.terminated) * log_prob
        torch.testing.assert_close(soft_target - target, bonus, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('source', ['prior', 'actor', 'mixed'])
def test_noise_critics_are_taught_what_the_online_action_critics_hold_of_the_action(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q_W,j(s, u) learns Q_A,j(s, f(s, b_W u)), of Q_A as it is after its own steps."""
    made = learner(distill_noise=source, actor_update_every=100)
    asked: list[tuple[ObservationBatch, Tensor]] = []
    targets: list[Tensor] = []
    values, loss = made.noise_critics.forward, losses.distillation_loss

    def asking(observation: ObservationBatch, noise: Tensor) -> Tensor:
        asked.append((observation, noise))
        return values(observation, noise)

    def recorded(noise_values: Tensor, action_values: Tensor) -> Tensor:
        targets.append(action_values)
        return loss(noise_values, action_values)

    monkeypatch.setattr(made.noise_critics, 'forward', asking)
    monkeypatch.setattr(losses, 'distillation_loss', recorded)
    made.update(made.config.utd)
    assert len(targets) == made.config.noise_critic_steps
    for (observation, noise), target in zip(asked, targets, strict=True):
        with torch.no_grad():
            expected = made.critics(observation, actions_of_the_policy(made, observation, noise))
        torch.testing.assert_close(target, expected, atol=1e-5, rtol=1e-5)


def test_noise_critics_learn_after_the_action_critics_and_before_the_actor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = learner()
    order: list[str] = []
    names = ['critic_loss', 'distillation_loss', 'actor_loss']
    for name in names:
        loss = getattr(losses, name)

        def record(*given: Any, name: str = name, loss: Any = loss) -> Tensor:
            order.append(name)
            return loss(*given)  # type: ignore[no-any-return]

        monkeypatch.setattr(losses, name, record)
    made.update(2 * made.config.utd)
    assert [name for name, _ in itertools.groupby(order)] == 2 * names


@pytest.mark.parametrize(('utd', 'every', 'steps'), [(4, 1, 12), (4, 3, 4), (1, 2, 6)])
def test_the_actor_steps_once_per_so_many_critic_steps(utd: int, every: int, steps: int) -> None:
    made = learner(utd=utd, actor_update_every=every)
    made.update(12)
    for name in ('actor', 'temperature'):
        assert made.state_groups()['optimisers'][f'{name}.steps'] == steps


def test_every_batch_of_a_round_has_its_share_of_offline_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    online = [transition(number, reward=0.0) for number in range(20)]
    demonstrations = [offline(transition(number, reward=1.0)) for number in range(20, 23)]
    _, taught = round_by_hand(monkeypatch, online + demonstrations, offline_share=0.25)
    assert [batch.reward.mean().item() for batch, _ in taught] == [0.25] * SMALL['utd']


def test_the_scaling_of_actions_is_final_from_eight_transitions_on() -> None:
    """Fewer states do not show how far the policy's actions spread."""
    made = learner(transitions=7)

    def scaling_after(more: int) -> Tensor:
        for _ in range(more):
            made.add(transition(made.num_transitions))
        made.update(made.config.utd)
        return torch.stack([made.state_groups()['frozen'][n] for n in ('mean', 'spread')])

    of_seven, of_eight = scaling_after(0), scaling_after(1)
    assert not torch.equal(of_seven, of_eight)
    assert torch.equal(of_eight, scaling_after(20))


def test_learns_the_known_best_noise_and_repeats_from_its_seed() -> None:
    env, policy = ToyEnv(), ToyPolicy()
    prior = PriorChooser(0, NoiseLayout.FULL, (2, 1))
    assert np.mean(evaluate(env, policy, prior, NA, seed=0, episodes=100)) < 0.4

    def run() -> DsrlNa:
        made = DsrlNa(policy, NA, seed=0)
        run_steering(env, policy, made, seed=0, warmup_episodes=10, online_episodes=10)
        return made

    one, other = run(), run()
    assert np.mean(evaluate(env, policy, one.chooser(None), NA, 0, 20)) == 1.0
    assert one.export_actor(1, 20).to_bytes() == other.export_actor(1, 20).to_bytes()


def offline(transition: Transition) -> Transition:
    """As a dataset without noise has it."""
    return dataclasses.replace(transition, noise=None, phase='offline')


def test_learns_offline_from_actions_without_noise() -> None:
    """What others did, seldom with success, is enough: no step in the environment."""
    env, policy = ToyEnv(), ToyPolicy()
    prior = PriorChooser(5, NoiseLayout.FULL, (2, 1))
    dataset = [
        offline(step)
        for episode in range(60)
        for step in rollout(env, policy, prior, NA, episode, reset_seed=episode)
    ]
    made = DsrlNa(policy, dataclasses.replace(NA, offline_steps=1500), seed=0)
    learn_offline(made, dataset)
    assert np.mean(evaluate(env, policy, made.chooser(None), NA, 0, 20)) == 1.0


def test_splitting_an_update_changes_no_bit_and_rounds_are_whole() -> None:
    whole, split = learner(), learner()
    whole.update(12)
    assert split.update(3) == {}
    split.update(6)
    assert split.gradient_steps == 8
    split.update(3)
    assert whole.gradient_steps == split.gradient_steps == 12
    for name, tensor in networks(whole).items():
        assert torch.equal(tensor, networks(split)[name]), name


def test_continues_bit_by_bit_from_its_state_groups() -> None:
    straight, broken = learner(), learner()
    for made in (straight, broken):
        made.update(9)  # two rounds and a quarter
    resumed = learner(transitions=0, seed=7)
    resumed.load_state_groups(broken.state_groups())
    for made in (straight, resumed):
        made.add(transition(50))
        made.update(11)
    for group, tensors in straight.state_groups().items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, resumed.state_groups()[group][name]), (group, name)


class TreacherousPolicy(ToyPolicy):
    """Answers NaN or 1e27 where the noise is far out."""

    def __call__(self, state: Array, noise: Array) -> Array:
        actions = super().__call__(state, noise)
        far = noise[:, 0, 0]
        actions[far > 1.0] = np.nan
        actions[far < -1.0] = 1e27
        return actions


def test_a_policy_that_answers_nan_or_1e27_cannot_poison_a_critic() -> None:
    made = learner(TreacherousPolicy())
    for _ in range(10):
        metrics = made.update(4)
    assert metrics['policy/bad_answers'] > 0
    assert all(np.isfinite(value) for value in metrics.values())
    assert max(tensor.abs().max().item() for tensor in networks(made).values()) < 10
    assert abs(metrics['critic/value']) < 10


def test_bad_answers_are_counted_where_the_policy_is_bounded_already() -> None:
    made = learner(BoundedPolicy(TreacherousPolicy()))
    assert made.update(4)['policy/bad_answers'] > 0


def test_a_non_finite_update_stops_and_the_last_good_weights_stand() -> None:
    """With their moments, and with the steps that were asked for and did not fill a round."""
    made = learner(bound_values=False)
    made.update(6)
    for number in range(20):
        made.add(transition(number, reward=3e38))
    before = made.state_groups()
    with pytest.raises(NonFiniteError, match='stand again'):
        made.update(5)
    assert made.gradient_steps == 4
    assert_as_before(made, before)


@pytest.mark.parametrize('num_executed', [0, 1, 2])
def test_what_the_policy_answered_is_learned_from_whatever_the_robot_made_of_it(
    num_executed: int,
) -> None:
    """A driver shortens steps at the edge of the workspace, and stops; Q_A is asked of answers."""
    made = learner(transitions=0)
    given = transition(0)
    assert given.noise is not None
    answer = ToyPolicy()(given.observation.state[None], given.noise.rows[None])[0]
    executed = np.full((num_executed, 1), 0.25, dtype=np.float32)
    made.add(dataclasses.replace(given, action=executed))
    np.testing.assert_allclose(made.replay.gather(torch.tensor([0])).action[0], answer[:, 0])


def test_what_was_executed_is_learned_from_where_no_noise_is_known() -> None:
    made = learner(transitions=0)
    executed = np.array([[0.25]], dtype=np.float32)
    made.add(offline(dataclasses.replace(transition(0), action=executed)))
    np.testing.assert_allclose(made.replay.gather(torch.tensor([0])).action[0], [0.25, 0.25])


def test_refuses_what_does_not_fit() -> None:
    made = learner(transitions=0)
    with pytest.raises(ShapeMismatchError, match='action'):
        made.add(transition(action=np.zeros((2, 3), dtype=np.float32)))
    with pytest.raises(NonFiniteError, match='action'):
        made.add(transition(action=np.full((2, 1), np.nan, dtype=np.float32)))
    repeated = Noise(np.zeros((1, 1), np.float32), NoiseLayout.REPEATED, NoiseSource.PRIOR)
    with pytest.raises(ShapeMismatchError, match='noise_layout'):
        made.add(transition(noise=repeated))
    assert made.num_transitions == 0
    with pytest.raises(ConfigError, match='expected sac or na'):
        build_actor_learner(ToyPolicy(), LearnerConfig(algorithm='rlpd'), 0)
    assert SPEC.num_execute == 2


class SilentPolicy(ToyPolicy):
    """Does not answer while `silent`, from its second call on."""

    silent = False
    calls = 0

    def __call__(self, state: Array, noise: Array) -> Array:
        self.calls += 1
        if self.silent and self.calls > 1:
            raise PolicyUnavailableError('no answer')
        return super().__call__(state, noise)


def test_a_policy_that_does_not_answer_leaves_nothing_half_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Q_A has learned when the pairs are asked for: its steps are taken back."""
    policy = SilentPolicy()
    monkeypatch.setattr(dsrl_na, 'FRESH', 1.0)
    made = learner(policy)
    made.update(6)
    before = made.state_groups()
    policy.silent, policy.calls = True, 0
    with pytest.raises(PolicyUnavailableError):
        made.update(6)
    assert policy.calls == 2
    assert_as_before(made, before)
    policy.silent = False
    made.update(6)
    assert made.gradient_steps == 12
    noise, action = made._pairs.draw(torch.arange(20), 0.0, made._answer, made._generator)
    states = made.replay.gather(torch.arange(20)).observation
    expected = ToyPolicy()(states.state.numpy(), noise.numpy().reshape(-1, 2, 1))
    np.testing.assert_allclose(action.numpy(), expected.reshape(-1, 2), atol=1e-6)


def test_what_goes_wrong_in_a_later_round_is_told_the_same_way() -> None:
    """The second round would ask the policy with noise of NaN; the error says what to do."""
    made = learner(bound_values=False)
    for number in range(20):
        made.add(transition(number, reward=3e38))
    with pytest.raises(NonFiniteError, match=r'stand again\. Check rewards'):
        made.update(12)
