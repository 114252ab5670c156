"""Gradient steps of DSRL-SAC beside Stable-Baselines3's, beside the limit that its matrix products
alone set, and in bfloat16. All take turns on one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bench.products import Sizes, all_products, flops
from bench.rows import Row
from bench.sb3 import sb3_updates
from dsrl_ros.core.types import (
    NO_RUN,
    ControlMode,
    DecisionKey,
    Noise,
    NoiseLayout,
    NoiseSource,
    Observation,
    PolicySpec,
    Transition,
)
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig

_STATE, _HORIZON, _ACTION, _BATCH = 10, 4, 4, 256
_NOISE = _HORIZON * _ACTION
_STEPS = {256: 40, 1024: 4, 2048: 1}
_ROUNDS = 7
_DIFFERENCE_STEPS = 500
_SAME_AS_SB3: dict[str, Any] = {'activation': 'relu', 'layer_norm': False}


def learner(hidden_size: int, **options: Any) -> DsrlSac:
    """Return a learner with 1000 transitions of random data, options as in `LearnerConfig`."""
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
    config = LearnerConfig(hidden_size=hidden_size, batch_size=_BATCH, **options)
    made = DsrlSac(spec, config, seed=0)
    rng = np.random.default_rng(0)
    for i in range(1000):
        rows = rng.standard_normal((_HORIZON, _ACTION), dtype=np.float32)
        made.add(
            Transition(
                key=DecisionKey('bench', NO_RUN, 0, i),
                sequence=i,
                observation=Observation(rng.standard_normal(_STATE, dtype=np.float32)),
                noise=Noise(rows, NoiseLayout.FULL, NoiseSource.PRIOR),
                action=rows,
                reward=float(i % 20 == 0),
                discount=0.97,
                terminated=i % 20 == 0,
                truncated=False,
                next_observation=Observation(rng.standard_normal(_STATE, dtype=np.float32)),
            )
        )
    return made


def measure_learner(device: str = 'cpu') -> list[Row]:
    """Measure all of it at three widths; about five minutes.

    Args:
        device: 'cpu' or 'cuda', of everything that is measured.
    """
    torch.set_num_threads(1)
    return [
        *(row for hidden_size in _STEPS for row in _measure_width(hidden_size, device)),
        *_measure_difference(device),
    ]


def _measure_width(hidden_size: int, device: str) -> list[Row]:
    sizes = Sizes(_BATCH, _STATE, _NOISE, hidden_size, layers=3, critics=2)
    products = all_products(sizes, device)
    contenders: dict[str, Callable[[int], object]] = {
        'tanh': learner(hidden_size, device=device).update,
        'relu': learner(hidden_size, device=device, **_SAME_AS_SB3).update,
        'bfloat16': learner(hidden_size, device=device, precision='bfloat16').update,
        'products': lambda count: [products() for _ in range(count)],
    }
    if hidden_size == min(_STEPS):
        contenders['compiled'] = learner(hidden_size, device=device, compile=True).update
    sb3 = sb3_updates(_STATE, _NOISE, hidden_size, _BATCH, device)
    if sb3 is not None:
        contenders['sb3'] = sb3
    seconds = take_turns(contenders, _STEPS[hidden_size], device)

    def row(
        text: str, name: str, of: str, budget: float | None, unit: str = 'x', note: str = ''
    ) -> Row:
        """Return how many times as long `of` takes as `name`, the median over the rounds."""
        times = float(np.median(seconds[of] / seconds[name]))
        value = 100.0 * times if unit == '%' else times
        return Row(f'  {text}', value, unit, budget, more_is_better=True, note=note)

    def speed(text: str, name: str, note: str = '') -> Row:
        return Row(text, float(np.median(1.0 / seconds[name])), '1/s', note=note)

    where = 'one thread' if device == 'cpu' else torch.cuda.get_device_name()
    note = f'{_ROUNDS} rounds of {_STEPS[hidden_size]}'
    if sb3 is None:
        note += '; Stable-Baselines3 is not installed, `make bench` does it'
    rows = [
        speed(
            f'DSRL-SAC gradient steps, 3 x {hidden_size}, batch {_BATCH}, {where}', 'tanh', note
        ),
        speed('  with ReLU, without LayerNorm', 'relu'),
    ]
    if sb3 is not None:
        ahead = 5.0 if device == 'cuda' and hidden_size == 256 else 1.0
        rows += [
            speed('  Stable-Baselines3 SAC, the same network', 'sb3'),
            row('the same network, beside it', 'relu', 'sb3', ahead),
            row('with LayerNorm and tanh, beside it', 'tanh', 'sb3', ahead),
        ]
    if 'compiled' in contenders:
        rows.append(row('torch.compile beside eager', 'compiled', 'tanh', None))
    large = hidden_size >= 1024
    gigaflops = flops(sizes) / float(np.median(seconds['products'])) / 1e9
    alone = f'torch.mm alone: {gigaflops:.0f} GFLOP/s'
    missing = '' if has_bfloat16(device) else 'this CPU has no bfloat16 products'
    share, faster = 80.0 if large else None, 1.5 if large and not missing else None
    return [
        *rows,
        row('share of the limit its matrix products set', 'tanh', 'products', share, '%', alone),
        row(
            'bfloat16 beside float32',
            'bfloat16',
            'tanh',
            None if missing else faster,
            note=missing,
        ),
    ]


def take_turns(
    contenders: dict[str, Callable[[int], object]], steps: int, device: str
) -> dict[str, np.ndarray[Any, Any]]:
    """Return the seconds per step of each contender in each round, (rounds,).

    They alternate, so that whatever else the machine does hits all alike.
    """
    wait = torch.cuda.synchronize if device == 'cuda' else lambda: None
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run(2)
    for _ in range(_ROUNDS):
        for name, run in contenders.items():
            wait()
            begin = time.perf_counter()
            run(steps)
            wait()
            seconds[name].append((time.perf_counter() - begin) / steps)
    return {name: np.array(values) for name, values in seconds.items()}


def has_bfloat16(device: str) -> bool:
    """Say whether bfloat16 is multiplied as such, rather than by way of float32."""
    return device == 'cuda' or any(
        getattr(torch.cpu, name, bool)()
        for name in ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    )


def _measure_difference(device: str) -> list[Row]:
    """Compare losses and values of two learners that differ in the format of the products alone.

    Both draw the same batches and noise. Means over stretches of 50 steps are compared, as single
    steps are mostly the noise of their batch.
    """
    hidden_size, stretch = 1024, 50
    learners = [
        learner(hidden_size, device=device, precision=name) for name in ('float32', 'bfloat16')
    ]
    names = ('critic/loss', 'critic/value', 'actor/loss')
    worst = 0.0
    for _ in range(_DIFFERENCE_STEPS // stretch):
        full, low = (made.update(stretch) for made in learners)
        worst = max(worst, *(abs(low[name] / full[name] - 1.0) for name in names))
    return [
        Row(
            f'bfloat16 against float32, 3 x {hidden_size}: worst difference of losses and values',
            100.0 * worst,
            '%',
            2.0,
            note=f'means of {stretch}, {_DIFFERENCE_STEPS} gradient steps each',
        )
    ]
