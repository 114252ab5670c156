"""The steering actor of DSRL-SAC and DSRL-NA: its temperature, its exploration, its export.

Its gradient steps are in the algorithms.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dsrl_ros.core.types import PolicySpec, Transition
from dsrl_ros.learning.algorithms import losses
from dsrl_ros.learning.algorithms.td_learner import TdLearner
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.learner import StateGroups
from dsrl_ros.learning.networks.actor_critic_networks import (
    LOG_STD_HIGH,
    LOG_STD_LOW,
    LOG_STD_OFFSET,
)
from dsrl_ros.learning.networks.optimiser import Adam, step
from dsrl_ros.learning.steering.actor import ActorHeader, SteeringActor
from dsrl_ros.learning.steering.choosers import ActorChooser, NoiseChooser

# Newest online episodes that the exploration depends on, and the share of failures among them
# from which the actor explores with its whole spread.
_WINDOW, _WHOLE_FROM = 20, 0.2
TEMPERATURE_LEARNING_RATE = 3e-4  # Adam step size of log alpha


class ActorCritic(TdLearner):
    """A learner with an actor pi(u | s) over u = w / b_W and a temperature alpha (appendix B).

    Args:
        spec, config, seed, action_dim, steps_per_round: see `TdLearner`.
    """

    def __init__(
        self,
        spec: PolicySpec,
        config: LearnerConfig,
        seed: int,
        action_dim: int | None = None,
        steps_per_round: int = 1,
    ) -> None:
        super().__init__(spec, config, seed, action_dim, steps_per_round)
        self._target_entropy = config.target_entropy_per_dim * self._noise_dim
        self.actor = self._make.actor(self._noise_dim)
        self._fixed_temperature = torch.tensor(config.temperature, device=self._device)
        self.log_temperature = nn.Parameter(
            torch.tensor(math.log(max(config.temperature, 1e-8)), device=self._device)
        )
        self._successes: deque[bool] = deque(maxlen=_WINDOW)  # of the newest online episodes
        self._modules['actor'] = self.actor
        self._optimisers['actor'] = Adam(self.actor.parameters(), config.actor_learning_rate)
        self._optimisers['temperature'] = Adam([self.log_temperature], TEMPERATURE_LEARNING_RATE)

    def chooser(self, seed: int | None) -> NoiseChooser:
        """Return the actor as it is now.

        Args:
            seed: of the run, to explore; None for the deterministic actor.
        """
        return ActorChooser(self.export_actor(self._steps, 0), seed)

    def add(self, transition: Transition) -> int:
        """Keep a transition, see `TdLearner.add`, and whether its online episode succeeded."""
        place = super().add(transition)
        ended = transition.terminated or transition.truncated
        if ended and transition.phase == 'online' and not transition.aborted:
            self._successes.append(transition.success)
        return place

    def update(self, num_steps: int) -> dict[str, float]:
        """Take gradient steps, see `TdLearner.update`; the share of the spread is a metric too."""
        means = super().update(num_steps)
        return {**means, 'actor/exploration': self._exploration} if means else means

    def state_groups(self) -> StateGroups:
        """Return all that a bit-equal continuation needs, as copies."""
        groups = super().state_groups()
        groups['rng']['successes'] = torch.tensor(list(self._successes), dtype=torch.bool)
        return groups

    def load_state_groups(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over what `state_groups` returned, see `TdLearner.load_state_groups`."""
        super().load_state_groups(groups)
        self._successes = deque(groups['rng']['successes'].tolist(), maxlen=_WINDOW)

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
            **self._encoder_tensors(),
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
            num_features=self._observation.num_features,
            image_shape=self._observation.image_shape,
            exploration=self._exploration,
        )
        arrays = {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}
        return SteeringActor(header, arrays)

    @property
    def _exploration(self) -> float:
        return exploration(self._successes, self.config.least_exploration)

    def _encoder_tensors(self) -> dict[str, Tensor]:
        if self.actor.encoder is None:
            return {}
        return {f'encoder.{n}': p for n, p in self.actor.encoder.named_parameters()}

    def _entropy_bonus(self, next_log_prob: Tensor) -> Tensor:
        """Return -alpha log pi(u' | s') for the soft backup, (B,), or zeros without it."""
        if not self.config.backup_entropy:
            return torch.zeros_like(next_log_prob)
        return -self._temperature() * next_log_prob

    def _adapt_temperature(self, log_prob: Tensor) -> None:
        """Move alpha towards the target entropy, not below its floor, unless it is fixed."""
        if self.config.temperature_auto:
            loss = losses.temperature_loss(self.log_temperature, log_prob, self._target_entropy)
            step(self._optimisers['temperature'], loss)
            with torch.no_grad():
                floor = max(self.config.temperature_floor, 1e-8)
                self.log_temperature.clamp_(min=math.log(floor))

    def _actor_metrics(self, loss: Tensor, norm: Tensor, log_prob: Tensor) -> dict[str, Tensor]:
        return {
            'actor/loss': loss,
            'actor/entropy_per_dim': -log_prob.detach().mean() / self._noise_dim,
            'actor/gradient_norm': norm,
            'temperature': self._temperature(),
        }

    def _temperature(self) -> Tensor:
        if not self.config.temperature_auto:
            return self._fixed_temperature
        return self.log_temperature.detach().exp()

    def _networks(self) -> dict[str, Tensor]:
        return {**super()._networks(), 'log_temperature': self.log_temperature.detach()}


def exploration(successes: Sequence[bool], least: float) -> float:
    """Return the share of its spread that an actor explores with.

    The share falls with the failures and rises with them: an actor that nearly always succeeds
    has little left to find out, and every draw far from the mean is one more way to fail.

    Args:
        successes: of the newest online episodes, as they were judged; at most 20, and missing
            ones count as failures.
        least: smallest share, in [0, 1].
    """
    failures = _WINDOW - sum(successes)
    return min(1.0, max(least, failures / (_WHOLE_FROM * _WINDOW)))
