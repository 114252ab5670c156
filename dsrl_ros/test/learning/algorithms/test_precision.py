"""Products in bfloat16 change how fast DSRL-SAC learns, not what: losses, weights and resuming."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from toy import SPEC, transition

from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig

torch.set_num_threads(1)


def learner(**options: Any) -> DsrlSac:
    made = DsrlSac(SPEC, LearnerConfig(hidden_size=64, batch_size=64, **options), seed=0)
    for number in range(200):
        made.add(transition(number, reward=float(number % 7 == 0)))
    return made


def test_losses_and_values_of_both_formats_do_not_differ() -> None:
    """Same batches, same noise: means over 50 steps agree within a percent."""
    full, low = learner(), learner(precision='bfloat16')
    for _ in range(3):
        expected, got = full.update(50), low.update(50)
        for name in ('critic/loss', 'critic/value', 'actor/loss', 'actor/entropy_per_dim'):
            assert got[name] == pytest.approx(expected[name], rel=0.02, abs=1e-3), name
            assert got[name] != expected[name], name


def test_weights_and_moments_stay_float32() -> None:
    made = learner(precision='bfloat16')
    made.update(2)
    groups = made.state_groups()
    for group in ('networks', 'optimisers'):
        assert {tensor.dtype for tensor in groups[group].values()} == {torch.float32}


def test_a_run_in_bfloat16_continues_bit_by_bit() -> None:
    whole, first, second = (learner(precision='bfloat16') for _ in range(3))
    whole.update(8)
    first.update(5)
    second.load_state_groups(first.state_groups())
    second.update(3)
    for name, tensor in whole.state_groups()['networks'].items():
        assert torch.equal(tensor, second.state_groups()['networks'][name]), name
