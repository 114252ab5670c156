"""DSRL-NA continues bit by bit, wrapped replay or not; a load that is refused changes nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from toy import ToyPolicy, transition

from dsrl_ros.core.errors import CheckpointError
from dsrl_ros.core.types import Transition
from dsrl_ros.learning.algorithms.dsrl_na import DsrlNa
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.learner import StateGroups
from dsrl_ros.learning.run.checkpoint import CheckpointStore, Counters, load_checkpoint

torch.set_num_threads(1)

COUNTERS = Counters(trained_episodes=4, next_sequence=20, weights_version=5)


def stream(number: int) -> Transition:
    """Return transitions that share no observation, then eight in a row, and so on."""
    if number % 16 < 8:
        return transition(number)
    return transition(number, next_observation=transition(number + 1).observation)


def learner(
    transitions: int, capacity: int = 64, source: str = 'mixed', cache_mb: int = 512, seed: int = 0
) -> DsrlNa:
    config = LearnerConfig(
        algorithm='na',
        hidden_size=16,
        num_layers=2,
        batch_size=16,
        utd=4,
        noise_critic_steps=2,
        distill_samples=4,
        distill_noise=source,
        distill_cache_mb=cache_mb,
        replay_capacity=capacity,
    )
    made = DsrlNa(ToyPolicy(), config, seed)
    for number in range(transitions):
        made.add(stream(number))
    return made


def assert_equal(one: StateGroups, other: StateGroups) -> None:
    assert one.keys() == other.keys()
    for group, tensors in one.items():
        assert tensors.keys() == other[group].keys()
        for name, tensor in tensors.items():
            assert torch.equal(tensor, other[group][name]), (group, name)


@pytest.mark.parametrize(
    ('capacity', 'transitions', 'source', 'cache_mb'),
    [
        (64, 20, 'mixed', 512),
        (8, 20, 'mixed', 512),
        (8, 20, 'prior', 512),
        (8, 20, 'mixed', 0),
        (16, 50, 'mixed', 512),
    ],
)
def test_continues_bit_by_bit_also_when_the_replay_has_wrapped(
    tmp_path: Path, capacity: int, transitions: int, source: str, cache_mb: int
) -> None:
    straight, broken = (learner(transitions, capacity, source, cache_mb) for _ in range(2))
    for made in (straight, broken):
        made.update(9)  # two rounds and a quarter
    resumed = learner(0, capacity, source, cache_mb, seed=7)
    path = CheckpointStore(tmp_path).save(broken, COUNTERS)
    assert load_checkpoint(path, resumed) == COUNTERS
    for number in range(transitions, transitions + 6):
        for made in (straight, resumed):
            made.add(stream(number))
            made.update(11)
    assert_equal(straight.state_groups(), resumed.state_groups())


@pytest.mark.parametrize(('group', 'name'), [('replay', 'free'), ('pairs', 'known')])
def test_a_checkpoint_that_is_refused_leaves_the_learner_as_it_was(
    tmp_path: Path, group: str, name: str
) -> None:
    """Although its networks, which come first, would have fitted."""
    saved, made = learner(20), learner(3, seed=7)
    saved.update(4)
    path = CheckpointStore(tmp_path).save(saved, COUNTERS)
    file = path / f'{group}.safetensors'
    tensors = load_file(file)
    save_file({**tensors, name: torch.zeros(1, dtype=tensors[name].dtype)}, file)
    manifest = json.loads((path / 'manifest.json').read_text())
    manifest['sha256'][group] = hashlib.sha256(file.read_bytes()).hexdigest()
    (path / 'manifest.json').write_text(json.dumps(manifest))
    before = made.state_groups()
    with pytest.raises(CheckpointError, match=group):
        load_checkpoint(path, made)
    assert_equal(before, made.state_groups())
    made.update(4)


def test_kept_pairs_are_few_where_memory_is() -> None:
    """A pair of the toy takes 17 bytes: 3 of them per state fit into 1 MiB, of 16384 states."""
    assert learner(0, 16384, cache_mb=1)._pairs.per_state == 3
    assert learner(0, 16384, cache_mb=0)._pairs.per_state == 0
    assert learner(0, 16384)._pairs.per_state == 4
