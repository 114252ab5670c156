"""The replay holds exactly the newest transitions, samples them uniformly and survives a save."""

from __future__ import annotations

import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_ros.core.errors import CheckpointError, ConfigError
from dsrl_ros.learning.replay import Replay


def fill(replay: Replay, count: int, phase: str = 'online') -> None:
    for i in range(replay.num_added, replay.num_added + count):
        replay.add(
            state=torch.full((2,), float(i)),
            action=torch.full((3,), float(i)),
            reward=float(i),
            discount=0.9,
            terminated=i % 2 == 0,
            truncated=i % 2 == 1,
            next_state=torch.full((2,), i + 1.0),
            phase=phase,
        )


@settings(max_examples=30, deadline=None)
@given(capacity=st.integers(1, 12), count=st.integers(1, 40))
def test_holds_the_newest_and_rows_stay_together(capacity: int, count: int) -> None:
    replay = Replay(capacity, 2, 3)
    fill(replay, count)
    assert len(replay) == min(capacity, count)
    batch = replay.sample(64, torch.Generator().manual_seed(count))
    assert batch.reward.min() >= count - len(replay)
    assert batch.reward.max() < count
    assert torch.equal(batch.state[:, 0], batch.reward)
    assert torch.equal(batch.action[:, 2], batch.reward)
    assert torch.equal(batch.next_state[:, 1], batch.reward + 1)
    assert torch.equal(batch.terminated, (batch.reward % 2 == 0).float())


def test_sampling_is_uniform() -> None:
    replay = Replay(10, 2, 3)
    fill(replay, 10)
    drawn = replay.sample(20000, torch.Generator().manual_seed(0)).reward
    counts = torch.bincount(drawn.long(), minlength=10)
    assert counts.min() > 1800 and counts.max() < 2200  # 2000 +/- 4.7 standard deviations


def test_sampling_does_not_slow_down_with_size() -> None:
    """O(batch): a hundred times the data costs less than five times the time."""

    def seconds(size: int) -> float:
        replay = Replay(size, 2, 3)
        replay.load_state_tensors(
            {
                name: (column if name == 'num_added' else column.expand(size, *column.shape[1:]))
                for name, column in {
                    **one.state_tensors(),
                    'num_added': torch.tensor(size),
                }.items()
            }
        )
        best = float('inf')
        for _ in range(20):
            begin = time.perf_counter()
            replay.sample(256, generator)
            best = min(best, time.perf_counter() - begin)
        return best

    generator = torch.Generator().manual_seed(0)
    one = Replay(1, 2, 3)
    fill(one, 1)
    assert seconds(1_000_000) < 5 * seconds(10_000)


def test_empty_replay_says_so() -> None:
    with pytest.raises(ConfigError, match='expected at least 1'):
        Replay(4, 2, 3).sample(1, torch.Generator())


def test_phases_are_counted_and_unknown_ones_refused() -> None:
    replay = Replay(10, 2, 3)
    fill(replay, 3, 'warmup')
    fill(replay, 4, 'online')
    assert (replay.count('warmup'), replay.count('online'), replay.count('offline')) == (3, 4, 0)
    with pytest.raises(ConfigError, match="'evaluation'"):
        fill(replay, 1, 'evaluation')
    assert len(replay) == 7


@pytest.mark.parametrize('count', [3, 5, 12])
def test_a_saved_replay_goes_on_where_it_was(count: int) -> None:
    """Also after the ring has wrapped: the next transition overwrites the same slot."""
    saved, loaded = Replay(5, 2, 3), Replay(5, 2, 3)
    fill(saved, count)
    loaded.load_state_tensors(saved.state_tensors())
    fill(saved, 2)
    fill(loaded, 2)
    a, b = saved.state_tensors(), loaded.state_tensors()
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_replay_of_another_shape_is_refused_and_nothing_is_changed() -> None:
    saved, other = Replay(5, 2, 3), Replay(5, 2, 4)
    fill(saved, 3)
    with pytest.raises(CheckpointError, match='action'):
        other.load_state_tensors(saved.state_tensors())
    assert len(other) == 0
