"""From a configuration to the learner that it asks for, and to the policy that acts with it."""

from __future__ import annotations

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.types import PolicySpec
from dsrl_ros.learning.algorithms.best_of_n import BestOfN
from dsrl_ros.learning.algorithms.constant import ConstantSearch, PriorLearner
from dsrl_ros.learning.algorithms.dsrl_na import DsrlNa
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.algorithms.rlpd import Rlpd
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.learner import ActorLearner, Learner
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.policies.direct import DirectPolicy


def build_learner(policy: FrozenPolicy, config: LearnerConfig, seed: int) -> Learner:
    """Return a learner that has learned nothing yet.

    Args:
        policy: the frozen policy; DSRL-NA and best of N ask it for actions.
        config: options.
        seed: of the run, >= 0.

    Raises:
        ConfigError: options that do not fit the policy.
    """
    _check_asks(policy.spec, config)
    if config.algorithm == 'constant':
        return ConstantSearch(policy.spec, config, seed)
    if config.algorithm == 'prior':
        return PriorLearner(policy.spec, config, seed)
    if config.algorithm == 'best_of_n':
        return BestOfN(policy, config, seed)
    if config.algorithm == 'rlpd':
        return Rlpd(policy.spec, config, seed)
    return _with_actor(policy, config, seed)


def build_actor_learner(policy: FrozenPolicy, config: LearnerConfig, seed: int) -> ActorLearner:
    """Return a learner for the graph: its actor can be sent to the node that acts.

    Raises:
        ConfigError: see `require_actor`; options that do not fit the policy.
    """
    require_actor(config)
    _check_asks(policy.spec, config)
    return _with_actor(policy, config, seed)


def _with_actor(policy: FrozenPolicy, config: LearnerConfig, seed: int) -> ActorLearner:
    if config.algorithm == 'na':
        return DsrlNa(policy, config, seed)
    return DsrlSac(policy.spec, config, seed)


def _check_asks(spec: PolicySpec, config: LearnerConfig) -> None:
    """Raise unless the frozen policy can answer what its learner will ask it.

    Raises:
        ConfigError: it looks through cameras, and is to be asked about stored observations.
    """
    if spec.image_names and config.algorithm in ('na', 'best_of_n'):
        raise ConfigError(
            f'algorithm: got {config.algorithm!r} for policy {spec.name}, which looks through '
            f'{", ".join(spec.image_names)}, expected sac: {config.algorithm} asks the policy '
            'about stored observations, which hold no images of its cameras. Set algorithm:=sac.'
        )


def require_actor(config: LearnerConfig) -> None:
    """Raise unless the options make an actor that the steering node can act with.

    Raises:
        ConfigError: a baseline without an actor.
    """
    if config.algorithm not in ('sac', 'na'):
        raise ConfigError(
            f'algorithm: got {config.algorithm!r}, expected sac or na: only these learn an actor '
            'for the steering node. The baselines run without ROS, see `dsrl train`.'
        )


def acting_policy(policy: FrozenPolicy, config: LearnerConfig) -> FrozenPolicy:
    """Return what turns the chosen noise into actions: the frozen policy, but for RLPD."""
    return DirectPolicy(policy.spec) if config.algorithm == 'rlpd' else policy
