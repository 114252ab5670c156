"""A joint trajectory in time, and how it is read between its points. Knows no robot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import Float64

Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Cubics:
    """The cubics between the points of a trajectory, all at once.

    Each is p(s) = p0 + m0 s + c2 s^2 + c3 s^3, for s from 0 to 1.

    Attributes:
        span: time from s = 0 to s = 1 [s], (S, 1).
        p0, m0, c2, c3: coefficients [rad], (S, J).
    """

    span: Float64
    p0: Float64
    m0: Float64
    c2: Float64
    c3: Float64


@dataclass(frozen=True)
class JointTrajectory:
    """Points to pass through, joined by cubic Hermite splines.

    Times are whole nanoseconds and positions are double precision, so that a trajectory survives
    a ROS message unchanged to the last bit.

    Attributes:
        times_ns: time of each point after the trajectory's start [ns], (N,), rising, first 0.
        positions: [rad], (N, J).
        velocities: [rad/s], (N, J); zero in the last row when the trajectory ends at rest.
    """

    times_ns: Int64
    positions: Float64
    velocities: Float64

    def __post_init__(self) -> None:
        points = len(self.times_ns)
        require_shape('trajectory positions', self.positions, (points, None))
        require_shape('trajectory velocities', self.velocities, self.positions.shape)
        require_finite('trajectory positions', self.positions)
        require_finite('trajectory velocities', self.velocities)
        rising = points > 0 and self.times_ns[0] == 0 and bool((np.diff(self.times_ns) > 0).all())
        if not rising:
            raise ShapeMismatchError(
                f'trajectory times: got {self.times_ns.tolist()}, expected rising from 0 [ns].'
            )

    @property
    def duration_ns(self) -> int:
        """Time of the last point [ns]."""
        return int(self.times_ns[-1])

    @cached_property
    def cubics(self) -> Cubics:
        """The cubics between the points; none for a single one."""
        span = np.diff(self.times_ns)[:, None] * 1e-9
        rise = np.diff(self.positions, axis=0)
        m0, m1 = self.velocities[:-1] * span, self.velocities[1:] * span
        c2, c3 = 3.0 * rise - 2.0 * m0 - m1, m0 + m1 - 2.0 * rise
        return Cubics(span, self.positions[:-1], m0, c2, c3)

    def sample(self, time_ns: int | Int64) -> tuple[Float64, Float64]:
        """Return position and velocity at one or several times.

        Before the first and after the last point the position is that point's and the velocity
        is zero. A value depends on the two points around it and on nothing else, and on a point
        it is that point's, so that any window cut out of a trajectory gives the same bits.

        Args:
            time_ns: time after the start [ns], a number or (T,).

        Returns:
            Positions [rad] and velocities [rad/s], (J,) or (T, J).
        """
        time = np.asarray(time_ns, dtype=np.int64)
        last = len(self.times_ns) - 1
        if last == 0:
            position = np.broadcast_to(self.positions[0], (*time.shape, self.positions.shape[1]))
            return position.copy(), np.zeros_like(position)
        inside = np.clip(time, 0, self.duration_ns)
        left = np.minimum(np.searchsorted(self.times_ns, inside, side='right') - 1, last - 1)
        start = self.times_ns[left]
        span = (self.times_ns[left + 1] - start)[..., None] * 1e-9  # [s]
        s = (inside - start)[..., None] * 1e-9 / span  # 0 to 1 within the cubic
        p0, p1 = self.positions[left], self.positions[left + 1]
        m0, m1 = self.velocities[left] * span, self.velocities[left + 1] * span
        rise = p1 - p0
        c2, c3 = 3.0 * rise - 2.0 * m0 - m1, m0 + m1 - 2.0 * rise
        position = p0 + s * (m0 + s * (c2 + s * c3))
        velocity = (m0 + s * (2.0 * c2 + s * (3.0 * c3))) / span
        outside = (time != inside)[..., None]
        # At a point its own numbers, not what the neighbouring cubic rounds them to.
        at_left, at_right = s == 0.0, s == 1.0
        position = np.where(at_right, p1, position)
        velocity = np.where(at_left, self.velocities[left], velocity)
        velocity = np.where(at_right, self.velocities[left + 1], velocity)
        return position, np.where(outside, 0.0, velocity)

    def subdivided(self, parts: int) -> tuple[Float64, Float64]:
        """Return position and velocity at the start of each part of each cubic, and at the end.

        Args:
            parts: how many equal parts a cubic is divided into.

        Returns:
            Positions [rad] and velocities [rad/s], (parts * (N - 1) + 1, J).
        """
        span = (self.times_ns[1:] - self.times_ns[:-1])[:, None] * 1e-9
        ends = np.empty((4, *span.shape[:1], self.positions.shape[1]))
        ends[0], ends[1] = self.positions[:-1], self.positions[1:]
        np.multiply(self.velocities[:-1], span, out=ends[2])
        np.multiply(self.velocities[1:], span, out=ends[3])
        # One product for all: (2 * parts, 4) by (4, (N - 1) * J).
        found = (_hermite(parts) @ ends.reshape(4, -1)).reshape(2, parts, *ends.shape[1:])
        found[1] /= span
        rows = found.reshape(2, -1, ends.shape[2])
        return (
            np.concatenate([rows[0], self.positions[-1:]]),
            np.concatenate([rows[1], self.velocities[-1:]]),
        )


@lru_cache(maxsize=8)
def _hermite(parts: int) -> Float64:
    """Return weights of p0, p1, m0, m1 where parts start, of p(s), then p'(s), (2 * parts, 4)."""
    s = np.arange(parts) / parts
    rise, dip = s * s * (3.0 - 2.0 * s), 6.0 * s * (1.0 - s)
    place = [1.0 - rise, rise, s * (1.0 - s) ** 2, s * s * (s - 1.0)]
    slope = [-dip, dip, (1.0 - s) * (1.0 - 3.0 * s), s * (3.0 * s - 2.0)]
    basis: Float64 = np.hstack([place, slope]).T
    return basis


def hold(position: Float64) -> JointTrajectory:
    """Return the trajectory that stays at `position`, (J,)."""
    row = np.array(position, dtype=np.float64)[None]
    return JointTrajectory(np.zeros(1, dtype=np.int64), row, np.zeros_like(row))
