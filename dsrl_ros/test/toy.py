"""A policy and a task whose best noise is known, small enough to learn in seconds.

A point starts at 0 and must come to rest near a goal at -1 or +1. The frozen policy drifts away
from the goal unless its noise points at it, so the prior nearly always fails and the best noise is
known: as far towards the goal as b_W allows.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from dsrl_ros.core.types import (
    Array,
    ChunkStep,
    ControlMode,
    DecisionKey,
    Noise,
    NoiseLayout,
    NoiseSource,
    Observation,
    PolicySpec,
    RewardSource,
    Transition,
)
from dsrl_ros.learning.config import LearnerConfig

SPEC = PolicySpec(
    name='toy',
    state_names=('position', 'goal'),
    action_names=('move',),
    horizon=2,
    num_execute=2,
    step_period_s=0.1,
    control_mode=ControlMode.JOINT_POSITION,
    noise_bound=10.0,
    action_low=(-1.0,),
    action_high=(1.0,),
    state_mean=(0.0, 0.0),
    state_std=(1.0, 1.0),
    sampler='flow-euler',
    denoising_steps=1,
    sha256='a' * 64,
)
OTHER_POLICY = dataclasses.replace(SPEC, sha256='b' * 64)
# A learner that learns the task in seconds.
LEARNING = LearnerConfig(
    hidden_size=32,
    num_layers=2,
    batch_size=32,
    discount=0.9,
    actor_learning_rate=1e-3,
    critic_learning_rate=1e-3,
    temperature=0.02,
    polyak=0.02,
    utd=10,
)
MAX_DECISIONS = 6
REACH = 0.45


class ToyPolicy:
    """Moves by tanh(noise), and drifts away from the goal."""

    spec = SPEC

    def __call__(self, state: Array, noise: Array) -> Array:
        drift = -0.08 * state[:, None, 1:]  # (B, 1, 1)
        return (0.5 * np.tanh(noise) + drift).astype(np.float32)


class ToyEnv:
    """The point and its goal; a `ChunkEnv`."""

    def __init__(self) -> None:
        self._state = np.zeros(2, dtype=np.float32)
        self._decisions = 0

    def reset(self, *, seed: int) -> tuple[Array, dict[str, Any]]:
        self._state = np.array([0.0, 1.0 if seed % 2 else -1.0], dtype=np.float32)
        self._decisions = 0
        return self._state.copy(), {}

    def execute(self, chunk: Array) -> ChunkStep:
        self._state[0] += chunk.sum()
        self._decisions += 1
        success = bool(abs(self._state[0] - self._state[1]) < REACH)
        truncated = not success and self._decisions >= MAX_DECISIONS
        return ChunkStep(self._state.copy(), float(success), success, truncated, chunk)


def transition(number: int = 0, **changes: Any) -> Transition:
    """Return a valid transition of the toy, the same for the same number."""
    rng = np.random.default_rng(number)
    values: dict[str, Any] = {
        'key': DecisionKey('toy', '0' * 32, 0, number),
        'sequence': number,
        'observation': Observation(rng.standard_normal(2, dtype=np.float32)),
        'noise': Noise(
            rng.standard_normal((2, 1), dtype=np.float32), NoiseLayout.FULL, NoiseSource.PRIOR
        ),
        'action': np.zeros((2, 1), dtype=np.float32),
        'reward': float(number % 3 == 0),
        'discount': 0.9,
        'terminated': number % 3 == 0,
        'truncated': number % 3 == 1,
        'next_observation': Observation(rng.standard_normal(2, dtype=np.float32)),
        'phase': 'online',
        'reward_source': RewardSource(number % 6),
    }
    return Transition(**{**values, **changes})
