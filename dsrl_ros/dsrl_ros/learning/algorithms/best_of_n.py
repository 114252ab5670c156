"""Best of N: of a few prior samples, the one whose action the critics value most.

A baseline: it steers without an actor, and can only choose among what the prior offers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.types import Array, Noise, NoiseLayout, NoiseSource, Observation, Transition
from dsrl_ros.learning.algorithms.frozen_actions import ENOUGH_TRANSITIONS, FrozenActions
from dsrl_ros.learning.algorithms.td_learner import TdLearner
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.data.replay import Batch
from dsrl_ros.learning.learner import StateGroups
from dsrl_ros.learning.networks.encoder import ObservationBatch
from dsrl_ros.learning.networks.totals import Totals
from dsrl_ros.learning.steering.choosers import NoiseChooser
from dsrl_ros.learning.steering.seeding import Stream, keyed_generator
from dsrl_ros.policies.base import FrozenPolicy

Valued = Callable[[Array, Array], Array]
"""From a state (O,) and noises (N, R, A) to the value of each, (N,)."""


class BestOfN(TdLearner):
    """Learns critics Q_A(s, a) of the policy that takes the best of N prior samples.

    The value of a next state is the largest that Q_A gives to N of the frozen policy's answers
    there.

    Args:
        policy: what is steered.
        config: options; `num_candidates` is N.
        seed: of the run, >= 0.
    """

    def __init__(self, policy: FrozenPolicy, config: LearnerConfig, seed: int) -> None:
        self._frozen = FrozenActions(policy, config)
        self._seed = seed
        super().__init__(policy.spec, config, seed, self._frozen.size, config.utd)
        if not self._observation.state_only:
            raise ConfigError(
                'algorithm: got best_of_n with images or features, expected states alone, as its '
                'critics look at many candidates per decision. Use sac or na.'
            )

    def chooser(self, seed: int | None) -> NoiseChooser:
        """Return the choice by the critics as they are now.

        Args:
            seed: of the run, to explore by the `temperature`; None for the best.
        """
        critics, frozen = copy.deepcopy(self.critics), copy.copy(self._frozen)

        def valued(state: Array, rows: Array) -> Array:
            states = ObservationBatch(torch.from_numpy(state).expand(len(rows), -1))
            action = frozen.scale(frozen(states.state, torch.from_numpy(rows).flatten(1)))
            with torch.no_grad():
                values: Array = self._reduce(critics(self._prepare(states), action)).numpy()
            return values

        return BestOfNChooser(
            valued,
            self.config.layout,
            (self.config.num_candidates, *self._noise_shape),
            self._seed if seed is None else seed,
            temperature=0.0 if seed is None else self.config.temperature,
        )

    def state_groups(self) -> StateGroups:
        """Return all that a bit-equal continuation needs, as copies."""
        return {**super().state_groups(), 'frozen': self._frozen.state_tensors()}

    def load_state_groups(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over what `state_groups` returned.

        Raises:
            CheckpointError: tensors are missing or do not fit this configuration.
        """
        super().load_state_groups(groups)
        self._frozen.load_state_tensors(groups['frozen'])

    def _round(self, totals: Totals) -> None:
        raw, which = self._sample_round()
        count = self.config.num_candidates
        states = ObservationBatch(raw.next_observation.state.repeat_interleave(count, dim=0))
        noise = torch.empty(len(states), self._noise_dim).normal_(generator=self._generator)
        answers = self._frozen(states.state, noise)
        if not self._frozen.fitted:
            self._frozen.fit(answers, final=len(self.replay) >= ENOUGH_TRANSITIONS)
        known = self._prepare_batch(raw)._replace(action=self._frozen.scale(raw.action))
        with torch.no_grad():
            # Once per round: the target critics hardly move within one.
            values = self._reduce(
                self.target_critics(self._prepare(states), self._frozen.scale(answers))
            )
            best = values.view(-1, count).amax(dim=1)
        for chosen in which:
            batch = known.at(chosen)
            self._update_critics(batch, self.td_target(batch, best[chosen]), totals)
        self._steps += self.config.utd

    def _sample_round(self) -> tuple[Batch, tuple[Tensor, ...]]:
        """Draw the batches of a round, no transition twice.

        Returns:
            The distinct transitions, raw, and for each step where in them its batch lies, (B,).
        """
        config = self.config
        places = self.replay.sample_index(
            config.utd * config.batch_size, self._generator, config.offline_share
        )
        distinct, which = torch.unique(places, return_inverse=True)
        return self.replay.gather(distinct), which.split(config.batch_size)

    def _critic_action(self, transition: Transition) -> Array:
        return self._frozen.taken(transition)


class BestOfNChooser:
    """Draws N noises from N(0, I) and takes the most valued, or one of the more valued.

    Args:
        valued: who values them.
        layout: of the noise.
        shape: (N, R, A).
        seed: of the run.
        temperature: a candidate of value Q is taken with probability in proportion to
            exp(Q / temperature); 0 takes the best. Without it a wrong first impression lasts.
    """

    def __init__(
        self,
        valued: Valued,
        layout: NoiseLayout,
        shape: tuple[int, int, int],
        seed: int,
        temperature: float = 0.0,
    ) -> None:
        self._valued = valued
        self._layout = layout
        self._shape = shape
        self._seed = seed
        self._temperature = temperature

    def choose(self, observation: Observation, episode: int, decision: int) -> Noise:
        """Choose among the samples of this key."""
        rng = keyed_generator(self._seed, Stream.CANDIDATES, episode, decision)
        rows = rng.standard_normal(self._shape, dtype=np.float32)
        values = self._valued(observation.state, rows)
        if self._temperature:
            # Adding Gumbel noise makes the largest a draw from the softmax.
            values += self._temperature * rng.gumbel(size=len(rows)).astype(np.float32)
        return Noise(rows[int(values.argmax())], self._layout, NoiseSource.PRIOR)
