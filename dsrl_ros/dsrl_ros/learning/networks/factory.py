"""From options to networks, all drawn from one generator."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.networks.actor_critic_networks import Actor, Critics
from dsrl_ros.learning.networks.encoder import Encoder
from dsrl_ros.learning.networks.mlp import Mlp
from dsrl_ros.learning.steering.observation import ObservationSpec


@dataclass(frozen=True)
class NetworkFactory:
    """Makes the networks of a learner.

    Attributes:
        config: sizes and kinds.
        observation: what the networks see.
        generator: source of the initial weights; what is made first draws first.
        device: where they lie.
    """

    config: LearnerConfig
    observation: ObservationSpec
    generator: torch.Generator
    device: torch.device

    def critics(self, action_dim: int) -> Critics:
        """Return an ensemble over observation and `action_dim` entries beside it."""
        encoder = self._encoder()
        num_inputs = self._seen(encoder) + action_dim
        members = [self._mlp(num_inputs, 1) for _ in range(self.config.num_critics)]
        return Critics(members, encoder)

    def actor(self, noise_dim: int) -> Actor:
        """Return an actor over `noise_dim` entries."""
        encoder = self._encoder()
        return Actor(self._mlp(self._seen(encoder), 2 * noise_dim), encoder)

    def _encoder(self) -> Encoder | None:
        """Return a new encoder where observations have an image or features."""
        if self.observation.state_only:
            return None
        config = self.config
        with self.device:
            return Encoder(
                self.observation, config.encoder_channels, config.encoder_size, self.generator
            )

    def _seen(self, encoder: Encoder | None) -> int:
        return self.observation.state_dim if encoder is None else encoder.num_outputs

    def _mlp(self, num_inputs: int, num_outputs: int) -> Mlp:
        config = self.config
        with self.device:
            return Mlp(
                num_inputs,
                num_outputs,
                config.hidden_size,
                config.num_layers,
                config.activation,
                config.layer_norm,
                self.generator,
                config.precision == 'bfloat16',
                config.compile,
            )
