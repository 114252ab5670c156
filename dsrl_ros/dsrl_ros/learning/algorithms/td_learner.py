"""What every learner with TD-trained critics shares: data, critics, health, state.

Which step is taken when belongs to the algorithms.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import CheckpointError, ConfigError, NonFiniteError, ShapeMismatchError
from dsrl_ros.core.types import Array, PolicySpec, Transition
from dsrl_ros.learning.algorithms.memory import keep_freed_memory
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.data.replay import Batch, Replay, as_tensor, phase_code
from dsrl_ros.learning.learner import StateGroups
from dsrl_ros.learning.networks.actor_critic_networks import reduce_critics
from dsrl_ros.learning.networks.augmentation import random_crop
from dsrl_ros.learning.networks.encoder import ObservationBatch
from dsrl_ros.learning.networks.factory import NetworkFactory
from dsrl_ros.learning.networks.optimiser import Adam, Snapshot, load_tensors, polyak, step
from dsrl_ros.learning.networks.totals import Totals
from dsrl_ros.learning.steering.seeding import Stream, keyed_seed


class TdLearner(ABC):
    """A learner with critics trained by temporal differences.

    Single-threaded runs (`torch.set_num_threads(1)`) repeat bit by bit from their seed.

    Args:
        spec: the frozen policy that is steered.
        config: options.
        seed: of the run, >= 0.
        action_dim: entries of what the critics take beside the state.
        steps_per_round: critic steps that are always taken together.
    """

    def __init__(
        self,
        spec: PolicySpec,
        config: LearnerConfig,
        seed: int,
        action_dim: int | None = None,
        steps_per_round: int = 1,
    ) -> None:
        keep_freed_memory()
        self.spec = spec
        self.config = config
        self._device = _device(config.device)
        self._generator = _generator(self._device, keyed_seed(seed, Stream.LEARNER))
        self._noise_shape = config.noise_shape(spec)  # (R, A)
        self._noise_dim = math.prod(self._noise_shape)  # D
        self._observation = config.observation_spec(spec)
        self._state_mean = torch.tensor(spec.state_mean, dtype=torch.float32, device=self._device)
        self._state_std = torch.tensor(spec.state_std, dtype=torch.float32, device=self._device)
        action_dim = self._noise_dim if action_dim is None else action_dim
        self._make = NetworkFactory(config, self._observation, self._generator, self._device)

        self.critics = self._make.critics(action_dim)
        self.target_critics = self._make.critics(action_dim)
        self.target_critics.load_state_dict(self.critics.state_dict())
        self.target_critics.requires_grad_(False)
        self._modules: dict[str, nn.Module] = {
            'critics': self.critics,
            'target_critics': self.target_critics,
        }
        self._optimisers = {
            'critics': Adam(self.critics.parameters(), config.critic_learning_rate),
        }
        self.replay = Replay(
            config.replay_capacity,
            spec.state_dim,
            action_dim,
            config.num_features,
            self._observation.image_shape,
            self._device,
        )
        self._steps_per_round = steps_per_round
        self._steps = 0
        self._asked = 0  # steps asked for, less than a round
        self._last_good: Snapshot | None = None  # made once all that is learned is there

    @property
    def gradient_steps(self) -> int:
        """Critic steps taken so far."""
        return self._steps

    @property
    def num_transitions(self) -> int:
        """Transitions added so far."""
        return self.replay.num_added

    def add(self, transition: Transition) -> int:
        """Keep a transition and return its place in the replay.

        Raises:
            ShapeMismatchError: state, image, features, noise or action do not fit the policy and
                the options.
            NonFiniteError: a NaN or an infinity.
            ConfigError: a discount outside [0, 1] or an unknown phase.
        """
        self._observation.check(transition.observation)
        self._observation.check(transition.next_observation)
        self._check_reward(transition)
        if not 0.0 <= transition.discount <= 1.0:
            raise ConfigError(
                f'transition {transition.key}: got discount {transition.discount}, '
                'expected 0 to 1. Check who built it.'
            )
        phase_code(transition.phase)
        return self.replay.add(
            observation=transition.observation,
            action=as_tensor('action', self._critic_action(transition)),
            reward=transition.reward,
            discount=transition.discount,
            terminated=transition.terminated,
            truncated=transition.truncated,
            next_observation=transition.next_observation,
            phase=transition.phase,
        )

    def update(self, num_steps: int) -> dict[str, float]:
        """Take gradient steps; the host waits for the numbers once, at the end.

        Args:
            num_steps: critic steps, >= 1. Splitting a number over several calls changes no bit:
                what does not fill a round is taken with the next call.

        Returns:
            Mean metrics by name; empty when no round was full.

        Raises:
            NonFiniteError: a loss, a gradient or a weight is not finite.
            PolicyUnavailableError: the frozen policy did not answer. After these and any other
                error weights, moments, counts and draws stand as before the call, which may be
                made again.
        """
        rounds, asked = divmod(self._asked + num_steps, self._steps_per_round)
        if not rounds:
            self._asked = asked
            return {}
        if self._last_good is None:
            groups = self._learned().values()
            self._last_good = Snapshot(itertools.chain(*(group.values() for group in groups)))
        self._last_good.take()
        steps, draws = self._steps, self._generator.get_state()
        totals = Totals()
        try:
            for _ in range(rounds):
                self._round(totals)
            means = self._healthy_means(totals)
        except Exception as error:
            self._last_good.restore()
            self._steps = steps
            self._generator.set_state(draws)
            if isinstance(error, NonFiniteError):
                raise NonFiniteError(
                    f'gradient steps after {steps}: {error} The last good weights stand again. '
                    'Check rewards and observations for huge values, or lower the learning rates.'
                ) from error
            raise
        self._asked = asked
        return means

    def td_target(self, batch: Batch, value: Tensor, bonus: Tensor | float = 0.0) -> Tensor:
        """Return y = r + discount * (1 - terminated) * (V(s') + bonus), (B,).

        A time-out is not a termination: it bootstraps. With `bound_values` V stays within the
        returns that the task can give: with few data and many steps per datum an overestimate
        would otherwise feed on itself.

        Args:
            batch: normalised.
            value: V(s'), (B,).
            bonus: of the entropy, (B,).
        """
        if self.config.bound_values:
            value = value.clamp(self.config.value_low, self.config.value_high)
        return batch.reward + batch.discount * (1.0 - batch.terminated) * (value + bonus)

    def critic_loss(self, batch: Batch, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return 0.5 * sum over critics of the mean squared error, and the mean value."""
        values = self.critics(batch.observation, batch.action)  # (E, B)
        return 0.5 * (values - target).square().mean(dim=1).sum(), values.mean()

    def state_groups(self) -> StateGroups:
        """Return all that a bit-equal continuation needs, as copies."""
        copies = {
            group: {name: tensor.to('cpu', copy=True) for name, tensor in tensors.items()}
            for group, tensors in self._learned().items()
        }
        return {
            **copies,
            'replay': self.replay.state_tensors(),
            'rng': {
                'generator': self._generator.get_state(),
                'gradient_steps': torch.tensor(self._steps),
                'asked': torch.tensor(self._asked),
            },
        }

    def load_state_groups(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over what `state_groups` returned.

        Raises:
            CheckpointError: tensors are missing or do not fit this configuration.
        """
        missing = set(self.state_groups()) - set(groups)
        if missing:
            raise CheckpointError(f'checkpoint: group {", ".join(sorted(missing))} is missing.')
        for group, tensors in self._learned().items():
            load_tensors(tensors, groups[group])
        self.replay.load_state_tensors(groups['replay'])
        self._generator.set_state(groups['rng']['generator'])
        self._steps = int(groups['rng']['gradient_steps'])
        self._asked = int(groups['rng']['asked'])

    @abstractmethod
    def _round(self, totals: Totals) -> None:
        """Take `steps_per_round` critic steps and what belongs to them."""

    def _check_reward(self, transition: Transition) -> None:
        """Raise for a reward that is no float32, or that the bounds of the values rule out."""
        reward, config = transition.reward, self.config
        as_tensor('reward', np.asarray(reward))
        low, high = min(config.value_low, 0.0), max(config.value_high, 0.0)
        if config.bound_values and not low <= reward <= high:
            raise ConfigError(
                f'transition {transition.key}: got reward {reward:g}, expected {low:g} to '
                f'{high:g} as value_low and value_high say. Set them to the smallest and largest '
                'return that the task can give, or bound_values to false.'
            )

    def _critic_action(self, transition: Transition) -> Array:
        """Return what the critics take for a transition, flat; by default the noise's rows.

        Raises:
            ShapeMismatchError, NonFiniteError: it does not fit.
        """
        noise = transition.noise
        if noise is None:
            raise ShapeMismatchError(
                f'transition {transition.key}: got no noise, expected the one that was used. '
                'Learn from demonstrations with algorithm na or rlpd.'
            )
        if noise.layout != self.config.layout:
            raise ShapeMismatchError(
                f'transition {transition.key}: got noise layout {noise.layout.name}, expected '
                f'{self.config.layout.name}. Give steering and trainer the same noise_layout.'
            )
        require_shape('noise', noise.rows, self._noise_shape)
        require_finite('noise', noise.rows)
        return noise.rows.reshape(-1)

    def _normalise(self, state: Tensor) -> Tensor:
        """Bring raw states to zero mean and unit variance."""
        return (state - self._state_mean) / self._state_std

    def _prepare(self, observation: ObservationBatch) -> ObservationBatch:
        """Bring raw observations to what the networks read, each image cropped at random."""
        image = observation.image
        if image is not None:
            image = random_crop(image, self.config.crop_padding, self._generator)
        return replace(observation, state=self._normalise(observation.state), image=image)

    def _prepare_batch(self, batch: Batch) -> Batch:
        """Prepare observations and next observations, each image cropped by itself."""
        return batch._replace(
            observation=self._prepare(batch.observation),
            next_observation=self._prepare(batch.next_observation),
        )

    def _update_critics(self, batch: Batch, target: Tensor, totals: Totals) -> None:
        loss, value = self.critic_loss(batch, target)
        norm = step(self._optimisers['critics'], loss)
        polyak(self.target_critics, self.critics, self.config.polyak)
        totals.add(
            ('critic/loss', 'critic/value', 'critic/gradient_norm'),
            torch.stack((loss.detach(), value.detach(), norm)),
        )

    def _reduce(self, values: Tensor) -> Tensor:
        return reduce_critics(values, self.config.critic_reduction, self.config.critic_std_weight)

    def _networks(self) -> dict[str, Tensor]:
        """Return every weight by name; views, not copies."""
        return {
            f'{prefix}.{name}': tensor.detach()
            for prefix, module in self._modules.items()
            for name, tensor in module.named_parameters()
        }

    def _learned(self) -> StateGroups:
        """Return all that gradient steps change; the tensors in use, not copies."""
        moments = {
            f'{name}.{key}': tensor
            for name, optimiser in self._optimisers.items()
            for key, tensor in optimiser.tensors().items()
        }
        return {'networks': self._networks(), 'optimisers': moments}

    def _healthy_means(self, totals: Totals) -> dict[str, float]:
        """Return the metrics; raise unless they and all weights are finite.

        A non-finite loss or gradient of any step stays in the totals, so one look suffices.
        """
        means = totals.means()
        weights = torch.stack(torch._foreach_norm(list(self._networks().values())))
        bad = [name for name, mean in means.items() if not math.isfinite(mean)]
        if not bad and bool(torch.isfinite(weights).all()):
            return means
        raise NonFiniteError(
            f'got non-finite {", ".join(bad) or "weights"}, expected finite numbers.'
        )


def _device(name: str) -> torch.device:
    """Return a device that is there.

    Raises:
        ConfigError: it is not.
    """
    if name == 'cuda' and not torch.cuda.is_available():
        raise ConfigError(
            f'device: got cuda, expected cpu: torch {torch.__version__} sees no GPU here. '
            'Set device to cpu, or install a torch built for the GPU.'
        )
    return torch.device(name)


def _generator(device: torch.device, seed: int) -> torch.Generator:
    return torch.Generator(device).manual_seed(seed)
