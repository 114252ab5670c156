"""How far, how fast and how hard a joint trajectory moves *between* its points. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.types import Float64
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

    Each segment is the cubic p(s) = p0 + m0 s + c2 s^2 + c3 s^3 for s from 0 to 1. Its position
    is extreme at its ends and where p'(s) = 0, its velocity at its ends and where p''(s) = 0, and
    its acceleration, which is linear, at its ends. An arm that is stopped at s comes to rest at
    p(s) + k p'(s), with k half the time to brake in spans of the segment: a cubic as well.

    Args:
        trajectory: positions and velocities over time.
        brake_ns: time in which the arm brakes evenly to rest whenever it is stopped [ns].
    """
    positions, velocities = trajectory.positions, trajectory.velocities
    ends = np.concatenate([positions, rest_positions(positions, velocities, brake_ns)])
    if len(positions) == 1:
        still = np.zeros_like(positions[0])
        return Extremes(ends.min(axis=0), ends.max(axis=0), np.abs(velocities[0]), still)
    cubic = trajectory.segments
    span, p0, m0, c2, c3 = cubic.span, cubic.p0, cubic.m0, cubic.c2, cubic.c3
    k = 0.5e-9 * brake_ns / span
    way = p0, m0, c2, c3
    rest = p0 + k * m0, m0 + 2.0 * k * c2, c2 + 3.0 * k * c3, c3
    at_turns = _at_turns(*(np.stack(pair) for pair in zip(way, rest, strict=True)))
    bend = _within_segment(-c2, 3.0 * c3)  # p''(s) = 0
    at_bend = (m0 + bend * (2.0 * c2 + bend * (3.0 * c3))) / span
    at_ends = np.stack([2.0 * c2, 2.0 * c2 + 6.0 * c3]) / (span * span)
    return Extremes(
        low=np.fmin(ends.min(axis=0), np.fmin.reduce(at_turns)),
        high=np.fmax(ends.max(axis=0), np.fmax.reduce(at_turns)),
        speed=np.fmax(np.abs(velocities).max(axis=0), np.fmax.reduce(np.abs(at_bend))),
        acceleration=np.abs(at_ends).max(axis=(0, 1)),
    )


def _at_turns(p0: Float64, m0: Float64, c2: Float64, c3: Float64) -> Float64:
    """Return the values of cubics at both their turning points, (K, J), all arguments (..., J).

    One that lies outside the segment becomes an end of it, and one that is not there no number.
    """
    # p'(s) = m0 + 2 c2 s + 3 c3 s^2, solved without cancellation.
    root = np.sqrt(np.maximum(c2 * c2 - 3.0 * c3 * m0, 0.0))
    q = -(c2 + np.copysign(root, c2))
    turns = np.stack([_within_segment(q, 3.0 * c3), _within_segment(m0, q)])
    values: Float64 = p0 + turns * (m0 + turns * (c2 + turns * c3))
    return values.reshape(-1, values.shape[-1])


def _within_segment(numerator: Float64, denominator: Float64) -> Float64:
    """Return the quotient, moved to 0 or 1 from outside them; 0 / 0 is no number."""
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.minimum(np.maximum(numerator / denominator, 0.0), 1.0)
