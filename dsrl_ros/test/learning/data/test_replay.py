"""The replay holds exactly the newest transitions, every observation once, samples them uniformly
and survives a save.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dsrl_ros.core.errors import CheckpointError, ConfigError
from dsrl_ros.core.types import Observation
from dsrl_ros.learning.data.replay import Replay

torch.set_num_threads(1)

IMAGE = (1, 4, 4)


def fill(replay: Replay, count: int, phase: str = 'online') -> None:
    """Add a stream in which every next observation is the observation that follows."""
    for i in range(replay.num_added, replay.num_added + count):
        replay.add(
            observation=state_of(i),
            action=torch.full((3,), float(i)),
            reward=float(i),
            discount=0.9,
            terminated=i % 2 == 0,
            truncated=i % 2 == 1,
            next_observation=state_of(i + 1),
            phase=phase,
        )


def one(replay: Replay, phase: str) -> int:
    """Add the next transition of the stream and return its place."""
    i = float(replay.num_added)
    return replay.add(
        state_of(i), torch.full((3,), i), i, 0.9, False, False, state_of(i + 1), phase
    )


def state_of(value: float, size: int = 2) -> Observation:
    return Observation(np.full(size, value, dtype=np.float32))


def whole(state: float, rest: int) -> Observation:
    """Return an observation with all its parts."""
    features = np.full(2, rest, dtype=np.float32)
    return Observation(state_of(state).state, np.full(IMAGE, rest, dtype=np.uint8), features)


def index(value: int) -> Tensor:
    return torch.tensor([value])


def draw(replay: Replay, count: int = 64, share: float = 0.0) -> list[float]:
    generator = torch.Generator().manual_seed(0)
    return sorted(replay.sample(count, generator, share).reward.tolist())


@settings(max_examples=30)
@given(capacity=st.integers(1, 12), count=st.integers(1, 40))
def test_holds_the_newest_and_rows_stay_together(capacity: int, count: int) -> None:
    replay = Replay(capacity, 2, 3)
    fill(replay, count)
    assert len(replay) == min(capacity, count)
    batch = replay.sample(64, torch.Generator().manual_seed(count))
    assert batch.reward.min() >= count - len(replay)
    assert batch.reward.max() < count
    assert torch.equal(batch.observation.state[:, 0], batch.reward)
    assert torch.equal(batch.action[:, 2], batch.reward)
    assert torch.equal(batch.next_observation.state[:, 1], batch.reward + 1)
    assert torch.equal(batch.terminated, (batch.reward % 2 == 0).float())


class Told(NamedTuple):
    """One transition as the model of the replay keeps it."""

    values: dict[str, Any]

    def check(self, batch: Any) -> None:
        assert batch.reward.tolist() == pytest.approx([self.values['reward']])
        assert torch.equal(batch.action[0], self.values['action'])
        for which in ('observation', 'next_observation'):
            for name in ('state', 'image', 'features'):
                got = getattr(getattr(batch, which), name)[0].numpy()
                assert np.array_equal(got, getattr(self.values[which], name)), (which, name)
        assert batch.terminated.tolist() == [float(self.values['terminated'])]


# Per transition: whether the stream goes on, an entry that may repeat an older one, the phase.
Step = st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from(['online', 'offline']))


@settings(max_examples=40)
@given(capacity=st.integers(1, 6), steps=st.lists(Step, max_size=40), saved=st.integers(0, 40))
def test_is_a_queue_of_collected_and_a_list_of_offline_transitions(
    capacity: int, steps: list[tuple[bool, int, str]], saved: int
) -> None:
    """Whatever breaks off, repeats or is interleaved; saved and loaded at any moment."""
    replay = Replay(capacity, 2, 3, 2, IMAGE)
    kept: dict[str, deque[Told]] = {'online': deque(maxlen=capacity), 'offline': deque()}
    for number, (goes_on, value, phase) in enumerate(steps):
        told = kept[phase]
        if phase == 'offline' and len(told) == capacity:
            continue
        observation = whole(value, value)
        if goes_on and told:
            observation = told[-1].values['next_observation']
        values: dict[str, Any] = {
            'observation': observation,
            'action': torch.full((3,), -float(number)),
            'reward': float(number),
            'discount': 0.5,
            'terminated': number % 3 == 0,
            'truncated': number % 3 == 1,
            'next_observation': whole(value + 1, number % 2),
        }
        replay.add(**values, phase=phase)
        told.append(Told(values))
        if number == saved:
            loaded = Replay(capacity, 2, 3, 2, IMAGE)
            loaded.load_state_tensors(replay.state_tensors())
            places = torch.arange(len(replay))
            for before, after in zip(
                replay.observation_ids(places), loaded.observation_ids(places), strict=True
            ):
                assert torch.equal(before, after)
            replay = loaded
    assert replay.count('online') == len(kept['online'])
    assert replay.count('offline') == len(kept['offline'])
    by_reward = {told.values['reward']: told for told in (*kept['online'], *kept['offline'])}
    if by_reward:
        for share in (0.0, 0.5):
            places = replay.sample_index(200, torch.Generator().manual_seed(0), share)
            assert int(places.max()) < len(replay)
            seen = replay.gather(places).reward.tolist()
            assert set(seen) == set(by_reward)
            for place, reward in zip(places.tolist(), seen, strict=True):
                by_reward[reward].check(replay.gather(index(place)))


def test_next_observations_are_kept_once() -> None:
    """Four episodes of five make 24 observations, also after the ring has wrapped."""
    replay = Replay(20, 2, 3)
    for episode in range(40):
        for step in range(5):
            at = 10.0 * episode + step
            replay.add(
                observation=state_of(at),
                action=torch.zeros(3),
                reward=0.0,
                discount=0.9,
                terminated=step == 4,
                truncated=False,
                next_observation=state_of(at + 1),
                phase='online',
            )
        if episode >= 3:
            tensors = replay.state_tensors()
            assert len(tensors['state']) - len(tensors['free']) == 24
    assert len(replay._observations._parts['state'].tensor) < 90  # grown by 64 rows at a time


def test_memory_is_taken_as_it_fills() -> None:
    replay = Replay(10**8, 7, 4, 2048, (9, 128, 128))
    assert replay.num_bytes == 0
    plain = Replay(10**6, 7, 4)
    fill_wide(plain, 1000)
    assert plain.num_bytes < 2.5 * 1000 * (7 + 4 + 4) * 4


def fill_wide(replay: Replay, count: int) -> None:
    for i in range(count):
        replay.add(
            state_of(i, 7), torch.zeros(4), 0.0, 0.9, False, False, state_of(i + 1, 7), 'online'
        )


def test_sampling_is_uniform() -> None:
    replay = Replay(10, 2, 3)
    fill(replay, 10)
    drawn = replay.sample(20000, torch.Generator().manual_seed(0)).reward
    counts = torch.bincount(drawn.long(), minlength=10)
    assert counts.min() > 1800 and counts.max() < 2200  # 2000 +/- 4.7 standard deviations


def test_without_a_share_offline_and_collected_data_are_drawn_alike() -> None:
    replay = Replay(8, 2, 3)
    fill(replay, 2, 'offline')
    fill(replay, 8, 'online')
    drawn = replay.sample(20000, torch.Generator().manual_seed(0)).reward
    counts = torch.bincount(drawn.long(), minlength=10)
    assert counts.min() > 1800 and counts.max() < 2200


@pytest.mark.parametrize(('share', 'expected'), [(0.5, 32), (0.3, 19), (1.0, 64), (0.001, 0)])
def test_the_offline_share_is_exact_and_repeats(share: float, expected: int) -> None:
    replay = Replay(100, 2, 3)
    fill(replay, 3, 'offline')
    fill(replay, 90, 'online')
    drawn = draw(replay, share=share) if share else []
    assert sum(reward < 3 for reward in drawn) == expected
    assert drawn == draw(replay, share=share)


def test_every_batch_of_a_larger_draw_has_its_share() -> None:
    replay = Replay(100, 2, 3)
    fill(replay, 30, 'online')
    fill(replay, 3, 'offline')
    fill(replay, 30, 'online')
    exact = replay.sample_index(100, torch.Generator(), 0.29)  # 0.29 * 100 is less than 29
    assert int((replay.gather(exact).reward // 3 == 10).sum()) == 29
    for share, expected in ((0.5, 32), (1 / 3, 21), (0.75, 48)):
        places = replay.sample_index(64 * 20, torch.Generator().manual_seed(0), share)
        offline = (replay.gather(places).reward.view(20, 64) // 3 == 10).sum(dim=1)
        assert offline.min() >= expected and offline.max() <= expected + (share == 1 / 3)


@pytest.mark.parametrize('share', [0.0, 0.25])
def test_a_draw_among_few_takes_no_more_of_them_and_leaves_none_out(share: float) -> None:
    replay = Replay(100, 2, 3)
    fill(replay, 20, 'online')
    fill(replay, 20, 'offline')
    met = torch.zeros(40)
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        places = replay.sample_index(64, generator, share, among=8)
        distinct = places.unique()
        assert 4 <= len(distinct) <= 8
        met[distinct] += 1
    # By chance 8 of 40 each time; with a share, 2 of 20 and 6 of 20.
    offline, online = (300 * 0.1, 300 * 0.3) if share else (300 * 0.2, 300 * 0.2)
    assert met[:20].mean() == pytest.approx(online, rel=0.2)
    assert met[20:].mean() == pytest.approx(offline, rel=0.2)
    assert met.min() > 0.4 * offline
    assert (
        len(replay.sample_index(400, generator, among=40).unique()) == 40
    )  # as many as there are


def test_places_stay_with_their_transitions() -> None:
    """Also when saved and loaded: what is kept beside the replay goes by place."""
    replay, loaded = Replay(5, 2, 3), Replay(5, 2, 3)
    places: dict[int, float] = {}
    for phase, count in (('online', 3), ('offline', 2), ('online', 4), ('offline', 1)):
        for _ in range(count):
            number = float(replay.num_added)
            places[one(replay, phase)] = number
    loaded.load_state_tensors(replay.state_tensors())
    for made in (replay, loaded):
        kept = made.gather(torch.tensor(list(places))).reward.tolist()
        assert kept == list(places.values())


def test_a_share_of_what_is_not_there_is_drawn_from_the_other() -> None:
    replay = Replay(100, 2, 3)
    fill(replay, 3, 'offline')
    assert set(draw(replay, share=0.5)) == {0, 1, 2}
    online = Replay(100, 2, 3)
    fill(online, 3, 'online')
    assert set(draw(online, share=0.5)) == {0, 1, 2}


def test_offline_data_is_never_overwritten_and_never_dropped() -> None:
    replay = Replay(4, 2, 3)
    fill(replay, 4, 'offline')
    fill(replay, 20, 'online')
    assert (replay.count('offline'), replay.count('online')) == (4, 4)
    assert {0.0, 1.0, 2.0, 3.0} <= set(draw(replay))
    with pytest.raises(ConfigError, match='replay_capacity'):
        fill(replay, 1, 'offline')
    assert replay.num_added == 24


def saved_states(size: int) -> dict[str, Tensor]:
    return {
        'state': torch.zeros(size + 1, 10),
        'free': torch.zeros(0, dtype=torch.int64),
        'row': torch.arange(size + 1).unfold(0, 2, 1),
        'action': torch.zeros(size, 16),
        'reward': torch.zeros(size),
        'discount': torch.zeros(size),
        'terminated': torch.zeros(size, dtype=torch.bool),
        'truncated': torch.zeros(size, dtype=torch.bool),
        'phase': torch.ones(size, dtype=torch.uint8),
        'num_added': torch.tensor([size, 0]),
    }


def test_sampling_does_not_slow_down_with_size() -> None:
    """O(batch): a hundred times the data costs less than five times the time."""

    def seconds(size: int) -> float:
        replay = Replay(size, 10, 16)
        replay.load_state_tensors(saved_states(size))
        best = float('inf')
        for _ in range(20):
            begin = time.perf_counter()
            replay.sample(256, generator)
            best = min(best, time.perf_counter() - begin)
        return best

    generator = torch.Generator().manual_seed(0)
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
    fill(replay, 5, 'online')
    assert (replay.count('warmup'), replay.count('online')) == (1, 9)


@pytest.mark.parametrize('count', [0, 3, 5, 12])
def test_a_saved_replay_goes_on_where_it_was(count: int) -> None:
    """Also after the ring has wrapped: the next transition overwrites the same slot."""
    saved, loaded = Replay(5, 2, 3), Replay(5, 2, 3)
    fill(saved, count)
    fill(loaded, 2)  # replaced, not added to
    loaded.load_state_tensors(saved.state_tensors())
    for phase in ('online', 'offline'):
        fill(saved, 2, phase)
        fill(loaded, 2, phase)
        a, b = saved.state_tensors(), loaded.state_tensors()
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)
        assert draw(saved) == draw(loaded)


def alone(replay: Replay, count: int) -> None:
    """Add transitions that share no observation with another."""
    for i in range(count):
        replay.add(
            state_of(-i - 2.0), torch.zeros(3), 0.0, 0.9, True, False, state_of(-i - 1.5), 'online'
        )


def test_observations_keep_their_ids_when_saved_and_loaded() -> None:
    """The ring has wrapped and rows are free, out of order: they come back into use alike."""
    saved, loaded = Replay(7, 2, 3), Replay(7, 2, 3)
    alone(saved, 10)
    fill(saved, 5)
    tensors = saved.state_tensors()
    assert tensors['free'].diff().min() < 0 < tensors['free'].diff().max()
    loaded.load_state_tensors(tensors)
    places = torch.arange(7)
    for _ in range(20):
        ids = zip(saved.observation_ids(places), loaded.observation_ids(places), strict=True)
        assert all(torch.equal(before, after) for before, after in ids)
        for replay in (saved, loaded):
            alone(replay, 1)


def broken(**changes: Any) -> dict[str, Tensor]:
    """Return a replay of three transitions in four rows, and one row that is free."""
    saved = Replay(5, 2, 3)
    fill(saved, 3)
    tensors = saved.state_tensors()
    tensors.update(state=torch.zeros(5, 2), free=torch.tensor([4]))
    return {name: t for name, t in {**tensors, **changes}.items() if t is not None}


def test_what_is_broken_below_is_whole() -> None:
    Replay(5, 2, 3).load_state_tensors(broken())


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'action': torch.zeros(3, 4)}, 'action'),
        ({'state': torch.zeros(4, 3)}, 'state'),
        ({'state': torch.zeros(4, 2)}, 'rows or phases'),
        ({'reward': torch.zeros(3, dtype=torch.float64)}, 'reward'),
        ({'reward': None}, 'columns'),
        ({'image': torch.zeros(4, 1)}, 'columns'),
        ({'num_added': torch.tensor(3)}, 'num_added'),
        ({'num_added': torch.tensor([-1, 3])}, 'at least 0'),
        ({'num_added': torch.tensor([0, 6])}, '0 to 5'),
        ({'num_added': torch.tensor([2, 1])}, 'rows or phases'),
        ({'state': torch.tensor(0.0)}, 'state'),
        ({'state': torch.zeros(6, 2)}, 'rows or phases'),
        ({'free': torch.tensor(4)}, 'free'),
        ({'free': torch.tensor([4], dtype=torch.int32)}, 'free'),
        ({'free': torch.tensor([5])}, 'rows or phases'),
        ({'free': torch.tensor([-1])}, 'rows or phases'),
        ({'free': torch.tensor([4, 4])}, 'rows or phases'),
        ({'free': torch.tensor([0])}, 'rows or phases'),
        ({'free': torch.zeros(0, dtype=torch.int64)}, 'rows or phases'),
        ({'row': torch.tensor([0, 1, 2])}, 'row'),
        ({'row': torch.tensor([[0, 1], [1, 2], [2, 5]])}, 'rows or phases'),
        ({'row': torch.tensor([[0, 1], [1, 2], [2, -1]])}, 'rows or phases'),
        ({'row': torch.tensor([[0, 1], [1, 2], [2, 2]])}, 'rows or phases'),
        ({'row': torch.tensor([[0, 1], [2, 3], [1, 0]])}, 'rows or phases'),
        ({'row': torch.tensor([[0, 1], [1, 2], [2, 3 + 2**40]])}, 'rows or phases'),
        ({'phase': torch.tensor([1, 7, 1], dtype=torch.uint8)}, 'rows or phases'),
    ],
)
def test_what_no_such_replay_has_saved_is_refused_and_nothing_is_changed(
    changes: dict[str, Any], told: str
) -> None:
    replay = Replay(5, 2, 3)
    fill(replay, 2)
    before = replay.state_tensors()
    with pytest.raises(CheckpointError, match=told):
        replay.load_state_tensors(broken(**changes))
    after = replay.state_tensors()
    assert all(torch.equal(before[name], after[name]) for name in before)


@settings(max_examples=60)
@given(
    ids=st.permutations(range(10)),
    name=st.sampled_from(['row', 'free']),
    entry=st.integers(0, 13),
    value=st.integers(-1, 10),
)
def test_rows_may_lie_anywhere_but_each_has_one_use(
    ids: list[int], name: str, entry: int, value: int
) -> None:
    """A wrapped ring in 6 rows, two offline transitions in 3, and a free row."""
    saved, loaded = Replay(5, 2, 3), Replay(5, 2, 3)
    fill(saved, 2, 'offline')
    fill(saved, 13)
    tensors = saved.state_tensors()
    assert (len(tensors['state']), len(tensors['free'])) == (9, 0)
    where = torch.tensor(ids)
    rows = torch.zeros(10, 2)
    rows[where[:9]] = tensors['state']
    tensors.update(state=rows, row=where[tensors['row']], free=where[9:])
    loaded.load_state_tensors(tensors)
    assert draw(loaded) == draw(saved)
    changed = tensors[name].clone()
    changed.view(-1)[entry % changed.numel()] = value
    if not torch.equal(changed, tensors[name]):
        with pytest.raises(CheckpointError, match='rows or phases'):
            loaded.load_state_tensors({**tensors, name: changed})
