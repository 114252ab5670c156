"""The extremes of a trajectory bound everything between its points, and are reached."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_ros.robots.motion.extremes import extremes
from dsrl_ros.robots.motion.trajectory import JointTrajectory, hold


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32 - 1), points=st.integers(2, 8), joints=st.integers(1, 7))
def test_extremes_bound_and_are_reached(seed: int, points: int, joints: int) -> None:
    rng = np.random.default_rng(seed)
    # Coarse values make straight, resting and symmetric segments likely.
    values = rng.integers(-2, 3, size=(2, points, joints)).astype(float)
    times = np.concatenate([[0], np.cumsum(rng.integers(1, 4, size=points - 1))]) * 100_000_000
    trajectory = JointTrajectory(times.astype(np.int64), values[0], values[1])
    reached = extremes(trajectory)

    fine = np.arange(0, trajectory.duration_ns + 1, 100_000, dtype=np.int64)
    position, velocity = trajectory.sample(fine)
    acceleration = np.abs(np.diff(velocity, axis=0)) / 1e-4
    # Each bound holds, and sampling comes as near to it as its step allows.
    assert (position >= reached.low - 1e-12).all()
    assert (position <= reached.high + 1e-12).all()
    assert (np.abs(velocity) <= reached.speed + 1e-9).all()
    assert (acceleration <= reached.acceleration + 1e-6).all()
    np.testing.assert_allclose(position.min(axis=0), reached.low, atol=1e-4)
    np.testing.assert_allclose(position.max(axis=0), reached.high, atol=1e-4)
    np.testing.assert_allclose(np.abs(velocity).max(axis=0), reached.speed, atol=1e-2)
    np.testing.assert_allclose(acceleration.max(axis=0), reached.acceleration, rtol=0.02, atol=0.5)


@settings(max_examples=200)
@given(
    seed=st.integers(0, 2**32 - 1), points=st.integers(2, 6), brake_ms=st.sampled_from((20, 100))
)
def test_where_the_arm_rests_when_stopped_is_bounded_and_reached(
    seed: int, points: int, brake_ms: int
) -> None:
    """Between the points, too: it may rest beyond where any of them lets it."""
    rng = np.random.default_rng(seed)
    positions, velocities = rng.integers(-2, 3, size=(2, points, 2)).astype(float)
    times = np.arange(points, dtype=np.int64) * 100_000_000
    trajectory = JointTrajectory(times, positions, velocities)
    reached = extremes(trajectory, brake_ms * 1_000_000)

    at, speed = trajectory.sample(np.arange(0, trajectory.duration_ns + 1, 100_000))
    both = np.concatenate([at, at + speed * (0.5e-3 * brake_ms)])
    assert (both >= reached.low - 1e-9).all()
    assert (both <= reached.high + 1e-9).all()
    np.testing.assert_allclose(both.min(axis=0), reached.low, atol=1e-3)
    np.testing.assert_allclose(both.max(axis=0), reached.high, atol=1e-3)


def test_a_single_point_does_not_move() -> None:
    reached = extremes(hold(np.array([0.5, -0.5])))
    np.testing.assert_array_equal(reached.low, [0.5, -0.5])
    np.testing.assert_array_equal(reached.high, [0.5, -0.5])
    assert not reached.speed.any()
    assert not reached.acceleration.any()
