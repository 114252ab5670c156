"""Every loss and target of DSRL-SAC on hand-computed cases; determinism; safety."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from toy import SPEC, transition

from dsrl_ros.core.errors import ConfigError, DsrlError, NonFiniteError, ShapeMismatchError
from dsrl_ros.core.types import Noise, NoiseLayout, NoiseSource, Observation
from dsrl_ros.learning.algorithms import td_learner
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.data.replay import Batch
from dsrl_ros.learning.networks.encoder import ObservationBatch
from dsrl_ros.learning.networks.totals import Totals

torch.set_num_threads(1)

# The hand-made critics below answer beyond the returns of a sparse task.
SMALL: dict[str, Any] = {
    'hidden_size': 16,
    'num_layers': 2,
    'batch_size': 16,
    'bound_values': False,
}


def learner(seed: int = 0, transitions: int = 20, **changes: Any) -> DsrlSac:
    made = DsrlSac(SPEC, LearnerConfig(**{**SMALL, **changes}), seed)
    for number in range(transitions):
        made.add(transition(number))
    return made


def constant_critics(made: DsrlSac, values: tuple[float, ...], target: bool) -> None:
    """Make critic j answer values[j] whatever it is asked."""
    critics = made.target_critics if target else made.critics
    with torch.no_grad():
        for member, value in zip(critics.members, values, strict=True):
            for name, parameter in member.named_parameters():
                if name.startswith('linears.2.'):
                    parameter.fill_(value if name.endswith('bias') else 0.0)


def batch(**changes: Tensor) -> Batch:
    values: dict[str, Any] = {
        'observation': ObservationBatch(torch.zeros(3, 2)),
        'action': torch.zeros(3, 2),
        'reward': torch.tensor([1.0, 0.0, 0.0]),
        'discount': torch.tensor([0.9, 0.9, 0.5]),
        'terminated': torch.tensor([1.0, 0.0, 0.0]),
        'next_observation': ObservationBatch(torch.zeros(3, 2)),
    }
    return Batch(**{**values, **changes})


def target(made: DsrlSac) -> Tensor:
    """Return the TD targets of `batch` at the actor's next noise."""
    with torch.no_grad():
        noise, log_prob = made.actor.sample(batch().next_observation, made._generator)
        value = made._next_value(batch().next_observation, noise)
        return made.td_target(batch(), value, made._entropy_bonus(log_prob))


def test_target_bootstraps_from_time_outs_and_not_from_terminations() -> None:
    """Targets r + discount (1 - terminated) min_j Q_j: 1, 0.9 * 2 and 0.5 * 2."""
    made = learner()
    constant_critics(made, (2.0, 3.0), target=True)
    assert target(made).tolist() == pytest.approx([1.0, 1.8, 1.0])


def test_a_truncated_transition_reaches_the_losses_as_not_terminated() -> None:
    made = learner(transitions=0)
    made.add(transition(terminated=False, truncated=True))
    sampled = made.replay.sample(4, torch.Generator().manual_seed(0))
    assert sampled.terminated.tolist() == [0.0] * 4


def test_soft_backup_takes_off_the_temperature_times_log_prob() -> None:
    hard, soft = learner(), learner(backup_entropy=True, temperature=0.25)
    for made in (hard, soft):
        constant_critics(made, (2.0, 2.0), target=True)
    state = soft._generator.get_state()
    soft_target = target(soft)
    soft._generator.set_state(state)
    _, log_prob = soft.actor.sample(batch().next_observation, soft._generator)
    expected = batch().reward + batch().discount * (1 - batch().terminated) * (
        2.0 - 0.25 * log_prob
    )
    torch.testing.assert_close(soft_target, expected)


@pytest.mark.parametrize(
    ('reduction', 'value'), [('min', 1.0), ('mean', 2.0), ('mean_minus_std', 1.5)]
)
def test_target_uses_the_reduction_asked_for(reduction: str, value: float) -> None:
    made = learner(critic_reduction=reduction)
    constant_critics(made, (1.0, 3.0), target=True)
    assert target(made)[1].item() == pytest.approx(0.9 * value)


def test_values_beyond_what_the_task_can_give_are_bounded_before_the_entropy() -> None:
    bounds = {'bound_values': True, 'value_low': 0.0, 'value_high': 1.0}
    for answer, bounded in ((5.0, 1.0), (-5.0, 0.0), (0.25, 0.25)):
        made = learner(**bounds)
        constant_critics(made, (answer, answer), target=True)
        assert target(made)[1].item() == pytest.approx(0.9 * bounded)


def test_critic_loss_is_half_the_squared_error_summed_over_critics() -> None:
    """Values 1 and 3 against targets (0, 1, 2): means of squares 2/3 and 14/3."""
    made = learner()
    constant_critics(made, (1.0, 3.0), target=False)
    loss, value = made.critic_loss(batch(), torch.tensor([0.0, 1.0, 2.0]))
    assert loss.item() == pytest.approx(0.5 * (2 / 3 + 14 / 3))
    assert value.item() == pytest.approx(2.0)


