"""DSRL-SAC: soft actor-critic in the latent-action MDP (paper section 4.1, appendices B and C)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import CheckpointError, ConfigError, NonFiniteError, ShapeMismatchError
from dsrl_ros.core.types import Array, PolicySpec, Transition
from dsrl_ros.learning.actor import ActorHeader, SteeringActor
from dsrl_ros.learning.config import SacConfig
from dsrl_ros.learning.learner import StateGroups
from dsrl_ros.learning.networks import (
    LOG_STD_HIGH,
    LOG_STD_LOW,
    LOG_STD_OFFSET,
    Actor,
    Critics,
    Mlp,
    reduce_critics,
)
from dsrl_ros.learning.replay import Batch, Replay, phase_code
from dsrl_ros.learning.seeding import Stream, keyed_seed

# What `update` reports, each the mean over its gradient steps.
METRICS = (
    'critic/loss',
    'critic/value',
    'critic/gradient_norm',
    'actor/loss',
    'actor/entropy_per_dim',
    'actor/gradient_norm',
    'temperature',
)


class DsrlSac:
    """Learns a noise actor pi(u | s) and critics Q_j(s, u) over u = w / b_W.

    Single-threaded runs (`torch.set_num_threads(1)`) repeat bit by bit from their seed.

    Args:
        spec: the frozen policy that is steered.
        config: options.
        seed: of the run, >= 0.
    """

    def __init__(self, spec: PolicySpec, config: SacConfig, seed: int) -> None:
        self.spec = spec
        self.config = config
        self._generator = torch.Generator().manual_seed(keyed_seed(seed, Stream.LEARNER))
        self._noise_shape = config.noise_shape(spec)  # (R, A)
        self._noise_dim = math.prod(self._noise_shape)  # D
        self._state_mean = torch.tensor(spec.state_mean, dtype=torch.float32)
        self._state_std = torch.tensor(spec.state_std, dtype=torch.float32)
        self._target_entropy = config.target_entropy_per_dim * self._noise_dim

        self.actor = Actor(self._mlp(spec.state_dim, 2 * self._noise_dim))
        self.critics = self._critics()
        self.target_critics = self._critics()
        self.target_critics.load_state_dict(self.critics.state_dict())
        self.target_critics.requires_grad_(False)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(max(config.temperature, 1e-8))))

        self._optimisers = {
            'actor': _adam(self.actor.parameters(), config.actor_learning_rate),
            'critics': _adam(self.critics.parameters(), config.critic_learning_rate),
            'temperature': _adam([self.log_temperature], config.temperature_learning_rate),
        }
        self.replay = Replay(config.replay_capacity, spec.state_dim, self._noise_dim)
        self._steps = 0

    @property
    def gradient_steps(self) -> int:
        """Gradient steps taken so far."""
        return self._steps

    @property
    def num_transitions(self) -> int:
        """Transitions added so far."""
        return self.replay.num_added

    def add(self, transition: Transition) -> None:
        """Keep a transition.

        Raises:
            ShapeMismatchError: state or noise do not fit the policy and the layout.
            NonFiniteError: a NaN or an infinity.
            ConfigError: a discount outside [0, 1] or an unknown phase.
        """
        noise = transition.noise
        if noise.layout != self.config.layout:
            raise ShapeMismatchError(
                f'transition {transition.key}: got noise layout {noise.layout.name}, expected '
                f'{self.config.layout.name}. Give steering and trainer the same noise_layout.'
            )
        require_shape('noise', noise.rows, self._noise_shape)
        require_finite('noise', noise.rows)
        self.spec.check_state(transition.observation)
        self.spec.check_state(transition.next_observation)
        require_finite('reward', np.asarray(transition.reward))
        if not 0.0 <= transition.discount <= 1.0:
            raise ConfigError(
                f'transition {transition.key}: got discount {transition.discount}, '
                'expected 0 to 1. Check who built it.'
            )
        phase_code(transition.phase)
        self.replay.add(
            state=_tensor(transition.observation),
            noise=_tensor(noise.rows.reshape(-1)),
            reward=transition.reward,
            discount=transition.discount,
            terminated=transition.terminated,
            truncated=transition.truncated,
            next_state=_tensor(transition.next_observation),
            phase=transition.phase,
        )

    def update(self, num_steps: int) -> dict[str, float]:
        """Take gradient steps; the host waits for the numbers once, at the end.

        Args:
            num_steps: how many, >= 1. Splitting a number over several calls changes no bit.

        Returns:
            `METRICS` by name.

        Raises:
            NonFiniteError: a loss, a gradient or a weight is not finite. The weights of before
                the call stand again.
        """
        last_good = self._learned_groups()
        totals = torch.zeros(len(METRICS))
        actor_steps = 0
        for _ in range(num_steps):
            self._steps += 1
            batch = self._prepare(self.replay.sample(self.config.batch_size, self._generator))
            totals[:3] += self._update_critics(batch)
            if self._steps % self.config.actor_update_every == 0:
                totals[3:] += self._update_actor(batch)
                actor_steps += 1
        self._require_healthy(totals, last_good, num_steps)
        totals[:3] /= num_steps
        totals[3:] /= max(actor_steps, 1)
        return dict(zip(METRICS, totals.tolist(), strict=True))

    def td_target(self, batch: Batch) -> Tensor:
        """Return y = r + discount * (1 - terminated) * V(s'), (B,).

        V is the reduced target critic at u' ~ pi(s'), less alpha log pi(u' | s') when
        `backup_entropy` asks for the soft backup. A time-out is not a termination: it bootstraps.
        With `bound_values` the critics' part of V stays within the returns that the task can give:
        with few data and many steps per datum an overestimate would otherwise feed on itself.

        Args:
            batch: normalised, see `_prepare`.
        """
        with torch.no_grad():
            noise, log_prob = self.actor.sample(batch.next_state, self._generator)
            value = self._reduce(self.target_critics(batch.next_state, noise))
            if self.config.bound_values:
                value = value.clamp(self.config.value_low, self.config.value_high)
            if self.config.backup_entropy:
                value = value - self._temperature() * log_prob
            return batch.reward + batch.discount * (1.0 - batch.terminated) * value

    def critic_loss(self, batch: Batch, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return 0.5 * sum over critics of the mean squared error, and the mean value."""
        values = self.critics(batch.state, batch.noise)  # (E, B)
        return 0.5 * (values - target).square().mean(dim=1).sum(), values.mean()

    def actor_loss(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean of alpha log pi(u | s) - Q(s, u), u ~ pi(s), and the mean log pi."""
        noise, log_prob = self.actor.sample(state, self._generator)
        value = self._reduce(self.critics(state, noise))
        return (self._temperature() * log_prob - value).mean(), log_prob.mean()

    def temperature_loss(self, mean_log_prob: Tensor) -> Tensor:
        """Return -log alpha * (log pi + target entropy): alpha rises below the target."""
        return -self.log_temperature * (mean_log_prob.detach() + self._target_entropy)

    def export_actor(self, version: int, trained_episodes: int) -> SteeringActor:
        """Return a copy of the actor that acts without torch.

        Args:
            version: rises with every export of a run.
            trained_episodes: episodes whose data the weights have seen.

        Raises:
            WeightsError: non-finite weights.
        """
        config = self.config
        tensors: dict[str, Tensor] = {
            **dict(self.actor.body.named_parameters()),
            'state_mean': self._state_mean,
            'state_std': self._state_std,
        }
        header = ActorHeader(
            version=version,
            trained_episodes=trained_episodes,
            policy_sha256=self.spec.sha256,
            layout=config.layout,
            num_rows=self._noise_shape[0],
            action_dim=self._noise_shape[1],
            noise_magnitude=config.noise_magnitude,
            activation=config.activation,
            log_std_low=LOG_STD_LOW,
            log_std_high=LOG_STD_HIGH,
            log_std_offset=LOG_STD_OFFSET,
        )
        arrays = {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}
        return SteeringActor(header, arrays)

    def state_groups(self) -> StateGroups:
        """Return all that a bit-equal continuation needs, as copies."""
        return {
            **self._learned_groups(),
            'replay': self.replay.state_tensors(),
            'rng': {
                'generator': self._generator.get_state(),
                'gradient_steps': torch.tensor(self._steps),
            },
        }

    def load_state_groups(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over what `state_groups` returned.

        Raises:
            CheckpointError: tensors are missing or do not fit this configuration.
        """
        missing = {'networks', 'optimisers', 'replay', 'rng'} - set(groups)
        if missing:
            raise CheckpointError(f'checkpoint: group {", ".join(sorted(missing))} is missing.')
        self._load_learned(groups)
        self.replay.load_state_tensors(groups['replay'])
        self._generator.set_state(groups['rng']['generator'])
        self._steps = int(groups['rng']['gradient_steps'])

    def _prepare(self, batch: Batch) -> Batch:
        """Bring states to zero mean and unit variance, and noise to u = w / b_W.

        Noise of the prior may lie beyond +/- b_W; it enters the critics as it was.
        """
        return batch._replace(
            state=(batch.state - self._state_mean) / self._state_std,
            noise=batch.noise / self.config.noise_magnitude,
            next_state=(batch.next_state - self._state_mean) / self._state_std,
        )

    def _update_critics(self, batch: Batch) -> Tensor:
        loss, value = self.critic_loss(batch, self.td_target(batch))
        norm = _step(self._optimisers['critics'], loss)
        with torch.no_grad():
            targets: list[Tensor] = list(self.target_critics.parameters())
            online: list[Tensor] = list(self.critics.parameters())
            torch._foreach_lerp_(targets, online, self.config.polyak)
        return torch.stack((loss.detach(), value.detach(), norm))

    def _update_actor(self, batch: Batch) -> Tensor:
        loss, log_prob = self.actor_loss(batch.state)
        norm = _step(self._optimisers['actor'], loss)
        if self.config.temperature_auto:
            _step(self._optimisers['temperature'], self.temperature_loss(log_prob))
            with torch.no_grad():
                floor = max(self.config.temperature_floor, 1e-8)
                self.log_temperature.clamp_(min=math.log(floor))
        entropy = -log_prob.detach() / self._noise_dim
        return torch.stack((loss.detach(), entropy, norm, self._temperature()))

    def _temperature(self) -> Tensor:
        if not self.config.temperature_auto:
            return torch.tensor(self.config.temperature)
        return self.log_temperature.detach().exp()

    def _reduce(self, values: Tensor) -> Tensor:
        return reduce_critics(values, self.config.critic_reduction, self.config.critic_std_weight)

    def _mlp(self, num_inputs: int, num_outputs: int) -> Mlp:
        config = self.config
        return Mlp(
            num_inputs,
            num_outputs,
            config.hidden_size,
            config.num_layers,
            config.activation,
            config.layer_norm,
            self._generator,
        )

    def _critics(self) -> Critics:
        num_inputs = self.spec.state_dim + self._noise_dim
        return Critics([self._mlp(num_inputs, 1) for _ in range(self.config.num_critics)])

    def _networks(self) -> dict[str, Tensor]:
        """Return every weight by name; views, not copies."""
        modules = {
            'actor': self.actor,
            'critics': self.critics,
            'target_critics': self.target_critics,
        }
        named = {
            f'{prefix}.{name}': tensor.detach()
            for prefix, module in modules.items()
            for name, tensor in module.named_parameters()
        }
        return {**named, 'log_temperature': self.log_temperature.detach()}

    def _learned_groups(self) -> StateGroups:
        return {
            'networks': {name: tensor.clone() for name, tensor in self._networks().items()},
            'optimisers': {
                f'{name}.{key}': tensor
                for name, optimiser in self._optimisers.items()
                for key, tensor in _adam_tensors(optimiser).items()
            },
        }

    def _load_learned(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        own = self._networks()
        given = groups['networks']
        if {n: t.shape for n, t in own.items()} != {n: t.shape for n, t in given.items()}:
            raise CheckpointError(
                'checkpoint: the networks have other names or sizes than this configuration '
                'makes. Resume with the configuration of the checkpoint.'
            )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(given[name])
        for name, optimiser in self._optimisers.items():
            prefix = f'{name}.'
            _load_adam(
                optimiser,
                {
                    key.removeprefix(prefix): tensor
                    for key, tensor in groups['optimisers'].items()
                    if key.startswith(prefix)
                },
            )

    def _require_healthy(self, totals: Tensor, last_good: StateGroups, num_steps: int) -> None:
        """Raise, with the last good weights in place again, unless everything is finite.

        A non-finite loss or gradient of any step stays in the totals, so one look suffices.
        """
        weights = torch.stack(torch._foreach_norm(list(self._networks().values())))
        if bool(torch.isfinite(totals).all() & torch.isfinite(weights).all()):
            return
        bad = [
            name
            for name, total in zip(METRICS, totals.tolist(), strict=True)
            if not math.isfinite(total)
        ]
        self._load_learned(last_good)
        self._steps -= num_steps
        raise NonFiniteError(
            f'gradient steps {self._steps} to {self._steps + num_steps}: got non-finite '
            f'{", ".join(bad) or "weights"}, expected finite numbers. The weights of before '
            'stand again. Check rewards and observations for huge values, or lower the '
            'learning rates.'
        )


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, lr=learning_rate, fused=True)


def _parameters(optimiser: torch.optim.Adam) -> Sequence[nn.Parameter]:
    parameters: Sequence[nn.Parameter] = optimiser.param_groups[0]['params']
    return parameters


def _step(optimiser: torch.optim.Adam, loss: Tensor) -> Tensor:
    """Take one step down `loss` and return the norm of its gradient.

    `torch.autograd.grad` computes no gradient but those asked for: an actor step does not pay
    for the weights of the critics.
    """
    parameters = _parameters(optimiser)
    gradients = torch.autograd.grad(loss, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimiser.step()
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    return norm


def _adam_tensors(optimiser: torch.optim.Adam) -> dict[str, Tensor]:
    """Return copies of the moments by parameter index; empty before the first step."""
    return {
        f'{i}.{key}': tensor.clone()
        for i, parameter in enumerate(_parameters(optimiser))
        for key, tensor in optimiser.state.get(parameter, {}).items()
    }


def _load_adam(optimiser: torch.optim.Adam, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split('.')
        state.setdefault(int(index), {})[key] = tensor.clone()
    groups = optimiser.state_dict()['param_groups']
    optimiser.load_state_dict({'state': state, 'param_groups': groups})
