"""Stable-Baselines3's SAC with the networks of DSRL-SAC, ready for gradient steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np


class _NoEnv(gymnasium.Env[Any, Any]):
    """Spaces and nothing else: no step of it is ever taken."""

    def __init__(self, state_dim: int, action_dim: int) -> None:
        self.observation_space = gymnasium.spaces.Box(-10.0, 10.0, (state_dim,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (action_dim,), np.float32)


def sb3_updates(
    state_dim: int, action_dim: int, hidden_size: int, batch_size: int, device: str
) -> Callable[[int], object] | None:
    """Return a function that takes gradient steps, or None where it is not installed.

    Args:
        state_dim, action_dim: sizes of what the networks take.
        hidden_size: of three layers with ReLU and without LayerNorm, its default.
        batch_size: of a gradient step.
        device: 'cpu' or 'cuda'.
    """
    try:
        from stable_baselines3 import SAC
        from stable_baselines3.common.logger import Logger
    except ImportError:
        return None
    model = SAC(
        'MlpPolicy',
        _NoEnv(state_dim, action_dim),
        batch_size=batch_size,
        buffer_size=1000,
        policy_kwargs={'net_arch': [hidden_size] * 3},
        seed=0,
        device=device,
    )
    model.set_logger(Logger(folder=None, output_formats=[]))
    rng = np.random.default_rng(0)
    for i in range(1000):
        model.replay_buffer.add(
            rng.standard_normal((1, state_dim), dtype=np.float32),
            rng.standard_normal((1, state_dim), dtype=np.float32),
            rng.uniform(-1.0, 1.0, (1, action_dim)).astype(np.float32),
            np.array([float(i % 20 == 0)]),
            np.array([i % 20 == 0]),
            [{}],
        )
    return lambda steps: model.train(gradient_steps=steps, batch_size=batch_size)
