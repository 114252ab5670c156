"""How far, how fast and how hard a joint trajectory moves *between* its points. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.robots.trajectory import Float64, JointTrajectory


@dataclass(frozen=True)
class Extremes:
    """What each joint reaches over a whole trajectory; exact, not sampled.

    Attributes:
        low, high: least and greatest position [rad], (J,).
        speed: greatest magnitude of the velocity [rad/s], (J,).
        acceleration: greatest magnitude of the acceleration [rad/s^2], (J,).
    """

    low: Float64
    high: Float64
    speed: Float64
    acceleration: Float64


def extremes(trajectory: JointTrajectory) -> Extremes:
    """Return what a trajectory of at least one point reaches.

    Each segment is the cubic p(s) = p0 + m0 s + c2 s^2 + c3 s^3 for s from 0 to 1. Its position
    is extreme at its ends and where p'(s) = 0, its velocity at its ends and where p''(s) = 0, and
    its acceleration, which is linear, at its ends.
    """
    positions, velocities = trajectory.positions, trajectory.velocities
    if len(positions) == 1:
        still = np.zeros_like(positions[0])
        return Extremes(positions[0], positions[0], np.abs(velocities[0]), still)
    span = np.diff(trajectory.times_ns)[:, None] * 1e-9  # [s]
    p0, rise = positions[:-1], np.diff(positions, axis=0)
    m0, m1 = velocities[:-1] * span, velocities[1:] * span
    c2, c3 = 3.0 * rise - 2.0 * m0 - m1, m0 + m1 - 2.0 * rise

    # p'(s) = m0 + 2 c2 s + 3 c3 s^2, solved without cancellation. A root that is not there or
    # lies outside becomes some other point of the segment, which does no harm.
    root = np.sqrt(np.maximum(c2 * c2 - 3.0 * c3 * m0, 0.0))
    q = -(c2 + np.copysign(root, c2))
    with np.errstate(divide='ignore', invalid='ignore'):
        turns = np.stack([q / (3.0 * c3), m0 / q])  # (2, N - 1, J)
        bend = -c2 / (3.0 * c3)  # p''(s) = 0
    turns = np.clip(np.nan_to_num(turns), 0.0, 1.0)
    bend = np.clip(np.nan_to_num(bend), 0.0, 1.0)
    at_turns = p0 + turns * (m0 + turns * (c2 + turns * c3))
    at_bend = (m0 + bend * (2.0 * c2 + bend * (3.0 * c3))) / span
    at_ends = np.stack([2.0 * c2, 2.0 * c2 + 6.0 * c3]) / (span * span)
    return Extremes(
        low=np.minimum(positions.min(axis=0), at_turns.min(axis=(0, 1))),
        high=np.maximum(positions.max(axis=0), at_turns.max(axis=(0, 1))),
        speed=np.maximum(np.abs(velocities).max(axis=0), np.abs(at_bend).max(axis=0)),
        acceleration=np.abs(at_ends).max(axis=(0, 1)),
    )