def test_actor_loss_is_temperature_times_log_prob_less_value() -> None:
    made = learner(temperature=0.25)
    constant_critics(made, (1.0, 3.0), target=False)
    loss, log_prob = made.actor_loss(batch().observation, made.critics)
    assert loss.item() == pytest.approx(0.25 * log_prob.item() - 1.0, rel=1e-5)


@pytest.mark.parametrize(('entropy_per_dim', 'sign'), [(-0.5, -1.0), (0.5, 1.0)])
def test_temperature_rises_below_the_target_entropy_and_falls_above(
    entropy_per_dim: float, sign: float
) -> None:
    """Loss -log alpha (log pi + D H): its gradient is -(log pi + D H), here -D (H - h)."""
    made = learner(target_entropy_per_dim=0.0)
    loss = made.temperature_loss(torch.tensor(-2 * entropy_per_dim))
    (gradient,) = torch.autograd.grad(loss, made.log_temperature)
    assert gradient.item() == pytest.approx(sign * 2 * 0.5)


def test_adapted_temperature_stops_at_its_floor() -> None:
    made = learner(
        temperature=0.02,
        temperature_floor=0.015,
        temperature_learning_rate=0.5,
        target_entropy_per_dim=-10.0,
    )
    assert made.update(5)['temperature'] > 0.0149
    assert made.log_temperature.exp().item() == pytest.approx(0.015, rel=1e-5)


def test_fixed_temperature_stays() -> None:
    made = learner(temperature=0.05, temperature_auto=False)
    assert made.update(5)['temperature'] == pytest.approx(0.05)


def test_noise_enters_the_losses_in_units_of_b_w(monkeypatch: pytest.MonkeyPatch) -> None:
    """b_W is really applied: stored as used, normalised by b_W, chosen within +/- b_W."""
    made = learner(noise_magnitude=2.0, transitions=0)
    used = np.array([[1.0], [-3.0]], dtype=np.float32)
    made.add(transition(noise=Noise(used, NoiseLayout.FULL, NoiseSource.PRIOR)))
    taught: list[Batch] = []
    monkeypatch.setattr(made, '_update_critics', lambda batch, *_: taught.append(batch))
    made.update(1)
    assert taught[0].action[0].tolist() == [0.5, -1.5]
    rows = made.export_actor(1, 0).act(
        Observation(np.zeros(2, dtype=np.float32)), np.random.default_rng(0)
    )
    assert np.abs(rows).max() <= 2.0


def test_target_critics_follow_by_polyak() -> None:
    made = learner(polyak=0.25)
    before = [p.clone() for p in made.target_critics.parameters()]
    made.update(1)
    after = zip(made.target_critics.parameters(), before, made.critics.parameters(), strict=True)
    for target, old, online in after:
        torch.testing.assert_close(target, 0.75 * old + 0.25 * online)


def test_actor_steps_only_as_often_as_asked() -> None:
    made = learner(actor_update_every=3)
    weights = [p.clone() for p in made.actor.parameters()]
    made.update(2)
    assert all(map(torch.equal, made.actor.parameters(), weights))
    made.update(1)
    assert not all(map(torch.equal, made.actor.parameters(), weights))


def test_an_actor_step_leaves_the_critics_alone() -> None:
    made = learner(critic_learning_rate=0.0)
    weights = [p.clone() for p in made.critics.parameters()]
    made.update(3)
    assert all(map(torch.equal, made.critics.parameters(), weights))


def networks(made: DsrlSac) -> dict[str, Tensor]:
    return made.state_groups()['networks']


def test_same_seed_same_bits_and_slices_change_nothing() -> None:
    one, sliced, other = learner(3), learner(3), learner(4)
    one.update(12)
    for steps in (5, 1, 6):
        sliced.update(steps)
    other.update(12)
    for name, tensor in networks(one).items():
        assert torch.equal(tensor, networks(sliced)[name]), name
    assert one.gradient_steps == sliced.gradient_steps == 12
    assert not all(map(torch.equal, networks(one).values(), networks(other).values()))


def test_metrics_are_named_and_finite() -> None:
    metrics = learner().update(3)
    assert tuple(metrics) == (
        'critic/loss',
        'critic/value',
        'critic/gradient_norm',
        'actor/loss',
        'actor/entropy_per_dim',
        'actor/gradient_norm',
        'temperature',
        'actor/exploration',
    )
    assert all(map(math.isfinite, metrics.values()))


def test_huge_rewards_stop_the_update_and_the_last_good_weights_stand() -> None:
    """A reward of 1e38 overflows the squared error; nothing of that call remains."""
    made = learner()
    made.update(4)
    good = made.state_groups()
    made.add(transition(50, reward=1e38))
    with pytest.raises(NonFiniteError, match='critic/loss'):
        made.update(30)
    after = made.state_groups()
    assert made.gradient_steps == 4
    for group in ('networks', 'optimisers'):
        assert all(torch.equal(good[group][n], after[group][n]) for n in good[group])
    made.export_actor(1, 0)


