"""Policies that answer 1e27 or NaN: bounded, counted, and the others of the batch untouched."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import SPEC
from toy_seeing import SeeingToy, views

from dsrl_ros.core.errors import NonFiniteError, PolicyOutputError, ShapeMismatchError
from dsrl_ros.core.types import Array
from dsrl_ros.policies.base import ABSURD, limit_output
from dsrl_ros.policies.bounded import BoundedPolicy

WIDE = dataclasses.replace(SPEC, action_low=(2.0,), action_high=(6.0,))
MIDDLE = 4.0
MOST = 2.0 * ABSURD  # how far from the middle an answer may lie

answers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-50.0, 50.0)


class Scripted:
    """Answers what the table says for the row that the state names; may raise instead."""

    spec = WIDE

    def __init__(self, table: list[float], raises: bool) -> None:
        self.table = np.array(table)
        self.raises = raises

    def __call__(self, state: Array, noise: Array) -> Array:
        chunks = np.broadcast_to(self.table[state[:, 0].astype(int), None, None], noise.shape)
        if self.raises:
            return limit_output(self.spec, chunks)
        return np.array(chunks)


def inputs(size: int) -> tuple[Array, Array]:
    state = np.stack([np.arange(size), np.zeros(size)], axis=1).astype(np.float32)
    return state, np.zeros((size, SPEC.horizon, 1), dtype=np.float32)


@given(table=st.lists(answers, max_size=40), raises=st.booleans())
def test_every_answer_lies_within_the_limits_and_only_the_bad_ones_are_replaced(table, raises):
    bounded = BoundedPolicy(Scripted(table, raises))
    actions, sane = bounded.checked(*inputs(len(table)))
    assert actions.shape == (len(table), SPEC.horizon, 1) and actions.dtype == np.float32
    assert ((actions >= 2.0) & (actions <= 6.0)).all()  # False for NaN
    for value, chunk, good in zip(table, actions[:, :, 0], sane, strict=True):
        expected = np.float32(np.clip(value, 2.0, 6.0)) if good else np.float32(MIDDLE)
        assert (chunk == expected).all()
        distance = abs(value - MIDDLE)
        if not np.isclose(distance, MOST):  # rounding decides at the very edge
            assert good == (distance < MOST)
    assert bounded.num_samples == len(table)
    assert bounded.num_bad == np.count_nonzero(~sane)


@given(bad=st.sets(st.integers(0, 63), max_size=64))
def test_bisection_finds_exactly_the_rows_that_the_policy_refuses(bad):
    table = [1e27 if row in bad else 2.0 + row / 64 for row in range(64)]
    bounded = BoundedPolicy(Scripted(table, raises=True))
    actions, sane = bounded.checked(*inputs(64))
    assert {int(row) for row in np.flatnonzero(~sane)} == bad
    expected = np.array(table, dtype=np.float32)[sane, None, None]
    np.testing.assert_array_equal(actions[sane], np.broadcast_to(expected, actions[sane].shape))


def test_one_bad_row_costs_few_calls():
    """Halving, not one call per row: a learner asks for thousands of rows at once."""
    calls = []

    class Counting(Scripted):
        def __call__(self, state: Array, noise: Array) -> Array:
            calls.append(len(state))
            return super().__call__(state, noise)

    BoundedPolicy(Counting([3.0] * 1023 + [np.nan], raises=True))(*inputs(1024))
    assert len(calls) == 1 + 2 * 10


def test_counts_add_up_over_calls_and_a_call_gives_the_same_actions():
    bounded = BoundedPolicy(Scripted([3.0, np.nan, 1e27], raises=False))
    actions, _ = bounded.checked(*inputs(3))
    np.testing.assert_array_equal(bounded(*inputs(3)), actions)
    assert (bounded.num_samples, bounded.num_bad) == (6, 4)
    assert bounded.spec is WIDE


def test_errors_of_the_caller_are_not_hidden():
    bounded = BoundedPolicy(Scripted([3.0], raises=False))
    state, noise = inputs(1)
    with pytest.raises(NonFiniteError, match='noise'):
        bounded(state, np.full_like(noise, np.nan))
    with pytest.raises(ShapeMismatchError, match='state'):
        bounded(state[:, :1], noise)
    assert bounded.num_samples == 0


def test_an_answer_of_another_shape_is_an_error_that_names_the_policy():
    class Short(Scripted):
        def __call__(self, state: Array, noise: Array) -> Array:
            return super().__call__(state, noise)[:, :1]

    with pytest.raises(ShapeMismatchError, match='answer of policy toy'):
        BoundedPolicy(Short([3.0], raises=False))(*inputs(1))


def test_a_robot_still_gets_the_error():
    with pytest.raises(PolicyOutputError, match='1e\\+27'):
        Scripted([1e27], raises=True)(*inputs(1))


def test_rows_keep_their_own_images_while_the_bad_ones_are_looked_for():
    class Treacherous(SeeingToy):
        def see(self, state, noise, images):
            chunks = super().see(state, noise, images)
            chunks[state[:, 0] > 0] = np.nan
            return limit_output(self.spec, chunks)

    state, noise = np.zeros((8, 2), np.float32), np.zeros((8, SPEC.horizon, 1), np.float32)
    state[2, 0] = 1.0
    bounded = BoundedPolicy(Treacherous())
    actions, sane = bounded.checked(state, noise, views(8))
    assert list(np.flatnonzero(~sane)) == [2]
    want = SeeingToy().see(state, noise, views(8))
    np.testing.assert_allclose(actions[sane], want[sane], atol=1e-6)
    np.testing.assert_array_equal(bounded.see(state, noise, views(8)), actions)
