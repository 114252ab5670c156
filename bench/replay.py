"""The replay: sampling whatever its size, and its memory against the raw data."""

from __future__ import annotations

import time

import numpy as np
import torch

from bench.rows import Row
from dsrl_ros.core.types import Observation
from dsrl_ros.learning.data.replay import Replay

_BATCH = 256
_SIZES = (10_000, 1_000_000)
_DRAWS = 1000
_STATE, _ACTION = 10, 16  # a full layout of 4 x 4
# What a transition is beside observations and action: reward and discount in four bytes each,
# terminated, truncated and phase in one each.
_SCALARS = 11


def measure_replay() -> list[Row]:
    """Time sampling, on one thread; weigh replays that have filled, wrapped and gone on."""
    torch.set_num_threads(1)
    return [_sampling(), *_memory()]


def _filled(size: int) -> Replay:
    """Return a replay of one endless episode."""
    replay = Replay(size, _STATE, _ACTION)
    replay.load_state_tensors(
        {
            'state': torch.randn(size + 1, _STATE),
            'free': torch.zeros(0, dtype=torch.int64),
            'row': torch.arange(size + 1).unfold(0, 2, 1),
            'action': torch.randn(size, _ACTION),
            'reward': torch.zeros(size),
            'discount': torch.full((size,), 0.97),
            'terminated': torch.zeros(size, dtype=torch.bool),
            'truncated': torch.zeros(size, dtype=torch.bool),
            'phase': torch.ones(size, dtype=torch.uint8),
            'num_added': torch.tensor([size, 0]),
        }
    )
    return replay


def _sampling() -> Row:
    """Sample from a small and a large replay in turn; the ratio of the medians."""
    replays = [_filled(size) for size in _SIZES]
    generator = torch.Generator().manual_seed(0)
    times: list[list[float]] = [[], []]
    for _ in range(_DRAWS):
        for replay, taken in zip(replays, times, strict=True):
            begin = time.perf_counter()
            replay.sample(_BATCH, generator)
            taken.append(time.perf_counter() - begin)
    small, large = (1e6 * float(np.median(taken)) for taken in times)
    return Row(
        'replay sampling at 1e6 against 1e4 transitions, batch 256, one thread',
        large / small,
        'times',
        budget=2.0,
        note=f'{large:.0f} against {small:.0f} us, {_DRAWS} draws in turn',
    )


def _memory() -> list[Row]:
    cases = {
        'states of 7': (Replay(20_000, 7, 4), 50_000),
        'images of 3 x 64 x 64': (Replay(2_000, 7, 4, image_shape=(3, 64, 64)), 5_000),
    }
    rows = []
    for name, (replay, count) in cases.items():
        raw = _run_episodes(replay, count)
        rows.append(
            Row(
                f'replay memory against the raw data, {name}',
                replay.num_bytes / raw,
                'times',
                budget=1.1,
                note=f'{replay.num_bytes / 2**20:.1f} MiB for {len(replay)} transitions',
            )
        )
    return rows


def _run_episodes(replay: Replay, count: int) -> int:
    """Add episodes of 5 to 40 decisions; return the bytes of what is kept, each datum once."""
    rng = np.random.default_rng(0)
    images = 'image' in replay.state_tensors()
    kept: list[bool] = []  # per transition: whether it begins an episode
    while len(kept) < count:
        length = int(rng.integers(5, 41))
        observation = _observation(rng, images)
        for step in range(length):
            following = _observation(rng, images)
            end = step == length - 1
            replay.add(observation, torch.zeros(4), 0.0, 0.97, end, False, following, 'online')
            observation = following
            kept.append(step == 0)
    # The oldest kept transition needs its first observation, whether it begins an episode or not.
    observations = len(replay) + 1 + sum(kept[-len(replay) + 1 :])
    observation_bytes = 7 * 4 + (3 * 64 * 64 if images else 0)
    return observations * observation_bytes + len(replay) * (4 * 4 + _SCALARS)


def _observation(rng: np.random.Generator, images: bool) -> Observation:
    state = rng.standard_normal(7, dtype=np.float32)
    return Observation(
        state, rng.integers(0, 256, (3, 64, 64), dtype=np.uint8) if images else None
    )