@pytest.mark.parametrize('temperature_auto', [True, False])
def test_an_update_stays_on_its_device_and_asks_it_nothing(
    temperature_auto: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the meta device nothing has a value: a look at one raises, and so does a CPU tensor."""
    device = torch.device('meta')
    monkeypatch.setattr(td_learner, '_device', lambda _: device)
    monkeypatch.setattr(
        td_learner, '_generator', lambda _, seed: torch.Generator().manual_seed(seed)
    )
    made = learner(transitions=0, backup_entropy=True, temperature_auto=temperature_auto)
    with device:
        sampled = Batch(
            observation=ObservationBatch(torch.zeros(16, 2)),
            action=torch.zeros(16, 2),
            reward=torch.zeros(16),
            discount=torch.zeros(16),
            terminated=torch.zeros(16),
            next_observation=ObservationBatch(torch.zeros(16, 2)),
        )
    monkeypatch.setattr(made.replay, 'sample', lambda *_: sampled)
    made._round(Totals())


def test_a_device_that_is_not_there_is_refused_at_once() -> None:
    if torch.cuda.is_available():
        pytest.skip('there is a GPU')
    with pytest.raises(ConfigError, match='device: got cuda, expected cpu'):
        learner(device='cuda')
    with pytest.raises(ConfigError, match='only sac and rlpd'):
        LearnerConfig(algorithm='na', device='cuda')


def test_constant_rewards_and_saturated_actors_stay_finite() -> None:
    made = learner(actor_learning_rate=0.1, temperature=0.0, temperature_auto=False)
    assert all(map(math.isfinite, made.update(100).values()))


def test_every_batch_has_its_share_of_offline_data(monkeypatch: pytest.MonkeyPatch) -> None:
    made = learner(transitions=0, offline_share=0.25)
    for number in range(20):
        made.add(transition(number, reward=0.0))
    made.add(transition(20, reward=1.0, phase='offline'))
    taught: list[Batch] = []
    monkeypatch.setattr(made, '_update_critics', lambda batch, *_: taught.append(batch))
    made.update(3)
    assert [batch.reward.mean().item() for batch in taught] == [0.25] * 3


BAD_NOISE = Noise(np.zeros((1, 1), dtype=np.float32), NoiseLayout.FULL, NoiseSource.PRIOR)


@pytest.mark.parametrize(
    ('changes', 'error'),
    [
        ({'observation': Observation(np.zeros(3, dtype=np.float32))}, ShapeMismatchError),
        ({'observation': Observation(np.array([0, np.nan], dtype=np.float32))}, NonFiniteError),
        (
            {'next_observation': Observation(np.array([0, np.inf], dtype=np.float32))},
            NonFiniteError,
        ),
        ({'reward': float('nan')}, NonFiniteError),
        # Finite as given, but not in the replay's float32.
        ({'reward': 1e300}, NonFiniteError),
        ({'observation': Observation(np.array([0.0, 1e300]))}, NonFiniteError),
        ({'next_observation': Observation(np.array([-1e300, 0.0]))}, NonFiniteError),
        ({'discount': 1.5}, ConfigError),
        ({'discount': float('nan')}, ConfigError),
        ({'phase': 'evaluation'}, ConfigError),
        ({'noise': BAD_NOISE}, ShapeMismatchError),
        (
            {'noise': dataclasses.replace(BAD_NOISE, layout=NoiseLayout.REPEATED)},
            ShapeMismatchError,
        ),
    ],
)
def test_a_transition_that_does_not_fit_is_refused(
    changes: dict[str, Any], error: type[DsrlError]
) -> None:
    made = learner(transitions=0)
    with pytest.raises(error):
        made.add(transition(**changes))
    assert made.num_transitions == 0


@pytest.mark.parametrize(
    ('low', 'high', 'reward'), [(0.0, 1.0, -1.0), (0.0, 1.0, 1.5), (-40.0, -1.0, 0.5)]
)
def test_a_reward_beyond_the_values_that_are_learned_is_refused_by_name(
    low: float, high: float, reward: float
) -> None:
    """Else critics that are held between the two would learn nothing, and nobody would know."""
    made = learner(transitions=0, bound_values=True, value_low=low, value_high=high)
    with pytest.raises(ConfigError, match=f'reward {reward:g}, .* value_low and value_high'):
        made.add(transition(reward=reward))
    assert made.num_transitions == 0


@pytest.mark.parametrize(
    ('low', 'high', 'reward'), [(0.0, 1.0, 1.0), (-40.0, -1.0, 0.0), (-40.0, 0.0, -1.0)]
)
def test_a_reward_within_the_values_that_are_learned_is_kept(
    low: float, high: float, reward: float
) -> None:
    """As is 0 always, the reward of a decision that ends nothing."""
    made = learner(transitions=0, bound_values=True, value_low=low, value_high=high)
    made.add(transition(reward=reward))
    assert made.num_transitions == 1
