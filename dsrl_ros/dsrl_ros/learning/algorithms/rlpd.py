"""RLPD, the paper's baseline: SAC on actions, half of each batch from demonstrations."""

from __future__ import annotations

import dataclasses

import numpy as np

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.types import Array, PolicySpec, Transition
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.policies.direct import DirectPolicy

_HALF = 0.5


class Rlpd(DsrlSac):
    """Soft actor-critic whose "noise" is the action chunk itself, scaled to its limits.

    The frozen policy plays no part: runs let `DirectPolicy` act. Online data (Ball et al. 2023)
    and demonstrations share every batch by `offline_share`, by halves where it is 0.

    Args:
        spec: whose states, chunks and limits are taken.
        config: options; layout and b_W are those of actions here.
        seed: of the run, >= 0.
    """

    def __init__(self, spec: PolicySpec, config: LearnerConfig, seed: int) -> None:
        self._direct = DirectPolicy(spec)
        config = dataclasses.replace(
            config,
            noise_layout='full',
            noise_magnitude=1.0,
            offline_share=config.offline_share or _HALF,
            least_exploration=1.0,  # as published
        )
        super().__init__(self._direct.spec, config, seed)

    def _critic_action(self, transition: Transition) -> Array:
        """Take what was executed, not what was asked for: demonstrations have nothing else."""
        action, count = transition.action, self.spec.num_execute
        require_shape('action', action, (None, self.spec.action_dim))
        require_finite('action', action)
        rows = np.zeros((count, self.spec.action_dim), dtype=np.float32)
        executed = self._direct.noise_for(action[:count])
        rows[: len(executed)] = executed
        if len(executed):
            rows[len(executed) :] = executed[-1]
        return rows.reshape(-1)
