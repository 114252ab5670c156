"""What is written is read again, and a file for something else is an error that says so."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save
from toy import OTHER_POLICY, SPEC, transition

from dsrl_ros.core.errors import DatasetError, ShapeMismatchError
from dsrl_ros.core.types import (
    Noise,
    NoiseLayout,
    NoiseSource,
    Observation,
    RewardSource,
    Transition,
)
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.data.dataset import load_transitions, save_transitions


def seen(number: int) -> Observation:
    """Return an observation with all its parts."""
    image = np.full((3, 4, 5), number, dtype=np.uint8)
    return Observation(np.zeros(2, np.float32), image, np.full(6, number, dtype=np.float32))


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Noise | Observation):
        return all(equal(getattr(one, n), getattr(other, n)) for n in one.__dataclass_fields__)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)


VARIED = [
    transition(0),
    transition(1, noise=None),
    transition(2, action=np.zeros((0, 1), dtype=np.float32)),
    transition(3, action=np.ones((1, 1), dtype=np.float32), reward=-0.1),
]


@pytest.mark.parametrize('seeing', [False, True])
def test_what_was_written_is_read_again(tmp_path: Path, seeing: bool) -> None:
    written = VARIED
    if seeing:
        changes = {'observation': seen(1), 'next_observation': seen(2)}
        written = [dataclasses.replace(t, **changes) for t in VARIED]
    save_transitions(tmp_path / 'data.safetensors', written, SPEC)
    read = load_transitions(tmp_path / 'data.safetensors', SPEC)
    assert len(read) == len(written)
    for got, want in zip(read, written, strict=True):
        for name in set(Transition.__dataclass_fields__) - {'key', 'phase'}:
            assert equal(getattr(got, name), getattr(want, name)), name
        assert (got.key.episode, got.key.decision) == (want.key.episode, want.key.decision)
        assert got.phase == 'offline'
    assert len({(t.key.robot, t.key.run) for t in read}) == 1


def test_the_learners_discount_takes_the_place_of_the_files(tmp_path: Path) -> None:
    path = tmp_path / 'data.safetensors'
    save_transitions(path, VARIED, SPEC)
    config = LearnerConfig(discount=0.5, discount_unit='step')
    assert [t.discount for t in load_transitions(path, SPEC, config)] == [0.25, 0.25, 1.0, 0.5]


def test_a_learner_takes_it_and_refuses_what_has_no_noise(tmp_path: Path) -> None:
    path = tmp_path / 'data.safetensors'
    save_transitions(path, VARIED, SPEC)
    with_noise, without, *_ = load_transitions(path, SPEC)
    made = DsrlSac(SPEC, LearnerConfig(hidden_size=8), 0)
    made.add(with_noise)
    with pytest.raises(ShapeMismatchError, match='got no noise'):
        made.add(without)
    assert made.replay.count('offline') == 1


def test_demonstrations_serve_any_policy_and_noise_only_its_own(tmp_path: Path) -> None:
    path = tmp_path / 'data.safetensors'
    save_transitions(path, [transition(0, noise=None)], SPEC)
    assert load_transitions(path, OTHER_POLICY)[0].noise is None
    save_transitions(path, VARIED, SPEC)
    with pytest.raises(DatasetError, match=r'aaaaaaaaaaaa.*bbbbbbbbbbbb'):
        load_transitions(path, OTHER_POLICY)


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'state_names': ('position', 'other')}, 'state_names'),
        ({'action_names': ('other',)}, 'action_names'),
        ({'horizon': 3}, 'horizon'),
    ],
)
def test_data_for_another_robot_is_refused(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    path = tmp_path / 'data.safetensors'
    save_transitions(path, VARIED, SPEC)
    with pytest.raises(DatasetError, match=told):
        load_transitions(path, dataclasses.replace(SPEC, **changes))


def tampered(path: Path, about: dict[str, Any], **columns: Any) -> None:
    """Write a file with some columns and some of the header replaced; None removes one."""
    save_transitions(path, VARIED, SPEC)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], 'little')
    header = json.loads(json.loads(data[8 : 8 + length])['__metadata__']['transitions'])
    kept = {n: c for n, c in {**load(data), **columns}.items() if c is not None}
    path.write_bytes(save(kept, metadata={'transitions': json.dumps({**header, **about})}))


@pytest.mark.parametrize(
    ('columns', 'told'),
    [
        ({'state': np.zeros((4, 3), dtype=np.float32)}, r'state \(4, 3\)'),
        ({'state': np.zeros((4, 2), dtype=np.float64)}, 'state'),
        ({'next_state': np.full((4, 2), np.nan, dtype=np.float32)}, 'non-finite'),
        ({'reward': np.full(4, np.inf)}, 'non-finite'),
        ({'reward': np.zeros(())}, 'got 0 transitions'),
        ({'reward': None}, 'columns'),
        ({'more': np.zeros(4)}, 'more'),
        ({'executed': np.full(4, 3)}, 'executed'),
        ({'discount': np.full(4, 1.1)}, 'discount'),
        ({'noise': np.zeros((4, 2), dtype=np.float32)}, 'noise'),
        ({'noise_source': np.full(4, 9, dtype=np.uint8)}, 'noise_source'),
        ({'noise_source': None}, 'noise_source'),
        ({'reward_source': np.full(4, 9, dtype=np.uint8)}, 'reward_source'),
        ({'reward_source': np.zeros(4)}, 'reward_source'),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    tmp_path: Path, columns: dict[str, Any], told: str
) -> None:
    path = tmp_path / 'data.safetensors'
    tampered(path, {}, **columns)
    with pytest.raises(DatasetError, match=told):
        load_transitions(path, SPEC)


@pytest.mark.parametrize(
    ('about', 'told'), [({'format': 'other'}, 'format'), ({'noise_layout': 'SPIRAL'}, 'SPIRAL')]
)
def test_a_header_that_does_not_fit_is_refused(
    tmp_path: Path, about: dict[str, Any], told: str
) -> None:
    path = tmp_path / 'data.safetensors'
    tampered(path, about)
    with pytest.raises(DatasetError, match=told):
        load_transitions(path, SPEC)


def test_a_file_without_the_source_of_rewards_is_read(tmp_path: Path) -> None:
    """Files of before the source was kept hold as much as they did."""
    path = tmp_path / 'data.safetensors'
    tampered(path, {}, reward_source=None)
    read = load_transitions(path, SPEC)
    assert [t.reward for t in read] == [t.reward for t in VARIED]
    assert {t.reward_source for t in read} == {RewardSource.UNSET}


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match='No such file'):
        load_transitions(tmp_path / 'none.safetensors', SPEC)


@settings(max_examples=60)
@given(data=st.data())
def test_damaged_bytes_are_an_error_or_transitions(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp('data') / 'data.safetensors'
    save_transitions(path, VARIED, SPEC)
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    with contextlib.suppress(DatasetError):
        assert len(load_transitions(path, SPEC)) == 4


OTHER_NOISE = Noise(np.zeros((1, 1), dtype=np.float32), NoiseLayout.REPEATED, NoiseSource.PRIOR)


@pytest.mark.parametrize(
    ('transitions', 'error', 'told'),
    [
        ([], DatasetError, 'at least 1'),
        ([transition(0), transition(1, noise=OTHER_NOISE)], DatasetError, 'one file per layout'),
        ([transition(0, action=np.zeros((3, 1), dtype=np.float32))], DatasetError, 'at most 2'),
        (
            [transition(0, observation=Observation(np.zeros(3, dtype=np.float32)))],
            ShapeMismatchError,
            '3',
        ),
        ([transition(0, observation=seen(0))], DatasetError, 'in 1 of 2 observations'),
    ],
)
def test_what_does_not_fit_into_one_file_is_not_written(
    tmp_path: Path, transitions: list[Transition], error: type[Exception], told: str
) -> None:
    path = tmp_path / 'data.safetensors'
    with pytest.raises(error, match=told):
        save_transitions(path, transitions, SPEC)
    assert not path.exists()
