"""The extremes of a trajectory bound everything between its points, and are reached."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.motion.extremes import Margins, extremes
from dsrl_ros.robots.motion.trajectory import JointTrajectory, hold


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32 - 1), points=st.integers(2, 8), joints=st.integers(1, 7))
def test_extremes_bound_and_are_reached(seed: int, points: int, joints: int) -> None:
    rng = np.random.default_rng(seed)
    # Coarse values make straight, resting and symmetric cubics likely.
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


BRAKE_NS = 100_000_000
# Limits near one another, so that each of them binds in some motions.
ROBOT = replace(
    FR3,
    home=(0.0,) * 7,
    position_low=(-0.5,) * 7,
    position_high=(0.5,) * 7,
    velocity_limit=(0.8,) * 7,
    acceleration_limit=(10.0,) * 7,
)
MARGINS = Margins(ROBOT, BRAKE_NS)
# Half a cubic of 0.1 s and half the time to brake, at the greatest speed.
NEAR = 0.8 * (0.05 + 0.05)


def random_motion(seed: int) -> JointTrajectory:
    """Return a motion about as wild as the limits allow."""
    rng = np.random.default_rng(seed)
    points = int(rng.integers(1, 6))
    times = np.cumsum([0, *rng.integers(30, 150, points - 1)]) * 1_000_000
    reach = rng.choice([0.1, 0.4, 0.7])
    velocities = rng.uniform(-1, 1, (points, 7)) * reach
    means = (velocities[1:] + velocities[:-1]) / 2 + rng.normal(size=(points - 1, 7)) * reach / 20
    steps = means * np.diff(times)[:, None] * 1e-9
    start = rng.uniform(-0.4, 0.4, 7) * rng.integers(0, 2)
    return JointTrajectory(times, start + np.vstack([np.zeros(7), steps.cumsum(0)]), velocities)


def within(trajectory: JointTrajectory) -> bool:
    reached = extremes(trajectory, BRAKE_NS)
    return bool(
        (reached.low >= -0.5 - 1e-12).all()
        and (reached.high <= 0.5 + 1e-12).all()
        and (reached.speed <= 0.8 + 1e-12).all()
        and (reached.speed <= 10.0 * 0.1 + 1e-12).all()
        and (reached.acceleration <= 10.0 + 1e-9).all()
    )


@settings(max_examples=500)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_keeps_the_margins_keeps_the_limits(seed: int) -> None:
    motion = random_motion(seed)
    assert within(motion) or not MARGINS.kept_by(motion)


def test_random_motions_are_of_all_kinds() -> None:
    motions = [random_motion(seed) for seed in range(300)]
    kept = sum(map(MARGINS.kept_by, motions))
    inside = sum(map(within, motions))
    assert 50 < kept < inside < 250


def test_an_arm_that_holds_keeps_them_up_to_the_margin() -> None:
    assert MARGINS.kept_by(hold(np.full(7, 0.5 - 0.8 * 0.05)))
    assert not MARGINS.kept_by(hold(np.full(7, 0.5 - 0.8 * 0.05 + 1e-6)))


def test_each_limit_has_its_margin() -> None:
    """One thing at a time is beyond, by little."""
    times = np.array([0, 100_000_000])

    def kept(start: float, end: float, before: float, after: float) -> bool:
        positions, velocities = np.zeros((2, 7)), np.zeros((2, 7))
        positions[:, 3], velocities[:, 3] = (start, end), (before, after)
        return MARGINS.kept_by(JointTrajectory(times, positions, velocities))

    assert kept(0.0, 0.04, 0.4, 0.4)
    assert not kept(0.5 - NEAR + 1e-3, 0.5 - NEAR + 1e-3, 0.0, 0.0)
    assert not kept(-0.5 + NEAR - 1e-3, -0.5 + NEAR - 1e-3, 0.0, 0.0)
    assert not kept(0.0, 0.0755, 0.7, 0.81)  # faster than the limit at a point
    assert not kept(0.0, 0.0702, 0.65, 0.65)  # and between them, by 3 * 0.702 - 2 * 0.65
    assert kept(0.0, 0.0475, 0.35, 0.6)
    assert not kept(0.0, 0.045, 0.0, 0.3)  # 12 rad/s^2 at the start
    assert not kept(0.0, -0.015, 0.3, 0.0)  # and -12 at the end, mirrored
