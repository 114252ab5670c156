"""DSRL-SAC: soft actor-critic in the latent-action MDP (paper section 4.1, appendices B and C)."""

from __future__ import annotations

import torch

from dsrl_ros.core.types import PolicySpec
from dsrl_ros.learning.algorithms import losses
from dsrl_ros.learning.algorithms.actor_critic import ActorCritic
from dsrl_ros.learning.algorithms.td_learner import critic_metrics
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.networks.actor_critic_networks import frozen
from dsrl_ros.learning.networks.optimiser import MetricMeans, polyak, step


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

    def _round(self, metrics: MetricMeans) -> None:
        """Take one step of critics, target critics, actor and temperature."""
        config = self.config
        self._steps += 1
        batch = self._prepare_batch(self._sample())
        s, next_s = batch.observation, batch.next_observation
        u = batch.action / config.noise_magnitude

        # y = r + gamma (1 - d) (min_j Qbar_j(s', u') - alpha log pi(u' | s')), u' ~ pi(s')
        with torch.no_grad():
            next_u, next_log_prob = self.actor.sample(next_s, self._generator)
            next_value = self._reduce(self.target_critics(next_s, next_u))
            bonus = self._entropy_bonus(next_log_prob)
            target = losses.td_target(batch, next_value, bonus, self._value_bounds)

        # Q_j towards y, then Qbar_j a little towards Q_j
        values = self.critics(s, u)
        loss = losses.critic_loss(values, target)
        norm = step(self._optimisers['critics'], loss)
        polyak(self.target_critics, self.critics, config.polyak)
        metrics.add(critic_metrics(loss, values, norm))
        if self._steps % config.actor_update_every:
            return

        # pi towards larger min_j Q_j(s, u) - alpha log pi(u | s), u ~ pi(s); then alpha
        u, log_prob = self.actor.sample(s, self._generator)
        with frozen(self.critics):
            value = self._reduce(self.critics(s, u))
        loss = losses.actor_loss(self._temperature(), log_prob, value)
        norm = step(self._optimisers['actor'], loss)
        self._adapt_temperature(log_prob)
        metrics.add(self._actor_metrics(loss, norm, log_prob))
