"""A frozen policy that always answers within its limits, and counts where it would not have.

Public policies answer 1e27 or NaN for some (state, noise). One such answer is enough to drive a
critic to NaN, and one among thousands should not end a training run either.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.checks import require_shape
from dsrl_ros.core.errors import PolicyOutputError
from dsrl_ros.core.types import Array, ImageArray
from dsrl_ros.policies.base import FrozenPolicy, ask, check_input, sane_entries


class BoundedPolicy:
    """For training and checks; a robot is better served by the error. A `SeeingPolicy`.

    A sample is bad when the wrapped policy's answer to it has an entry that is not finite or
    absurdly beyond the limits, or when that policy raised `PolicyOutputError` because of it. Its
    chunk becomes the middle of the limits. The others are clipped to the limits.

    Attributes:
        spec: what the policy takes and gives.
        num_samples: samples answered so far.
        num_bad: bad ones among them.
    """

    def __init__(self, policy: FrozenPolicy) -> None:
        """Bound `policy`."""
        self._policy = policy
        self.spec = policy.spec
        self.num_samples = 0
        self.num_bad = 0
        self._low = np.asarray(policy.spec.action_low, dtype=np.float32)
        self._high = np.asarray(policy.spec.action_high, dtype=np.float32)

    def __call__(self, state: Array, noise: Array) -> Array:
        """Turn noise into actions; see `FrozenPolicy`. Never raises `PolicyOutputError`."""
        return self.checked(state, noise)[0]

    def see(self, state: Array, noise: Array, images: Sequence[ImageArray]) -> Array:
        """Turn noise into actions; see `SeeingPolicy`. Never raises `PolicyOutputError`."""
        return self.checked(state, noise, images)[0]

    def checked(
        self, state: Array, noise: Array, images: Sequence[ImageArray] = ()
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Turn noise into actions and say which of them the policy meant.

        Args:
            state: (B, O), SI units, not normalised.
            noise: (B, H, A), unit-free.
            images: as in `SeeingPolicy.see`; none for a policy of states alone.

        Returns:
            Chunks within the stated action limits, (B, H, A) float32, and for each whether it
            is the policy's own, (B,).

        Raises:
            ShapeMismatchError: arguments or answers that do not fit `spec`.
            NonFiniteError: arguments that are not finite.
        """
        check_input(self.spec, state, noise, images)
        answers = self._answers(state, noise, images)
        sane = np.asarray(sane_entries(self.spec, answers).all(axis=(1, 2)))
        middle = self._low / 2 + self._high / 2
        actions = np.where(sane[:, None, None], np.clip(answers, self._low, self._high), middle)
        self.num_samples += len(sane)
        self.num_bad += int(np.count_nonzero(~sane))
        return actions, sane

    def _answers(self, state: Array, noise: Array, images: Sequence[ImageArray]) -> Array:
        """Return the policy's answers, NaN where it raised; halves the batch to find those."""
        shape = (len(state), self.spec.horizon, self.spec.action_dim)
        if not len(state):
            return np.zeros(shape, dtype=np.float32)
        try:
            answers = np.asarray(ask(self._policy, state, noise, images))
        except PolicyOutputError:
            if len(state) == 1:
                return np.full(shape, np.nan, dtype=np.float32)
            half = len(state) // 2
            parts = [
                self._answers(state[rows], noise[rows], [image[rows] for image in images])
                for rows in (slice(half), slice(half, None))
            ]
            return np.concatenate(parts)
        require_shape(f'answer of policy {self.spec.name}', answers, shape)
        with np.errstate(over='ignore', invalid='ignore'):
            return answers.astype(np.float32, copy=False)
