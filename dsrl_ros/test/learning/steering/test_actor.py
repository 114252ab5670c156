"""The numpy actor is the torch actor, and bad weights never act."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
import torch
from tampering import GONE, rewritten
from toy import OTHER_POLICY, SPEC

from dsrl_ros.core.errors import NonFiniteError, ShapeMismatchError, WeightsError
from dsrl_ros.core.types import Observation
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.networks.encoder import ObservationBatch
from dsrl_ros.learning.steering.actor import SteeringActor

torch.set_num_threads(1)

STATE = np.array([0.3, -1.2], dtype=np.float32)


def learner(**changes: Any) -> DsrlSac:
    return DsrlSac(SPEC, LearnerConfig(**{'hidden_size': 32, **changes}), seed=0)


@pytest.mark.parametrize('activation', ['tanh', 'relu', 'gelu'])
@pytest.mark.parametrize('layer_norm', [True, False])
def test_equals_the_torch_actor(activation: str, layer_norm: bool) -> None:
    made = learner(activation=activation, layer_norm=layer_norm)
    actor = SteeringActor.from_bytes(made.export_actor(1, 0).to_bytes(), SPEC)
    for state in np.random.default_rng(0).standard_normal((20, 2), dtype=np.float32):
        with torch.no_grad():
            mean, log_std = made.actor(ObservationBatch(torch.from_numpy(state)[None]))
        got_mean, got_log_std = actor.distribution(Observation(state))
        np.testing.assert_allclose(got_mean, mean[0].numpy(), atol=1e-5)
        np.testing.assert_allclose(got_log_std, log_std[0].numpy(), atol=1e-5)
        expected = 1.5 * np.tanh(mean[0].numpy()).reshape(2, 1)
        np.testing.assert_allclose(actor.act(Observation(state)), expected, atol=1e-5)


def test_exploration_has_the_actors_spread() -> None:
    actor = learner().export_actor(1, 0)
    mean, log_std = actor.distribution(Observation(STATE))
    rng = np.random.default_rng(0)
    drawn = np.stack([actor.act(Observation(STATE), rng).reshape(-1) for _ in range(4000)])
    before = np.arctanh(np.clip(drawn / 1.5, -1 + 1e-6, 1 - 1e-6))
    np.testing.assert_allclose(before.mean(0), mean, atol=0.08)
    np.testing.assert_allclose(before.std(0), np.exp(log_std), rtol=0.1)


def test_it_explores_with_the_share_of_its_spread_that_its_header_says() -> None:
    data = learner().export_actor(1, 0).to_bytes()
    whole, quarter, none = (
        SteeringActor.from_bytes(rewritten(data, {'exploration': share}), SPEC)
        for share in (GONE, 0.25, 0.0)  # weights of before did not say
    )
    mean = np.arctanh(whole.act(Observation(STATE)) / 1.5)

    def away(actor: SteeringActor) -> Any:
        return np.arctanh(actor.act(Observation(STATE), np.random.default_rng(0)) / 1.5) - mean

    assert (np.abs(away(whole)) > 1e-3).all()
    np.testing.assert_allclose(away(quarter), 0.25 * away(whole), atol=1e-5)
    np.testing.assert_allclose(away(none), 0.0, atol=1e-6)


def test_bytes_are_a_function_of_the_weights() -> None:
    """So a hash announces weights, whoever serialises them."""
    actor = learner().export_actor(3, 2)
    data = actor.to_bytes()
    again = SteeringActor.from_bytes(data, SPEC)
    assert again.header == actor.header
    assert again.to_bytes() == data
    assert learner().export_actor(3, 2).to_bytes() == data


def test_export_is_a_copy() -> None:
    made = learner()
    actor = made.export_actor(1, 0)
    before = actor.act(Observation(STATE))
    with torch.no_grad():
        for parameter in made.actor.parameters():
            parameter.add_(1.0)
    np.testing.assert_array_equal(actor.act(Observation(STATE)), before)


def test_weights_for_another_policy_are_refused() -> None:
    with pytest.raises(WeightsError, match=r'aaaaaaaaaaaa.*bbbbbbbbbbbb'):
        SteeringActor.from_bytes(learner().export_actor(1, 0).to_bytes(), OTHER_POLICY)


@pytest.mark.parametrize(
    'changes',
    [
        {'linears.0.weight': np.full((32, 2), np.nan, dtype=np.float32)},
        {'linears.0.weight': np.zeros((32, 3), dtype=np.float32)},
        {'linears.0.weight': np.zeros((32, 2), dtype=np.float64)},
        {'linears.0.bias': np.zeros((), dtype=np.float32)},
        {'norms.1.weight': np.zeros(31, dtype=np.float32)},
        {'linears.3.bias': np.zeros(5, dtype=np.float32)},
        {'linears.2.bias': None},
        {'linears.3.weight': None},
        {'state_std': np.zeros(2, dtype=np.float32)},
        {'state_std': None},
        {'state_mean': np.zeros((2, 2), dtype=np.float32)},
    ],
)
def test_tampered_weights_are_refused(changes: dict[str, Any]) -> None:
    data = learner().export_actor(1, 0).to_bytes()
    with pytest.raises(WeightsError):
        SteeringActor.from_bytes(rewritten(data, {}, **changes), SPEC)


@pytest.mark.parametrize(
    'changes',
    [
        {'exploration': 1.01},
        {'exploration': float('nan')},
        {'noise_magnitude': float('inf')},
        {'noise_magnitude': 0.0},
        {'log_std_low': float('-inf')},
        {'activation': 'sine'},
    ],
)
def test_a_tampered_header_is_refused(changes: dict[str, Any]) -> None:
    data = learner().export_actor(1, 0).to_bytes()
    with pytest.raises(WeightsError, match=next(iter(changes))[:7]):
        SteeringActor.from_bytes(rewritten(data, changes), SPEC)


@pytest.mark.parametrize('length', [0, 4, 8, 100, 5000])
def test_truncated_bytes_are_refused(length: int) -> None:
    data = learner().export_actor(1, 0).to_bytes()
    with pytest.raises(WeightsError, match='send them again'):
        SteeringActor.from_bytes(data[:length], SPEC)


def test_a_bad_observation_is_refused() -> None:
    actor = learner().export_actor(1, 0)
    with pytest.raises(ShapeMismatchError):
        actor.act(Observation(np.zeros(3, dtype=np.float32)))
    with pytest.raises(NonFiniteError):
        actor.act(Observation(np.array([0.0, np.nan], dtype=np.float32)))


def test_acting_takes_less_than_a_third_of_a_millisecond() -> None:
    """At 256 wide; the best of many, so that a busy machine does not fail it."""
    actor = learner(hidden_size=256).export_actor(1, 0)
    best = float('inf')
    for _ in range(50):
        begin = time.perf_counter()
        actor.act(Observation(STATE))
        best = min(best, time.perf_counter() - begin)
    assert best < 0.3e-3


def test_acting_needs_no_torch() -> None:
    """The steering node saves itself torch's memory and start-up."""
    code = (
        'import sys; from dsrl_ros.learning import config; '
        'from dsrl_ros.learning.steering import actor, choosers, pacing, seeding; '
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
