"""A policy that does what it is told: the noise is the action. For learning on actions."""

from __future__ import annotations

import dataclasses

import numpy as np

from dsrl_ros.core.types import Array, PolicySpec
from dsrl_ros.policies.base import check_input


class DirectPolicy:
    """a = middle + half range * w, w clipped to [-1, 1]: steering it is plain RL on actions.

    Args:
        spec: whose states, executed steps and limits are taken; its cameras are not needed.
    """

    def __init__(self, spec: PolicySpec) -> None:
        self.spec = dataclasses.replace(
            spec,
            name=f'{spec.name} (direct)',
            horizon=spec.num_execute,
            image_names=(),
            image_heights=(),
            image_widths=(),
        )
        low = np.array(spec.action_low, dtype=np.float32)
        high = np.array(spec.action_high, dtype=np.float32)
        self._middle, self._half_range = (high + low) / 2, (high - low) / 2

    def __call__(self, state: Array, noise: Array) -> Array:
        """Turn noise into actions; see `FrozenPolicy`."""
        check_input(self.spec, state, noise)
        actions = self._middle + self._half_range * np.clip(noise, -1.0, 1.0)
        return actions.astype(np.float32, copy=False)

    def noise_for(self, actions: Array) -> Array:
        """Return the noise (..., A) that leads to actions (..., A), of demonstrations say."""
        noise: Array = np.clip((actions - self._middle) / self._half_range, -1.0, 1.0)
        return noise
