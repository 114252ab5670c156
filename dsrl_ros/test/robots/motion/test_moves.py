"""Moves outside of an episode: joined to what is commanded, dense, safe to stop anywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dsrl_ros.core.errors import ConfigError, DriverError, ShapeMismatchError
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.motion.extremes import extremes
from dsrl_ros.robots.motion.moves import Move, joined
from dsrl_ros.robots.motion.planner import LONGEST_SPAN_NS
from dsrl_ros.robots.motion.rest_to_rest import timed
from dsrl_ros.robots.motion.trajectory import JointTrajectory

HOME = np.array(FR3.home)
SPEED, ACCELERATION = 0.3 * np.array(FR3.velocity_limit), 0.3 * np.array(FR3.acceleration_limit)


def away(by: float = 0.5) -> Move:
    return Move(timed(np.stack([HOME, HOME + by]), SPEED, ACCELERATION), None)


OFFSETS = arrays(np.float64, 7, elements=st.floats(-0.099, 0.099))


@given(offset=OFFSETS, by=st.floats(0.05, 0.5))
@settings(max_examples=100)
def test_starts_where_the_arm_is_commanded_and_ends_where_it_was_planned(
    offset: np.ndarray, by: float
) -> None:
    move = away(by)
    assert move.trajectory is not None
    trajectory = joined(move, HOME + offset, FR3, FR3.tracking_rad)
    np.testing.assert_array_equal(trajectory.positions[0], HOME + offset)
    np.testing.assert_allclose(trajectory.positions[-1], HOME + by, atol=1e-9)
    assert not trajectory.velocities[[0, -1]].any()
    assert trajectory.duration_ns == move.trajectory.duration_ns
    # The offset goes with the gentleness of the quintic: 15/8 d/T and 10/sqrt(3) d/T^2.
    reached, planned = extremes(trajectory), extremes(move.trajectory)
    span_s = trajectory.duration_ns * 1e-9
    assert (reached.speed <= planned.speed + 1.95 * np.abs(offset) / span_s + 1e-6).all()
    extra = 6.5 * np.abs(offset) / span_s**2
    assert (reached.acceleration <= planned.acceleration + extra + 1e-6).all()


def test_points_lie_close_enough_for_windows_whatever_the_planner_left_out() -> None:
    times_ns = np.array([0, 1_900_000_000, 2_000_000_000])
    positions = np.stack([HOME, HOME + 0.2, HOME + 0.2])
    sparse = JointTrajectory(times_ns, positions, np.zeros_like(positions))
    trajectory = joined(Move(sparse, None), HOME, FR3, FR3.tracking_rad)
    assert np.diff(trajectory.times_ns).max() <= LONGEST_SPAN_NS


def test_what_a_planner_leaves_of_velocity_at_the_ends_is_taken_away() -> None:
    planned = away().trajectory
    assert planned is not None
    planned.velocities[-1] += 1e-6
    assert not joined(Move(planned, None), HOME, FR3, FR3.tracking_rad).velocities[[0, -1]].any()


def test_a_move_of_the_gripper_alone_holds_the_arm_until_it_is_there() -> None:
    trajectory = joined(Move(None, FR3.gripper_high), HOME, FR3, FR3.tracking_rad)
    assert (trajectory.positions == HOME).all() and not trajectory.velocities.any()
    assert trajectory.duration_ns * 1e-9 >= FR3.gripper_high / FR3.gripper_speed


@pytest.mark.parametrize(
    ('move', 'error', 'words'),
    [
        (away(), DriverError, 'fr3_joint3 is commanded to be'),
        (Move(None, float('nan')), ConfigError, 'width'),
        (Move(None, 0.5), ConfigError, '0 to 0.08'),
        (
            Move(JointTrajectory(np.array([0, 10**9]), np.zeros((2, 7)), np.ones((2, 7))), None),
            DriverError,
            'rest',
        ),
        (
            Move(timed(np.array([[0.0], [1.0]]), SPEED[:1], ACCELERATION[:1]), None),
            ShapeMismatchError,
            'move',
        ),
    ],
)
def test_a_move_that_is_none_is_refused(move: Move, error: type, words: str) -> None:
    commanded = HOME.copy()
    commanded[2] += 0.11
    with pytest.raises(error, match=words):
        joined(move, commanded, FR3, FR3.tracking_rad)
