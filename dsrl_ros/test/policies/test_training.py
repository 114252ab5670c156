"""Training turns noise into the spread of the demonstrations, and repeats itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from toy_flow import SPEC

from dsrl_ros.policies.flow import FlowPolicy
from dsrl_ros.policies.training import TrainingConfig, train, windows


def test_windows_start_at_every_state_and_end_at_rest():
    """Past the end of a demonstration the hand rests and the gripper keeps its command."""
    states = np.arange(6, dtype=np.float32).reshape(3, 2)
    actions = np.array([[1, 1], [2, 1], [3, -1]], dtype=np.float32)
    cut, chunks = windows(states, actions, horizon=3)
    np.testing.assert_array_equal(cut, states)
    np.testing.assert_array_equal(chunks[0], actions)
    np.testing.assert_array_equal(chunks[2], [[3, -1], [0, -1], [0, -1]])


@pytest.fixture(scope='module')
def two_habits():
    """One state; half of the demonstrations go left by one, half go right."""
    side = np.repeat([[-0.5], [0.5]], 50, axis=0).astype(np.float32)
    states = np.zeros((100, 3), dtype=np.float32)
    actions = np.hstack([side, 4 * side])
    return [(states[i : i + 1], actions[i : i + 1]) for i in range(100)]


CONFIG = TrainingConfig(horizon=1, width=64, depth=2, steps=800, batch_size=64, learning_rate=5e-3)


def test_noise_chooses_between_the_habits_of_the_demonstrator(two_habits):
    """The trained policy does the one or the other, about as often, and hardly in between."""
    spec = dataclasses.replace(SPEC, horizon=1, num_execute=1)
    policy = FlowPolicy(spec, train(two_habits, CONFIG))
    noise = np.random.default_rng(0).standard_normal((400, 1, 2)).astype(np.float32)
    first = policy(np.zeros((400, 3), dtype=np.float32), noise)[:, 0, 0]
    assert 0.35 < np.mean(first > 0) < 0.65
    assert np.mean(np.abs(np.abs(first) - 0.5) < 0.2) > 0.8


def test_the_same_seed_gives_the_same_weights(two_habits):
    short = TrainingConfig(horizon=4, width=16, depth=1, steps=20, batch_size=8, seed=3)
    one, same = (train(two_habits, short).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], same[name]) for name in one)


def test_progress_is_told(two_habits):
    losses = {}
    short = TrainingConfig(horizon=4, width=16, depth=1, steps=5, batch_size=8)
    train(two_habits, short, on_step=losses.__setitem__)
    assert list(losses) == [0, 1, 2, 3, 4] and all(np.isfinite(list(losses.values())))
