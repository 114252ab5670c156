"""A timed path: passes its points, rests at both ends, keeps the limits and wastes no time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dsrl_ros.core.errors import ConfigError, NonFiniteError, ShapeMismatchError
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.motion.extremes import extremes
from dsrl_ros.robots.motion.rest_to_rest import timed

SPEED, ACCELERATION = np.array([1.0, 2.0]), np.array([4.0, 3.0])


def test_a_straight_way_takes_the_time_that_its_peak_speed_needs() -> None:
    """A quintic of length d in time T peaks at 15/8 d/T, here 1 rad/s over 4 rad: 7.5 s."""
    trajectory = timed(np.array([[0.0, 0.0], [4.0, 0.0]]), SPEED, ACCELERATION)
    assert trajectory.duration_ns * 1e-9 == pytest.approx(7.5, abs=0.06)
    halfway, speed = trajectory.sample(trajectory.duration_ns // 2)
    np.testing.assert_allclose(halfway, [2.0, 0.0], atol=2e-3)
    np.testing.assert_allclose(speed, [1.0, 0.0], atol=0.02)


def test_a_short_way_takes_the_time_that_its_peak_acceleration_needs() -> None:
    """10 / sqrt(3) d / T^2 = 3 rad/s^2 over 0.2 rad: 0.62 s."""
    trajectory = timed(np.array([[0.0, 0.0], [0.0, 0.2]]), SPEED, ACCELERATION)
    assert trajectory.duration_ns * 1e-9 == pytest.approx(0.62, abs=0.06)


def test_no_way_takes_no_time() -> None:
    trajectory = timed(np.array([[0.3, 0.4], [0.3, 0.4]]), SPEED, ACCELERATION)
    assert trajectory.duration_ns == 0
    np.testing.assert_array_equal(trajectory.positions, [[0.3, 0.4]])


def test_passes_near_every_point_of_a_bent_path() -> None:
    turn = np.linspace(0.0, np.pi, 40)[:, None]
    path = np.hstack([np.cos(turn), np.sin(turn)])
    trajectory = timed(path, SPEED, ACCELERATION)
    times = np.linspace(0, trajectory.duration_ns, 4000).astype(np.int64)
    positions, _ = trajectory.sample(times)
    apart = np.abs(positions[:, None] - path[None]).max(axis=2).min(axis=0)
    assert apart.max() < 2e-3
    np.testing.assert_allclose(np.linalg.norm(positions, axis=1), 1.0, atol=2e-3)


WAYS = arrays(np.float64, st.tuples(st.integers(1, 6), st.just(7)), elements=st.floats(-3.0, 3.0))


@given(path=WAYS, share=st.floats(0.01, 1.0))
@settings(max_examples=200)
def test_whatever_the_path_the_limits_hold_and_both_ends_rest(
    path: np.ndarray, share: float
) -> None:
    speed, acceleration = (
        share * np.array(limit) for limit in (FR3.velocity_limit, FR3.acceleration_limit)
    )
    trajectory = timed(path, speed, acceleration)
    reached = extremes(trajectory)
    assert (reached.speed <= speed + 1e-9).all()
    assert (reached.acceleration <= acceleration + 1e-9).all()
    np.testing.assert_array_equal(trajectory.positions[0], path[0])
    np.testing.assert_allclose(trajectory.positions[-1], path[-1], atol=1e-8)
    assert not trajectory.velocities[[0, -1]].any()


def test_refuses_what_is_no_path_and_no_limit() -> None:
    with pytest.raises(ShapeMismatchError, match='path'):
        timed(np.zeros((2, 3)), SPEED, ACCELERATION)
    with pytest.raises(ShapeMismatchError, match='no point'):
        timed(np.zeros((0, 2)), SPEED, ACCELERATION)
    with pytest.raises(NonFiniteError, match='path'):
        timed(np.array([[0.0, np.nan]]), SPEED, ACCELERATION)
    with pytest.raises(ConfigError, match='velocity limit'):
        timed(np.zeros((2, 2)), np.array([1.0, 0.0]), ACCELERATION)
