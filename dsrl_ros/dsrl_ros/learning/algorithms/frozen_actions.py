"""The frozen policy as action critics see it: states and noise rows in, scaled chunks out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.noise import expand
from dsrl_ros.core.types import Array, Transition
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.policies.bounded import BoundedPolicy

# Rows handed to the policy at once: more gain no speed, and take memory.
_LARGEST_BATCH = 4096
# Smallest spread, as a share of half the stated range: what a policy holds still is not blown up.
_SMALLEST_SPREAD = 0.01
ENOUGH_TRANSITIONS = 8  # for the spread of actions over them to be taken for the policy's own


class FrozenActions:
    """Actions of a frozen policy: the steps that are executed, flat, entry by entry scaled.

    Answers that are not finite or absurd are replaced and counted by `BoundedPolicy`, so that
    none of them reaches a critic.

    Args:
        policy: what is steered.
        config: gives the noise layout.

    Attributes:
        policy: the bounded policy, with its counts.
        size: entries of a flat executed chunk, C.
        fitted: whether the scaling is final; at first it is that of the stated limits.
    """

    def __init__(self, policy: FrozenPolicy, config: LearnerConfig) -> None:
        spec = policy.spec
        self.policy = policy if isinstance(policy, BoundedPolicy) else BoundedPolicy(policy)
        self.size = spec.num_execute * spec.action_dim
        self.fitted = False
        self._layout = config.layout
        self._noise_shape = config.noise_shape(spec)
        low = torch.tensor(spec.action_low).repeat(spec.num_execute)
        high = torch.tensor(spec.action_high).repeat(spec.num_execute)
        self._half_range = (high - low) / 2
        self._mean = (high + low) / 2
        self._spread = self._half_range.clone()

    def __call__(self, state: Tensor, noise: Tensor) -> Tensor:
        """Return what the policy does.

        Args:
            state: (B, O) raw units.
            noise: (B, D) rows of the noise, flat, as the policy is handed them (not u).

        Returns:
            (B, C) robot units.
        """
        spec = self.policy.spec
        parts = []
        for first in range(0, len(state), _LARGEST_BATCH):
            states = state[first : first + _LARGEST_BATCH]
            rows = noise[first : first + _LARGEST_BATCH]
            expanded = expand(
                rows.cpu().numpy().reshape(-1, *self._noise_shape), self._layout, spec.horizon
            )
            chunks = self.policy(states.cpu().numpy(), expanded)[:, : spec.num_execute]
            parts.append(torch.from_numpy(np.ascontiguousarray(chunks)).flatten(1))
        return torch.cat(parts).to(state.device)

    def scale(self, action: Tensor) -> Tensor:
        """Bring (..., C) robot units to zero mean and unit spread."""
        return (action - self._mean) / self._spread

    def fit(self, actions: Tensor, final: bool) -> None:
        """Take the scaling from sample actions.

        The stated limits may be far wider than what a policy ever does; scaled by them, all its
        actions would look alike to a critic.

        Args:
            actions: (n, C) robot units.
            final: whether they stand for enough states to be kept.
        """
        self._mean = actions.mean(dim=0)
        self._spread = actions.std(dim=0).maximum(_SMALLEST_SPREAD * self._half_range)
        self.fitted = final

    def taken(self, transition: Transition) -> Array:
        """Return the chunk that a transition's critics learn from, flat (C,), robot units.

        Where the noise is known it is the policy's whole answer to it, as that is what critics are
        asked about: a step that the driver shortened, refused or cut off is what the robot made of
        it. Learned from the executed steps, values of answers never executed so would be guesses.
        Where no noise is known it is what was executed, the last step going on to the end.

        Raises:
            ShapeMismatchError, NonFiniteError: no action of this policy.
            PolicyUnavailableError: the policy did not answer.
        """
        spec, action = self.policy.spec, transition.action
        require_shape('action', action, (None, spec.action_dim))
        require_finite('action', action)
        if transition.noise is not None:
            rows = transition.noise.rows.reshape(1, -1)
            answer = self(
                torch.from_numpy(transition.observation.state)[None], torch.from_numpy(rows)
            )
            return np.asarray(answer[0].numpy())
        missing = spec.num_execute - len(action)
        if missing > 0:
            middle = self._mean.numpy().reshape(spec.num_execute, -1)
            rest = np.repeat(action[-1:], missing, axis=0) if len(action) else middle
            action = np.concatenate([action, rest])
        return action[: spec.num_execute].astype(np.float32).reshape(-1)

    def state_tensors(self) -> dict[str, Tensor]:
        """Return the scaling."""
        return {
            'mean': self._mean.clone(),
            'spread': self._spread.clone(),
            'fitted': torch.tensor(self.fitted, dtype=torch.uint8),
        }

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `state_tensors` returned."""
        self._mean, self._spread = tensors['mean'].clone(), tensors['spread'].clone()
        self.fitted = bool(tensors['fitted'])
