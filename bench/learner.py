"""Gradient steps per second of DSRL-SAC, and the share of what its matrix products alone allow."""

from __future__ import annotations

import time

import numpy as np
import torch

from bench.rows import Row
from dsrl_ros.core.types import (
    ControlMode,
    DecisionKey,
    Noise,
    NoiseLayout,
    NoiseSource,
    PolicySpec,
    Transition,
)
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.sac import DsrlSac

_STATE, _HORIZON, _ACTION = 10, 4, 4
_STEPS = {256: 100, 1024: 12}
_REPEATS = 5


def _learner(hidden_size: int) -> DsrlSac:
    spec = PolicySpec(
        name='bench',
        state_names=tuple(f's{i}' for i in range(_STATE)),
        action_names=tuple(f'a{i}' for i in range(_ACTION)),
        horizon=_HORIZON,
        num_execute=_HORIZON,
        step_period_s=0.1,
        control_mode=ControlMode.EE_DELTA,
        noise_bound=10.0,
        action_low=(-1.0,) * _ACTION,
        action_high=(1.0,) * _ACTION,
        state_mean=(0.0,) * _STATE,
        state_std=(1.0,) * _STATE,
        sampler='flow-euler',
        denoising_steps=8,
        sha256='0' * 64,
    )
    config = LearnerConfig(hidden_size=hidden_size, batch_size=256, noise_layout='full')
    learner = DsrlSac(spec, config, seed=0)
    rng = np.random.default_rng(0)
    for i in range(1000):
        rows = rng.standard_normal((_HORIZON, _ACTION), dtype=np.float32)
        learner.add(
            Transition(
                key=DecisionKey('bench', '0' * 32, 0, i),
                sequence=i,
                observation=rng.standard_normal(_STATE, dtype=np.float32),
                noise=Noise(rows, NoiseLayout.FULL, NoiseSource.PRIOR),
                action=rows,
                reward=float(i % 20 == 0),
                discount=0.97,
                terminated=i % 20 == 0,
                truncated=False,
                next_observation=rng.standard_normal(_STATE, dtype=np.float32),
            )
        )
    return learner


def measure_learner() -> list[Row]:
    """Time updates with batch 256 on one thread; the median of several stretches."""
    torch.set_num_threads(1)
    rows = []
    for hidden_size, steps in _STEPS.items():
        learner = _learner(hidden_size)
        learner.update(5)
        rates = []
        for _ in range(_REPEATS):
            begin = time.perf_counter()
            learner.update(steps)
            rates.append(steps / (time.perf_counter() - begin))
        rows.append(
            Row(
                f'DSRL-SAC gradient steps, 3 x {hidden_size}, batch 256, one thread',
                float(np.median(rates)),
                '1/s',
                note=f'{_REPEATS} stretches of {steps}',
            )
        )
    return rows
