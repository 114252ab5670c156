"""Kept pairs are what the policy answered, take memory as data comes in, and survive a save."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from dsrl_ros.core.errors import CheckpointError, PolicyUnavailableError
from dsrl_ros.learning.algorithms.noise_action_cache import PairCache, affordable_pairs

torch.set_num_threads(1)

K, D, C = 3, 2, 4


def answer(places: Tensor, noise: Tensor) -> Tensor:
    """Return actions that tell their place and noise."""
    return torch.cat((noise, 10.0 * noise), dim=1) + places[:, None]


def filled(places: int = 5, per_state: int = K) -> PairCache:
    """Return a cache in which about half of the pairs are known."""
    cache = PairCache(per_state, D, C)
    for place in range(places):
        cache.forget(place)
    draw(cache, torch.arange(places).repeat(2))
    return cache


def num_bytes(cache: PairCache) -> int:
    return sum(rows.num_bytes for rows in (cache._noise, cache._action, cache._known))


def draw(
    cache: PairCache, places: Tensor, fresh: float = 0.0, asked: Any = answer, seed: int = 0
) -> tuple[Tensor, Tensor]:
    return cache.draw(places, fresh, asked, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize('per_state', [K, 0])
def test_pairs_belong_together(per_state: int) -> None:
    cache, places = filled(per_state=per_state), torch.arange(5).repeat(20)
    for seed in range(3):
        noise, action = draw(cache, places, 0.3, seed=seed)
        assert torch.equal(action, answer(places, noise))
    assert noise.std() > 0.5


def test_without_pairs_each_draw_is_answered_anew() -> None:
    cache, asked = filled(per_state=0), []

    def count(places: Tensor, noise: Tensor) -> Tensor:
        asked.append(len(places))
        return answer(places, noise)

    for seed in range(2):
        noise, _ = draw(cache, torch.zeros(9, dtype=torch.int64), asked=count, seed=seed)
        assert len(noise.unique(dim=0)) == 9
    assert asked == [9, 9]
    assert num_bytes(cache) == 0


def test_a_policy_that_does_not_answer_leaves_every_pair_as_it_was() -> None:
    cache = filled()
    before = cache.state_tensors()

    def fail(*_: Tensor) -> Tensor:
        raise PolicyUnavailableError('gone')

    with pytest.raises(PolicyUnavailableError):
        draw(cache, torch.arange(5).repeat(9), fresh=1.0, asked=fail)
    assert all(torch.equal(before[name], now) for name, now in cache.state_tensors().items())


def test_memory_follows_the_data() -> None:
    cache = PairCache(2, 2, 2)
    for place in range(10_000):
        cache.forget(place)
    assert num_bytes(cache) < 1.02 * 10_000 * (2 * 4 * 4 + 2)


@pytest.mark.parametrize('room', [0, 12_499, 12_500, 40_000, 10**9])
def test_as_many_pairs_are_kept_as_the_memory_holds(room: int) -> None:
    """A pair of 6 numbers takes 25 bytes in each of 500 places."""
    pairs = affordable_pairs(16, room, 500, 6)
    assert pairs == {0: 0, 12_499: 0, 12_500: 1, 40_000: 3, 10**9: 16}[room]


def test_a_save_holds_the_known_pairs_alone_and_goes_on_bit_by_bit() -> None:
    saved, loaded = filled(), filled(places=9)
    saved.forget(2)
    tensors = saved.state_tensors()
    known = int(tensors['known'].sum())
    assert 0 < known <= 10
    assert (len(tensors['noise']), len(tensors['action'])) == (known, known)
    loaded.load_state_tensors(tensors, 5)
    for cache in (saved, loaded):
        cache.forget(5)
    for seed in range(5):
        places = torch.arange(6).repeat(2)
        for one, other in zip(
            draw(saved, places, 0.2, seed=seed), draw(loaded, places, 0.2, seed=seed), strict=True
        ):
            assert torch.equal(one, other)


@pytest.mark.parametrize(
    'changes',
    [
        {'known': None},
        {'noise': None},
        {'known': torch.ones(5, K + 1, dtype=torch.bool)},
        {'known': torch.ones(6, K, dtype=torch.bool)},
        {'known': torch.ones(5, K, dtype=torch.uint8)},
        {'known': torch.tensor(True)},
        {'noise': torch.zeros(1, D)},
        {'action': torch.zeros(5, C + 1)},
        {'noise': torch.zeros(5 * K, D, dtype=torch.float64)},
        {'other': torch.zeros(1)},
    ],
)
def test_what_no_such_cache_has_saved_is_refused_and_nothing_is_changed(
    changes: dict[str, Tensor | None],
) -> None:
    cache = filled()
    whole = {
        'known': torch.ones(5, K, dtype=torch.bool),
        'noise': torch.zeros(5 * K, D),
        'action': torch.zeros(5 * K, C),
    }
    before = cache.state_tensors()
    with pytest.raises(CheckpointError, match='pairs'):
        cache.load_state_tensors(
            {name: t for name, t in {**whole, **changes}.items() if t is not None}, 5
        )
    assert all(torch.equal(before[name], now) for name, now in cache.state_tensors().items())
    cache.load_state_tensors(whole, 5)
