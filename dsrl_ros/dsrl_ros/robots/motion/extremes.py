"""How far, how fast and how hard a joint trajectory moves between its points.

`Margins` answers most questions at a third of the cost of `extremes`: a trajectory that stays far
enough from every limit needs no exact answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.robots.motion.windows import rest_positions


@dataclass(frozen=True)
class Extremes:
    """What each joint reaches over a whole trajectory; exact, not sampled.

    Attributes:
        low, high: least and greatest position, on the way or where the arm would come to rest
            when it is stopped on the way [rad], (J,).
        speed: greatest magnitude of the velocity [rad/s], (J,).
        acceleration: greatest magnitude of the acceleration [rad/s^2], (J,).
    """

    low: Float64
    high: Float64
    speed: Float64
    acceleration: Float64


def extremes(trajectory: JointTrajectory, brake_ns: int = 0) -> Extremes:
    """Return what a trajectory of at least one point reaches.

    Each cubic is the cubic p(s) = p0 + m0 s + c2 s^2 + c3 s^3 for s from 0 to 1. Its position
    is extreme at its ends and where p'(s) = 0, its velocity at its ends and where p''(s) = 0, and
    its acceleration, which is linear, at its ends. An arm that is stopped at s comes to rest at
    p(s) + k p'(s), with k half the time to brake in spans of the cubic: a cubic as well.

    Args:
        trajectory: positions and velocities over time.
        brake_ns: time in which the arm brakes evenly to rest whenever it is stopped [ns].
    """
    positions, velocities = trajectory.positions, trajectory.velocities
    ends = np.concatenate([positions, rest_positions(positions, velocities, brake_ns)])
    if len(positions) == 1:
        still = np.zeros_like(positions[0])
        return Extremes(ends.min(axis=0), ends.max(axis=0), np.abs(velocities[0]), still)
    cubic = trajectory.cubics
    span, p0, m0, c2, c3 = cubic.span, cubic.p0, cubic.m0, cubic.c2, cubic.c3
    k = 0.5e-9 * brake_ns / span
    way = p0, m0, c2, c3
    rest = p0 + k * m0, m0 + 2.0 * k * c2, c2 + 3.0 * k * c3, c3
    at_turns = _at_turns(*(np.stack(pair) for pair in zip(way, rest, strict=True)))
    bend = _within_span(-c2, 3.0 * c3)  # p''(s) = 0
    at_bend = (m0 + bend * (2.0 * c2 + bend * (3.0 * c3))) / span
    at_ends = np.stack([2.0 * c2, 2.0 * c2 + 6.0 * c3]) / (span * span)
    return Extremes(
        low=np.fmin(ends.min(axis=0), np.fmin.reduce(at_turns)),
        high=np.fmax(ends.max(axis=0), np.fmax.reduce(at_turns)),
        speed=np.fmax(np.abs(velocities).max(axis=0), np.fmax.reduce(np.abs(at_bend))),
        acceleration=np.abs(at_ends).max(axis=(0, 1)),
    )


class Margins:
    """A robot's limits, for an arm that may be stopped anywhere on its way."""

    def __init__(self, robot: RobotDescription, brake_ns: int) -> None:
        """Prepare.

        Args:
            robot: whose limits.
            brake_ns: time in which the arm brakes evenly to rest whenever it is stopped [ns].
        """
        self._brake_s = brake_ns * 1e-9
        self._low, self._high = np.array(robot.position_low), np.array(robot.position_high)
        self._acceleration = np.array(robot.acceleration_limit)
        # Braking from more than this is a harder acceleration than the arm may have.
        self._speed = np.minimum(robot.velocity_limit, self._acceleration * self._brake_s)

    def kept_by(self, trajectory: JointTrajectory) -> bool:
        """Return whether no limit can be exceeded, stopped or not; False leaves it open.

        The velocity of a cubic is a quadratic v(s): it lies between the least and the greatest
        of v(0), v(0) + v'(0) / 2 and v(1), the control points of a Bezier curve, and its
        acceleration is greatest at an end. From the nearest point of the trajectory a joint moves
        on for half a cubic at most and then rests within half the time to brake.

        Args:
            trajectory: positions and velocities over time.
        """
        positions, velocities = trajectory.positions, trajectory.velocities
        span = (trajectory.times_ns[1:] - trajectory.times_ns[:-1])[:, None] * 1e-9
        beyond = self._speed * (0.5 * (span.max(initial=0.0) + self._brake_s))
        if not (
            (np.abs(velocities) <= self._speed).all()
            and (positions >= self._low + beyond).all()
            and (positions <= self._high - beyond).all()
        ):
            return False
        before, after = velocities[:-1], velocities[1:]
        middle = (positions[1:] - positions[:-1]) * (3.0 / span) - before - after
        change = np.maximum(np.abs(middle - before), np.abs(after - middle))
        return bool(
            (np.abs(middle) <= self._speed).all()
            and (change <= self._acceleration * (0.5 * span)).all()
        )


def _at_turns(p0: Float64, m0: Float64, c2: Float64, c3: Float64) -> Float64:
    """Return the values of cubics at both their turning points, (K, J), all arguments (..., J).

    One that lies outside the cubic becomes an end of it, and one that is not there no number.
    """
    # p'(s) = m0 + 2 c2 s + 3 c3 s^2, solved without cancellation.
    root = np.sqrt(np.maximum(c2 * c2 - 3.0 * c3 * m0, 0.0))
    q = -(c2 + np.copysign(root, c2))
    turns = np.stack([_within_span(q, 3.0 * c3), _within_span(m0, q)])
    values: Float64 = p0 + turns * (m0 + turns * (c2 + turns * c3))
    return values.reshape(-1, values.shape[-1])


def _within_span(numerator: Float64, denominator: Float64) -> Float64:
    """Return the quotient, moved to 0 or 1 from outside them; 0 / 0 is no number."""
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.minimum(np.maximum(numerator / denominator, 0.0), 1.0)
