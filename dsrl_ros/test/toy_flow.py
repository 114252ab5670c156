"""A small flow policy, and arguments for it."""

from __future__ import annotations

import dataclasses

import numpy as np
from toy import SPEC as TOY

from dsrl_ros.core.types import ControlMode

SPEC = dataclasses.replace(
    TOY,
    name='small',
    state_names=('a', 'b', 'c'),
    action_names=('x', 'y'),
    horizon=4,
    num_execute=4,
    control_mode=ControlMode.EE_DELTA,
    noise_bound=5.0,
    action_low=(-1.0, -10.0),
    action_high=(1.0, 10.0),
    state_mean=(0.0,) * 3,
    state_std=(1.0,) * 3,
    denoising_steps=8,
    sha256='0' * 64,
)


def arguments(batch=5, seed=0):
    rng = np.random.default_rng(seed)
    state, noise = rng.standard_normal((batch, 3)), rng.standard_normal((batch, 4, 2))
    return state.astype(np.float32), noise.astype(np.float32)
