"""A continued run is bit-equal to an uninterrupted one; a damaged checkpoint is never used."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from toy import OTHER_POLICY, SPEC, transition

from dsrl_ros.core.errors import CheckpointError
from dsrl_ros.learning.algorithms.actor_critic import TEMPERATURE_LEARNING_RATE
from dsrl_ros.learning.algorithms.dsrl_na import FRESH
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.run.checkpoint import CheckpointStore, Counters, load_checkpoint

torch.set_num_threads(1)

CONFIG = LearnerConfig(hidden_size=16, num_layers=2, batch_size=16, replay_capacity=24)
COUNTERS = Counters(trained_episodes=4, next_sequence=20, weights_version=5)


def learner(seed: int = 0, **changes: Any) -> DsrlSac:
    return DsrlSac(SPEC, dataclasses.replace(CONFIG, **changes), seed)


def work(made: DsrlSac, first: int, last: int) -> None:
    for number in range(first, last):
        made.add(transition(number))
        made.update(2)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    made = learner()
    work(made, 0, 20)
    return CheckpointStore(tmp_path).save(made, COUNTERS)


@pytest.mark.parametrize('before', [0, 1, 20])
def test_save_load_continue_is_bit_equal(tmp_path: Path, before: int) -> None:
    """Networks, optimisers, temperature, random numbers and a replay that wraps, all of it."""
    whole, interrupted, resumed = learner(), learner(), learner(seed=99)
    work(whole, 0, 40)
    work(interrupted, 0, before)
    path = CheckpointStore(tmp_path).save(interrupted, COUNTERS)
    assert load_checkpoint(path, resumed) == COUNTERS
    work(resumed, before, 40)
    expected, got = whole.state_groups(), resumed.state_groups()
    for group, tensors in expected.items():
        assert tensors.keys() == got[group].keys()
        for name, tensor in tensors.items():
            assert torch.equal(tensor, got[group][name]), f'{group}/{name}'


def test_saving_changes_nothing(tmp_path: Path) -> None:
    one, other = learner(), learner()
    work(one, 0, 5)
    work(other, 0, 5)
    CheckpointStore(tmp_path).save(one, COUNTERS)
    assert one.update(5) == other.update(5)


def test_the_newest_complete_ones_are_kept(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    assert store.latest_complete() is None
    for episodes in (2, 10, 999999, 1000000):
        store.save(learner(), dataclasses.replace(COUNTERS, trained_episodes=episodes))
    assert sorted(path.name for path in tmp_path.iterdir()) == ['1000000', '999999']
    latest = store.latest_complete()
    assert latest is not None and latest.name == '1000000'


def test_a_crash_while_saving_leaves_the_older_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(tmp_path)
    first = store.save(learner(), COUNTERS)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, 'rename', crash)
    with pytest.raises(KeyboardInterrupt):
        store.save(learner(), dataclasses.replace(COUNTERS, trained_episodes=5))
    monkeypatch.undo()
    assert store.latest_complete() == first
    store.save(learner(), dataclasses.replace(COUNTERS, trained_episodes=5))
    assert sorted(path.name for path in tmp_path.iterdir()) == ['000004', '000005']


@pytest.mark.parametrize('name', ['networks', 'optimisers', 'replay', 'rng'])
def test_one_flipped_bit_is_noticed(saved: Path, name: str) -> None:
    file = saved / f'{name}.safetensors'
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    made = learner()
    before = made.state_groups()
    with pytest.raises(CheckpointError, match='corrupt'):
        load_checkpoint(saved, made)
    after = made.state_groups()
    assert all(torch.equal(before['networks'][n], after['networks'][n]) for n in after['networks'])


@pytest.mark.parametrize('name', ['manifest.json', 'replay.safetensors'])
def test_a_missing_file_is_noticed(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(saved, learner())


@pytest.mark.parametrize('text', ['', '{', '[]', '{"format": "other"}'])
def test_a_manifest_that_is_none_is_noticed(saved: Path, text: str) -> None:
    (saved / 'manifest.json').write_text(text)
    with pytest.raises(CheckpointError, match=r'manifest|format'):
        load_checkpoint(saved, learner())


def test_a_group_left_out_of_the_manifest_is_noticed(saved: Path) -> None:
    manifest = json.loads((saved / 'manifest.json').read_text())
    del manifest['sha256']['rng']
    (saved / 'manifest.json').write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match='rng'):
        load_checkpoint(saved, learner())


def test_another_policy_is_refused(saved: Path) -> None:
    with pytest.raises(CheckpointError, match='made with policy aaaa'):
        load_checkpoint(saved, DsrlSac(OTHER_POLICY, CONFIG, 0))


@pytest.mark.parametrize(
    ('name', 'value', 'now'),
    [
        ('distill_fresh', 0.5, FRESH),
        ('temperature_learning_rate', 0.25, TEMPERATURE_LEARNING_RATE),
        ('noise_critic_learning_rate', 0.25, CONFIG.critic_learning_rate),
    ],
)
def test_an_option_that_is_gone_must_have_had_the_value_that_holds_now(
    saved: Path, name: str, value: float, now: float
) -> None:
    manifest = json.loads((saved / 'manifest.json').read_text())
    manifest['config'][name] = now
    (saved / 'manifest.json').write_text(json.dumps(manifest))
    assert load_checkpoint(saved, learner()) == COUNTERS
    manifest['config'][name] = value
    (saved / 'manifest.json').write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=f'{name}: {value} there, {now} here'):
        load_checkpoint(saved, learner())


def test_another_configuration_is_refused_and_named(saved: Path) -> None:
    with pytest.raises(CheckpointError, match='hidden_size: 16 there, 32 here'):
        load_checkpoint(saved, learner(hidden_size=32))
