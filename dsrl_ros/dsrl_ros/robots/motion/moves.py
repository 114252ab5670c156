"""Motions outside of an episode: a planned trajectory, joined to what is commanded and judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dsrl_ros.core.checks import require_shape
from dsrl_ros.core.errors import ConfigError, DriverError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.planner import LONGEST_SPAN_NS
from dsrl_ros.robots.motion.trajectory import JointTrajectory

_GRIPPER_MARGIN_S = 0.5
# Planners that integrate end nearly at rest, by their rounding [rad/s].
_REST = 1e-3


@dataclass(frozen=True)
class Move:
    """What somebody wants the arm, or the gripper, to do outside of an episode.

    Attributes:
        trajectory: from rest to rest; None leaves the arm where it is.
        width: of the gripper [m]; None leaves it as it is.
    """

    trajectory: JointTrajectory | None
    width: float | None


def joined(
    move: Move, commanded: Float64, robot: RobotDescription, tolerance_rad: float
) -> JointTrajectory:
    """Return the trajectory of a move from what is commanded now to its end, at rest there.

    The distance between the two starts is taken away along the whole way by the quintic that has
    neither velocity nor acceleration at its ends: a plan starts where the arm was measured, which
    is off by what the arm lags and sags. A move of the gripper alone holds the arm for as long as
    the gripper needs.

    Args:
        move: what to do.
        commanded: joints commanded now, at rest [rad], (J,).
        robot: of the move.
        tolerance_rad: largest distance between the two starts; more is somebody else's plan [rad].

    Raises:
        ShapeMismatchError: other joints.
        ConfigError: a width that the gripper does not have.
        DriverError: it starts elsewhere, or does not rest at its ends.
    """
    _check_width(move, robot)
    if move.trajectory is None or move.trajectory.duration_ns == 0:
        travel_s = (robot.gripper_high - robot.gripper_low) / robot.gripper_speed
        duration_ns = round((travel_s + _GRIPPER_MARGIN_S) * 1e9)
        times_ns = _dense(np.array([0, duration_ns]))
        still = np.broadcast_to(commanded, (len(times_ns), len(commanded)))
        return JointTrajectory(times_ns, still.copy(), np.zeros_like(still))
    planned = move.trajectory
    require_shape('move', planned.positions, (None, robot.num_joints))
    if np.abs(planned.velocities[[0, -1]]).max() > _REST:
        raise DriverError('move: got a trajectory that moves at its ends, expected rest there.')
    offset = commanded - planned.positions[0]
    worst = int(np.argmax(np.abs(offset)))
    if abs(offset[worst]) > tolerance_rad:
        raise DriverError(
            f'move: got a start {abs(offset[worst]):.3g} rad from where '
            f'{robot.joint_names[worst]} is commanded to be, expected at most '
            f'{tolerance_rad:g} rad. Plan from where the arm is now.'
        )
    times_ns = _dense(planned.times_ns)
    positions, velocities = planned.sample(times_ns)
    t = (times_ns / planned.duration_ns)[:, None]
    left = 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t * t)
    fading = -30.0 * t * t * (1.0 - t) ** 2 / (planned.duration_ns * 1e-9)
    positions, velocities = positions + offset * left, velocities + offset * fading
    positions[0] = commanded
    velocities[[0, -1]] = 0.0
    return JointTrajectory(times_ns, positions, velocities)


def _check_width(move: Move, robot: RobotDescription) -> None:
    width = move.width
    if width is None or (
        math.isfinite(width) and robot.gripper_low <= width <= robot.gripper_high
    ):
        return
    raise ConfigError(
        f'move: got a gripper width of {width:g} m, expected {robot.gripper_low:g} to '
        f'{robot.gripper_high:g}.'
    )


def _dense(times_ns: np.ndarray) -> np.ndarray:
    """Return these times with others between them, so that no two are too far apart."""
    parts = [
        np.linspace(first, last, -(-int(last - first) // LONGEST_SPAN_NS), endpoint=False)
        for first, last in pairwise(times_ns)
    ]
    return np.append(np.concatenate(parts).round(), times_ns[-1]).astype(np.int64)
