"""DSRL-NA: noise-aliased steering (paper section 4.2, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from dsrl_ros.core.types import Array, Transition
from dsrl_ros.learning.algorithms import losses
from dsrl_ros.learning.algorithms.actor_critic import ActorCritic
from dsrl_ros.learning.algorithms.frozen_actions import ENOUGH_TRANSITIONS, FrozenActions
from dsrl_ros.learning.algorithms.noise_action_cache import PairCache, affordable_pairs
from dsrl_ros.learning.algorithms.td_learner import critic_metrics
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.learner import StateGroups
from dsrl_ros.learning.networks.actor_critic_networks import frozen
from dsrl_ros.learning.networks.optimiser import Adam, MetricMeans, polyak, step
from dsrl_ros.policies.base import FrozenPolicy

FRESH = 0.1  # share of the known pairs of a round that are drawn again


class _Answers(NamedTuple):
    """What the frozen policy does at the actor's noise, observation by observation.

    Attributes:
        ids: of the observations, rising, (N,).
        noise: u, (N, D).
        log_prob: log pi(u | s), (N,).
        action: (N, C) robot units.
    """

    ids: Tensor
    noise: Tensor
    log_prob: Tensor
    action: Tensor

    def find(self, ids: Tensor) -> Tensor:
        """Return where observations stand among these, (n,)."""
        return torch.searchsorted(self.ids, ids)


class DsrlNa(ActorCritic):
    """Learns critics Q_A(s, a) on actions, distils them into Q_W(s, u), and an actor on those.

    A round is `utd` steps of Q_A, then `noise_critic_steps` of Q_W, then the actor's: the order
    of Algorithm 1, in blocks. As the actor rests until the end, the frozen policy answers for all
    observations of a round at once, and for none twice; as Q_A rests while it is distilled, so
    does every target of the distillation. Noise differs from noise only by the action it leads
    to: what is learned of an action counts for every noise that leads there, tried or not.

    Args:
        policy: what is steered; answers without ever being changed.
        config: options.
        seed: of the run, >= 0.
    """

    def __init__(self, policy: FrozenPolicy, config: LearnerConfig, seed: int) -> None:
        self._frozen = FrozenActions(policy, config)
        super().__init__(policy.spec, config, seed, self._frozen.size, config.utd)
        self.noise_critics = self._make.critics(self._noise_dim)
        self._modules['noise_critics'] = self.noise_critics
        self._optimisers['noise_critics'] = Adam(
            self.noise_critics.parameters(), config.critic_learning_rate
        )
        per_state = affordable_pairs(
            config.distill_samples,
            config.distill_cache_mb * 2**20,
            config.replay_capacity,
            self._noise_dim + self._frozen.size,
        )
        self._pairs = PairCache(per_state, self._noise_dim, self._frozen.size)

    def add(self, transition: Transition) -> int:
        """Keep a transition; its noise may be missing, as in demonstrations.

        Raises:
            ShapeMismatchError, NonFiniteError, ConfigError: as for DSRL-SAC.
        """
        place = super().add(transition)
        self._pairs.forget(place)
        return place

    def state_groups(self) -> StateGroups:
        """Return all that a bit-equal continuation needs, as copies."""
        return {
            **super().state_groups(),
            'pairs': self._pairs.state_tensors(),
            'frozen': self._frozen.state_tensors(),
        }

    def load_state_groups(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over what `state_groups` returned.

        Raises:
            CheckpointError: tensors are missing or do not fit this configuration.
        """
        super().load_state_groups(groups)
        self._pairs.load_state_tensors(groups['pairs'], len(self.replay))
        self._frozen.load_state_tensors(groups['frozen'])

    def _round(self, metrics: MetricMeans) -> None:
        """Update Q_A, then Q_W, then pi_W: lines 4 to 6 of Algorithm 1."""
        self._fit_scaling()
        places, taught = self._draw()
        answers = self._ask_at_the_actors_noise(places, taught)
        self._update_action_critics(places, answers, metrics)
        self._update_noise_critics(taught, answers, metrics)
        self._update_actor(metrics)
        self._steps += self.config.utd
        metrics.add({'policy/bad_answers': torch.tensor(float(self._frozen.policy.num_bad))})

    def _draw(self) -> tuple[Tensor, Tensor]:
        """Draw the places of a round's batches: for Q_A (utd * B,), for Q_W (steps * B,).

        All come from the same few transitions, so that a round asks the frozen policy as often
        with many data as with few.
        """
        config = self.config
        of_q_a = config.utd * config.batch_size
        drawn = self.replay.sample_index(
            of_q_a + config.noise_critic_steps * config.batch_size,
            self._generator,
            config.offline_share,
            config.round_transitions,
        )
        return drawn[:of_q_a], drawn[of_q_a:]

    def _ask_at_the_actors_noise(self, places: Tensor, taught: Tensor) -> _Answers:
        """Ask the frozen policy once for every observation of which a round needs an answer.

        Args:
            places: of the transitions that Q_A learns from: their next observations.
            taught: of those where Q_W is taught: their observations, where the actor's noise is.
        """
        ids = [self.replay.observation_ids(places)[1]]
        if self.config.distill_noise != 'prior':
            ids.append(self.replay.observation_ids(taught)[0])
        distinct = torch.unique(torch.cat(ids))
        observation = self.replay.observations(distinct)
        with torch.no_grad():
            noise, log_prob = self.actor.sample(self._prepare(observation), self._generator)
        action = self._frozen(observation.state, noise * self.config.noise_magnitude)
        return _Answers(distinct, noise, log_prob, action)

    def _update_action_critics(
        self, places: Tensor, answers: _Answers, metrics: MetricMeans
    ) -> None:
        """Update Q_A: min E (Q_A(s, a) - r - gamma Qbar_A(s', a'))^2, a' = pi_dp(s', pi_W(s'))."""
        distinct, which = torch.unique(places, return_inverse=True)
        known = self._prepare_batch(self.replay.gather(distinct))
        known = known._replace(action=self._frozen.scale(known.action))
        at = answers.find(self.replay.observation_ids(distinct)[1])
        next_action = self._frozen.scale(answers.action[at])
        bonus = self._entropy_bonus(answers.log_prob[at])
        for chosen in which.split(self.config.batch_size):
            batch = known.at(chosen)
            with torch.no_grad():
                next_value = self._reduce(
                    self.target_critics(batch.next_observation, next_action[chosen])
                )
                target = losses.td_target(batch, next_value, bonus[chosen], self._value_bounds)
            values = self.critics(batch.observation, batch.action)
            loss = losses.critic_loss(values, target)
            norm = step(self._optimisers['critics'], loss)
            polyak(self.target_critics, self.critics, self.config.polyak)
            metrics.add(critic_metrics(loss, values, norm))

    def _update_noise_critics(
        self, taught: Tensor, answers: _Answers, metrics: MetricMeans
    ) -> None:
        """Update Q_W: min E (Q_W(s, w) - Q_A(s, pi_dp(s, w)))^2."""
        noise, action = self._distillation_pairs(taught, answers)
        observation = self._prepare(self.replay.gather(taught).observation)
        with torch.no_grad():
            target = self.critics(observation, self._frozen.scale(action))  # (E, n)
        for first in range(0, len(taught), self.config.batch_size):
            chosen = slice(first, first + self.config.batch_size)
            values = self.noise_critics(observation[chosen], noise[chosen])
            loss = losses.distillation_loss(values, target[:, chosen])
            norm = step(self._optimisers['noise_critics'], loss)
            metrics.add({'noise_critic/loss': loss, 'noise_critic/gradient_norm': norm})

    def _update_actor(self, metrics: MetricMeans) -> None:
        """Update pi_W: max E Q_W(s, pi_W(s)), with the entropy bonus of SAC."""
        every = self.config.actor_update_every
        for _ in range((self._steps + self.config.utd) // every - self._steps // every):
            observation = self._prepare(self._sample().observation)
            noise, log_prob = self.actor.sample(observation, self._generator)
            with frozen(self.noise_critics):
                value = self._reduce(self.noise_critics(observation, noise))
            loss = losses.actor_loss(self._temperature(), log_prob, value)
            norm = step(self._optimisers['actor'], loss)
            self._adapt_temperature(log_prob)
            metrics.add(self._actor_metrics(loss, norm, log_prob))

    def _distillation_pairs(self, taught: Tensor, answers: _Answers) -> tuple[Tensor, Tensor]:
        """Return noise u (n, D) and the actions it leads to (n, C), robot units.

        Prior pairs are kept and used again; those of the actor are made each round, once per
        observation, since the actor moves.
        """
        share = {'prior': 0.0, 'mixed': 0.5, 'actor': 1.0}[self.config.distill_noise]
        of_actor = torch.rand(taught.shape, generator=self._generator) < share
        noise = torch.empty(len(taught), self._noise_dim)
        action = torch.empty(len(taught), self._frozen.size)
        prior, action[~of_actor] = self._pairs.draw(
            taught[~of_actor], FRESH, self._answer, self._generator
        )
        noise[~of_actor] = prior / self.config.noise_magnitude
        at = answers.find(self.replay.observation_ids(taught[of_actor])[0])
        noise[of_actor], action[of_actor] = answers.noise[at], answers.action[at]
        return noise, action

    def _answer(self, places: Tensor, noise: Tensor) -> Tensor:
        return self._frozen(self.replay.gather(places).observation.state, noise)

    def _fit_scaling(self) -> None:
        """Look once, at the first data, how far the policy's prior actions spread."""
        if not self._frozen.fitted:
            places = self.replay.sample_index(1024, self._generator)
            noise = torch.empty(len(places), self._noise_dim).normal_(generator=self._generator)
            enough = len(self.replay) >= ENOUGH_TRANSITIONS
            self._frozen.fit(self._answer(places, noise), final=enough)

    def _critic_action(self, transition: Transition) -> Array:
        if transition.noise is not None:
            super()._critic_action(transition)  # raises where layout or shape do not fit
        return self._frozen.taken(transition)
