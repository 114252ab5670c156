"""Promises of the conversions: what goes through a message comes back equal, and a message whose
sizes contradict its data never becomes an array.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message

from dsrl_msgs import msg
from dsrl_ros.core import types
from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import (
    ControlMode,
    DecisionKey,
    Noise,
    NoiseLayout,
    NoiseSource,
    PolicySpec,
)
from dsrl_ros.nodes.trainer.transitions import transition_from_msg
from dsrl_ros.ros import messages, stamps

KEY = DecisionKey('arm', '0123456789abcdef' * 2, 3, 7)
SPEC = PolicySpec(
    name='toy',
    state_names=('x', 'y', 'z'),
    action_names=('dx', 'grip'),
    horizon=4,
    num_execute=2,
    step_period_s=0.1,
    control_mode=ControlMode.EE_DELTA,
    noise_bound=6.0,
    action_low=(-0.1, 0.0),
    action_high=(0.1, 1.0),
    state_mean=(0.1, 0.2, 0.3),
    state_std=(1.0, 2.0, 3.0),
    sampler='flow-euler',
    denoising_steps=8,
    sha256='ab' * 32,
)


def over_the_wire(message):
    """Return `message` as a subscriber gets it."""
    return deserialize_message(serialize_message(message), type(message))


@pytest.mark.parametrize(
    ('enum', 'message', 'prefix'),
    [
        (types.ControlMode, msg.ActionChunk, 'CONTROL_MODE_'),
        (types.NoiseLayout, msg.Noise, 'LAYOUT_'),
        (types.NoiseSource, msg.Noise, 'SOURCE_'),
        (types.RewardSource, msg.Reward, 'SOURCE_'),
        (types.ChunkOutcome, msg.ChunkResult, 'OUTCOME_'),
    ],
)
def test_enum_values_equal_the_constants_of_the_messages(enum, message, prefix):
    constants = {
        name.removeprefix(prefix): getattr(message, name)
        for name in dir(message)
        if name.startswith(prefix)
    }
    assert constants == {member.name: member.value for member in enum}


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_stamps_are_exact_to_the_nanosecond(nanoseconds):
    assert stamps.stamp_to_ns(stamps.stamp_from_ns(nanoseconds)) == nanoseconds


def test_keys_come_back_equal():
    assert messages.key_from_msg(over_the_wire(messages.key_to_msg(KEY))) == KEY


def test_specs_come_back_equal():
    with_camera = dataclasses.replace(
        SPEC, image_names=('wrist',), image_heights=(48,), image_widths=(64,)
    )
    for spec in (SPEC, with_camera):
        assert messages.spec_from_msg(over_the_wire(messages.spec_to_msg(spec))) == spec


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_noises_come_back_bit_for_bit(rows, action_dim, seed):
    values = np.random.default_rng(seed).standard_normal((rows, action_dim), dtype=np.float32)
    noise = Noise(values, NoiseLayout.BASIS, NoiseSource.ACTOR, weights_version=2**40)
    sent = messages.noise_to_msg(noise, KEY, 5, SPEC.sha256)
    got = messages.noise_from_msg(over_the_wire(sent))
    np.testing.assert_array_equal(got.rows, values)
    assert got == dataclasses.replace(noise, rows=got.rows)


def test_an_array_need_not_be_contiguous_to_be_sent():
    values = np.arange(12, dtype=np.float32).reshape(3, 4).T
    sent = messages.floats_to_msg(values)
    np.testing.assert_array_equal(messages.floats_from_msg('t', sent, (4, 3)), values)


def test_a_received_array_is_not_a_view_of_the_message():
    message = messages.observation_to_msg(KEY, 1, SPEC.state_names, np.ones(3, np.float32))
    state = messages.state_from_msg(message)
    message.state[0] = 9.0
    assert state[0] == 1.0


def test_a_noise_of_an_unknown_layout_is_refused():
    message = msg.Noise(rows=1, action_dim=1, data=[0.0], layout=77, source=1)
    with pytest.raises(ShapeMismatchError, match='77'):
        messages.noise_from_msg(message)


@pytest.mark.parametrize(
    ('convert_one', 'message'),
    [
        (messages.noise_from_msg, msg.Noise(rows=2, action_dim=2, data=[0.0] * 3)),
        (messages.state_from_msg, msg.Observation(state_names=['x'], state=[0.0, 1.0])),
        (messages.chunk_from_msg, msg.ActionChunk(action_names=['a'], horizon=3, data=[0.0])),
        (
            messages.executed_from_msg,
            msg.ChunkResult(num_executed=1, action_dim=2, executed=[0.0]),
        ),
    ],
)
def test_sizes_that_contradict_the_data_are_refused(convert_one, message):
    with pytest.raises(ShapeMismatchError, match='entries'):
        convert_one(message)


def test_an_observation_under_other_names_is_refused():
    message = messages.observation_to_msg(KEY, 1, ('x', 'z', 'y'), np.ones(3, np.float32))
    with pytest.raises(ShapeMismatchError, match='state_sources'):
        messages.state_from_msg(message, SPEC.state_names)


def transition() -> msg.Transition:
    noise = Noise(np.ones((4, 2), np.float32), NoiseLayout.FULL, NoiseSource.PRIOR)
    key = messages.key_to_msg(KEY)
    return msg.Transition(
        id=key,
        sequence=12,
        phase='online',
        observation=messages.observation_to_msg(KEY, 1, SPEC.state_names, np.zeros(3, np.float32)),
        noise=messages.noise_to_msg(noise, KEY, 1, SPEC.sha256),
        result=msg.ChunkResult(
            id=key, num_executed=2, action_dim=2, executed=[1.0, 2.0, 3.0, 4.0]
        ),
        reward=msg.Reward(
            id=key, value=1.0, terminated=True, success=True, source=msg.Reward.SOURCE_PERSON
        ),
        discount=0.5,
        next_observation=messages.observation_to_msg(
            KEY.next(), 2, SPEC.state_names, np.ones(3, np.float32)
        ),
    )


def test_a_transition_comes_out_whole():
    got = transition_from_msg(over_the_wire(transition()))
    assert (got.key, got.sequence, got.phase) == (KEY, 12, 'online')
    assert (got.reward, got.discount, got.terminated, got.truncated) == (1.0, 0.5, True, False)
    assert got.reward_source == types.RewardSource.PERSON
    np.testing.assert_array_equal(got.action, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(got.next_observation.state, [1, 1, 1])


def test_a_reward_of_an_unknown_source_is_refused():
    message = transition()
    message.reward.source = 77
    with pytest.raises(ShapeMismatchError, match='77'):
        transition_from_msg(message)


def test_a_refused_chunk_is_a_transition_of_no_steps():
    message = transition()
    message.result = msg.ChunkResult(id=message.id, action_dim=2)
    assert transition_from_msg(over_the_wire(message)).action.shape == (0, 2)


@pytest.mark.parametrize('part', ['noise', 'result', 'reward', 'observation', 'next_observation'])
def test_a_transition_of_two_decisions_is_refused(part):
    message = transition()
    getattr(message, part).id = messages.key_to_msg(KEY.next().next())
    with pytest.raises(ShapeMismatchError, match=part):
        transition_from_msg(message)
