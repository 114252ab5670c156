"""Windows reproduce the plan to the last bit, are short, and each ends at rest."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.robots.motion.windows import braking, cut, rest_positions

MS = 1_000_000
LONGEST_NS, BRAKE_NS = 200 * MS, 100 * MS


def random_plan(seed: int, points: int, largest_gap_ms: int = 100) -> JointTrajectory:
    """Return a plan that ends at rest, its points at most `largest_gap_ms` apart."""
    rng = np.random.default_rng(seed)
    gaps = rng.integers(1, largest_gap_ms + 1, size=points - 1) * MS
    velocities = rng.normal(size=(points, 7))
    velocities[-1] = 0.0
    return JointTrajectory(
        np.concatenate([[0], np.cumsum(gaps)]).astype(np.int64),
        rng.normal(size=(points, 7)),
        velocities,
    )


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), points=st.integers(2, 30), data=st.data())
def test_windows_reproduce_the_plan_bit_by_bit(
    seed: int, points: int, data: st.DataObject
) -> None:
    plan = random_plan(seed, points)
    end = data.draw(st.integers(1, points - 1))
    windows = cut(plan, 0, end, LONGEST_NS, BRAKE_NS)
    assert windows[0].start_ns == 0
    assert windows[-1].handoff_ns == plan.times_ns[end]
    for window, following in pairwise(windows):
        assert following.start_ns == window.handoff_ns
    for window in windows:
        times = np.arange(window.start_ns, window.handoff_ns + 1, 2 * MS)
        times = np.append(times, window.handoff_ns)
        for got, want in zip(
            window.trajectory.sample(times - window.start_ns), plan.sample(times), strict=True
        ):
            np.testing.assert_array_equal(got, want)


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), points=st.integers(2, 30))
def test_each_window_is_short_and_ends_at_rest(seed: int, points: int) -> None:
    plan = random_plan(seed, points)
    for window in cut(plan, 0, points - 1, LONGEST_NS, BRAKE_NS):
        assert window.trajectory.duration_ns <= LONGEST_NS
        assert not window.trajectory.velocities[-1].any()


def test_a_plan_with_points_too_far_apart_is_refused() -> None:
    plan = random_plan(0, 5)
    with pytest.raises(ConfigError, match=r'points .* ms apart, expected at most 5 ms'):
        cut(plan, 0, 4, 10 * MS, 5 * MS)


def test_braking_is_even() -> None:
    """Braking in 0.1 s from 1 rad/s takes 0.05 rad, at 10 rad/s^2 throughout."""
    trajectory = braking(np.zeros(1), np.ones(1), BRAKE_NS)
    times = np.arange(0, 101, 10) * MS
    position, velocity = trajectory.sample(times)
    np.testing.assert_allclose(velocity[:, 0], 1.0 - times * 1e-8, atol=1e-12)
    assert position[-1, 0] == pytest.approx(0.05)
    assert rest_positions(np.zeros(1), np.ones(1), BRAKE_NS)[0] == pytest.approx(0.05)
