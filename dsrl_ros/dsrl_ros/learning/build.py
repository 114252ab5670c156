"""From a configuration to the learner that it asks for."""

from __future__ import annotations

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.learner import Learner
from dsrl_ros.learning.sac import DsrlSac
from dsrl_ros.policies.base import FrozenPolicy


def build_learner(policy: FrozenPolicy, config: LearnerConfig, seed: int) -> Learner:
    """Return a learner that has learned nothing yet.

    Args:
        policy: what is steered. DSRL-SAC needs its `spec` alone.
        config: options.
        seed: of the run, >= 0.

    Raises:
        ConfigError: options that do not fit the policy.
    """
    if config.algorithm == 'sac':
        return DsrlSac(policy.spec, config, seed)
    raise ConfigError(f'algorithm: got {config.algorithm!r}, expected sac.')
