"""How often a policy succeeds on given resets, with the interval that many episodes allow."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from math import sqrt
from typing import Protocol

import numpy as np

from dsrl_ros.core.types import Array
from dsrl_ros.tasks.env import PickPlaceEnv

# Streams of a reset seed, so that noise and cube never share random numbers.
_NOISE_STREAM = 1


class ChunkPolicy(Protocol):
    """Anything that turns states and noise into chunks, as a frozen policy does."""

    def __call__(self, state: Array, noise: Array) -> Array:
        """Return chunks (B, H, A) for states (B, O) and noise (B, H, A)."""
        ...


NoiseSource = Callable[[Array, np.random.Generator], Array]
"""From a state (O,) and a generator to the noise of one decision, (H, A) float32."""


def prior(scale: float, horizon: int, action_dim: int) -> NoiseSource:
    """Return the source that draws from N(0, scale^2 I)."""

    def draw(state: Array, rng: np.random.Generator) -> Array:
        return (scale * rng.standard_normal((horizon, action_dim))).astype(np.float32)

    return draw


def run_episode(
    env: PickPlaceEnv, policy: ChunkPolicy, noise: NoiseSource, seed: int, num_execute: int
) -> bool:
    """Run one episode and return whether it succeeded.

    Args:
        env: where.
        policy: what acts.
        noise: which noise it is handed.
        seed: of the reset, and of the noise in a stream of its own.
        num_execute: steps of each chunk that are executed.
    """
    rng = np.random.default_rng((seed, _NOISE_STREAM))
    state, _ = env.reset(seed=seed)
    while True:
        chunk = policy(state[None], noise(state, rng)[None])[0]
        result = env.execute(chunk[:num_execute])
        if result.terminated or result.truncated:
            return result.terminated
        state = result.state


def wilson_interval(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval of a success rate, 95 % unless `z` says otherwise."""
    if trials == 0:
        return 0.0, 1.0
    rate = successes / trials
    scale = 1 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / scale
    half = z * sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)
