"""DSRL-SAC: soft actor-critic in the latent-action MDP (paper section 4.1, appendices B and C)."""

from __future__ import annotations

import torch

from dsrl_ros.core.types import PolicySpec
from dsrl_ros.learning.algorithms.actor_critic import ActorCritic
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.networks.totals import Totals


class DsrlSac(ActorCritic):
    """Learns a noise actor pi(u | s) and critics Q_j(s, u) over u = w / b_W.

    Noise of the prior may lie beyond +/- b_W; it enters the critics as it was.

    Args:
        spec: the frozen policy that is steered.
        config: options.
        seed: of the run, >= 0.
    """

    def __init__(self, spec: PolicySpec, config: LearnerConfig, seed: int) -> None:
        super().__init__(spec, config, seed)

    def _round(self, totals: Totals) -> None:
        self._steps += 1
        config = self.config
        batch = self._prepare_batch(
            self.replay.sample(config.batch_size, self._generator, config.offline_share)
        )
        batch = batch._replace(action=batch.action / config.noise_magnitude)  # u = w / b_W
        with torch.no_grad():
            next_noise, log_prob = self.actor.sample(batch.next_observation, self._generator)
            value = self._next_value(batch.next_observation, next_noise)
            target = self.td_target(batch, value, self._entropy_bonus(log_prob))
        self._update_critics(batch, target, totals)
        if self._steps % config.actor_update_every == 0:
            self._update_actor(batch.observation, self.critics, totals)
