"""The flow policy is a repeatable black box with checked inputs and bounded outputs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from toy_flow import SPEC, arguments

from dsrl_ros.core.errors import (
    ConfigError,
    NonFiniteError,
    PolicyOutputError,
    ShapeMismatchError,
)
from dsrl_ros.policies.flow import FlowPolicy, FlowShape, VelocityField


@pytest.fixture
def field():
    torch.manual_seed(0)
    return VelocityField(FlowShape(state_dim=3, horizon=4, action_dim=2, width=32, depth=2))


@pytest.fixture
def policy(field):
    return FlowPolicy(SPEC, field)


def constant_velocity(field, value):
    """Make the field flow at `value` everywhere, so that action = noise + value."""
    with torch.no_grad():
        for parameter in field.parameters():
            parameter.zero_()
        field.layers[-1].bias.fill_(value)


def test_equal_arguments_give_equal_chunks(policy):
    np.testing.assert_array_equal(policy(*arguments()), policy(*arguments()))


def test_rows_of_a_batch_do_not_touch_each_other(policy):
    """A chunk does not depend on what else is asked at the same time."""
    state, noise = arguments()
    together = policy(state, noise)
    assert together.shape == (5, 4, 2) and together.dtype == np.float32
    alone = np.concatenate([policy(state[i : i + 1], noise[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_flow_is_integrated_from_noise_at_zero_to_actions_at_one(field):
    """Along a constant velocity v the action is noise + v, in units of the action statistics."""
    constant_velocity(field, 0.25)
    field.action_mean.copy_(torch.tensor([0.1, 2.0]))
    field.action_std.copy_(torch.tensor([0.2, 3.0]))
    state, noise = arguments()
    expected = (noise + 0.25) * [0.2, 3.0] + [0.1, 2.0]
    low, high = SPEC.action_low, SPEC.action_high
    np.testing.assert_allclose(
        FlowPolicy(SPEC, field)(state, noise), np.clip(expected, low, high), rtol=1e-5, atol=1e-6
    )


def test_a_call_and_its_steps_give_the_same_bits(policy):
    """A cancelled or watched inference is the inference."""
    steps = policy.denoise(*arguments())
    for expected in range(1, SPEC.denoising_steps + 1):
        assert next(steps) == expected
    with pytest.raises(StopIteration) as end:
        next(steps)
    np.testing.assert_array_equal(end.value.value, policy(*arguments()))


@pytest.mark.parametrize(
    ('velocity', 'message'),
    [
        (1e4, r'policy small: got x = .* in step 0 of the chunk, expected -1 to 1'),
        (float('nan'), r'policy small: got x = nan'),
        (float('inf'), r'policy small: got x = (inf|nan)'),
    ],
)
def test_absurd_or_non_finite_actions_are_an_error(field, velocity, message):
    """Nothing absurd is passed on, and the error says what and where."""
    constant_velocity(field, velocity)
    with pytest.raises(PolicyOutputError, match=message):
        FlowPolicy(SPEC, field)(*arguments())


def test_a_small_overshoot_is_limited_to_the_stated_range(field):
    constant_velocity(field, 5.0)
    actions = FlowPolicy(SPEC, field)(*arguments())
    assert (actions[..., 0] == 1.0).any() and (np.abs(actions[..., 0]) <= 1.0).all()


def test_inputs_that_do_not_fit_are_refused(policy):
    state, noise = arguments()
    with pytest.raises(ShapeMismatchError, match=r'state: got shape \(5, 2\), expected'):
        policy(state[:, :2], noise)
    with pytest.raises(ShapeMismatchError, match=r'noise: got shape \(5, 3, 2\), expected'):
        policy(state, noise[:, :3])
    with pytest.raises(ShapeMismatchError, match=r'noise: got shape \(4, 4, 2\), expected'):
        policy(state, noise[:4])
    for bad in (np.nan, np.inf):
        broken = noise.copy()
        broken[1, 2, 0] = bad
        with pytest.raises(NonFiniteError, match=r'noise: got 1 non-finite .* \(1, 2, 0\)'):
            policy(state, broken)


def test_a_frozen_policy_has_nothing_to_train(policy):
    assert not any(parameter.requires_grad for parameter in policy.field.parameters())


@pytest.mark.parametrize('size', [0, -1, 1.5, '8', 10**9])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ConfigError, match=r'FlowShape\.width: got .* expected a whole number'):
        dataclasses.replace(FlowShape(3, 4, 2, 32, 2), width=size)
