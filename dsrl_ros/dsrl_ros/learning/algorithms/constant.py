"""Learners without networks: the prior, and one noise for the whole task found by search."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from dsrl_ros.core.types import PolicySpec, Transition
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.learner import StateGroups
from dsrl_ros.learning.steering.choosers import ConstantChooser, NoiseChooser, PriorChooser
from dsrl_ros.learning.steering.seeding import Stream, keyed_generator


class PriorLearner:
    """Learns nothing: noise from N(0, c^2 I), c the `prior_scale`.

    Args:
        spec: the frozen policy.
        config: options.
        seed: of the run, >= 0.
    """

    def __init__(self, spec: PolicySpec, config: LearnerConfig, seed: int) -> None:
        self.spec = spec
        self.config = config
        self._seed = seed
        self._shape = config.noise_shape(spec)
        self._added = 0

    @property
    def gradient_steps(self) -> int:
        """Always 0."""
        return 0

    @property
    def num_transitions(self) -> int:
        """Transitions added so far."""
        return self._added

    def chooser(self, seed: int | None) -> NoiseChooser:
        """Return the prior."""
        return PriorChooser(
            self._seed if seed is None else seed,
            self.config.layout,
            self._shape,
            self.config.prior_scale,
        )

    def add(self, transition: Transition) -> int:  # noqa: ARG002
        """Count a transition."""
        self._added += 1
        return self._added - 1

    def update(self, num_steps: int) -> dict[str, float]:  # noqa: ARG002
        """Do nothing: there is nothing to learn."""
        return {}

    def state_groups(self) -> StateGroups:
        """Return the count of transitions."""
        return {'counts': {'added': torch.tensor(self._added)}}

    def load_state_groups(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over what `state_groups` returned."""
        self._added = int(groups['counts']['added'])


class ConstantSearch(PriorLearner):
    """Searches one noise that serves the whole task (a "golden ticket").

    `num_candidates` noises are drawn from N(0, I). Each episode tries one, chosen by Thompson
    sampling: the success of a candidate has a Beta(1 + successes, 1 + failures) belief, a rate is
    drawn from each, and the largest draw is tried. The choice held best has the largest mean.

    Args:
        spec: the frozen policy.
        config: options.
        seed: of the run, >= 0.
    """

    def __init__(self, spec: PolicySpec, config: LearnerConfig, seed: int) -> None:
        super().__init__(spec, config, seed)
        rng = keyed_generator(seed, Stream.CANDIDATES)
        shape = (config.num_candidates, *self._shape)
        self._candidates = rng.standard_normal(shape, dtype=np.float32)
        self._outcomes = np.zeros(
            (config.num_candidates, 2), dtype=np.int64
        )  # successes, failures

    def chooser(self, seed: int | None) -> NoiseChooser:
        """Return the candidate to be tried next, or for None the one held best."""
        belief = 1 + self._outcomes  # (N, 2)
        if seed is None:
            rates = belief[:, 0] / belief.sum(axis=1)
        else:
            rng = keyed_generator(seed, Stream.EXPLORATION, int(self._outcomes.sum()))
            rates = rng.beta(belief[:, 0], belief[:, 1])
        return ConstantChooser(self._candidates[int(rates.argmax())], self.config.layout)

    def add(self, transition: Transition) -> int:
        """Note the outcome when an episode with a candidate has ended."""
        noise, ended = transition.noise, transition.terminated or transition.truncated
        if ended and noise is not None and noise.layout == self.config.layout:
            same = [np.array_equal(rows, noise.rows) for rows in self._candidates]
            success = transition.terminated and transition.reward > 0
            self._outcomes[same, 0 if success else 1] += 1
        return super().add(transition)

    def state_groups(self) -> StateGroups:
        """Return candidates and outcomes."""
        outcomes = {
            'candidates': torch.from_numpy(self._candidates.copy()),
            'outcomes': torch.from_numpy(self._outcomes.copy()),
        }
        return {**super().state_groups(), 'search': outcomes}

    def load_state_groups(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over what `state_groups` returned."""
        super().load_state_groups(groups)
        self._candidates = groups['search']['candidates'].numpy().copy()
        self._outcomes = groups['search']['outcomes'].numpy().copy()
