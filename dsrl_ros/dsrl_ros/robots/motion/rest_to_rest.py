"""Times a path of joint positions from rest to rest, within a robot's limits. Plans no path."""

from __future__ import annotations

import numpy as np

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import ConfigError, ShapeMismatchError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.motion.extremes import extremes
from dsrl_ros.robots.motion.trajectory import JointTrajectory, hold

# Close enough that the cubic between two points stays near the quintic it samples, and that a
# window of 0.2 s holds several.
_POINT_NS = 50_000_000
_SAME = 1e-9  # two points of a path nearer than this are one [rad]


def timed(path: Float64, velocity_limit: Float64, acceleration_limit: Float64) -> JointTrajectory:
    """Return the trajectory that follows a path from rest to rest, no faster than the limits.

    The way along the path grows as the quintic 10 t^3 - 15 t^4 + 6 t^5, which starts and ends
    with neither velocity nor acceleration. Its duration is the shortest for which no joint
    exceeds its limits anywhere, found by stretching: velocities scale with 1 / T, accelerations
    with 1 / T^2.

    Args:
        path: joints to pass [rad], (N, J), N >= 1; between them the path is a cubic.
        velocity_limit: [rad/s], (J,), more than 0.
        acceleration_limit: [rad/s^2], (J,), more than 0.

    Raises:
        ShapeMismatchError, NonFiniteError: a path that is not (N, J) and finite.
        ConfigError: a limit that is not more than 0.
    """
    path = np.array(path, dtype=np.float64)
    require_shape('path', path, (None, len(velocity_limit)))
    require_finite('path', path)
    if not len(path):
        raise ShapeMismatchError('path: got no point, expected at least one.')
    for name, limit in (
        ('velocity limit', velocity_limit),
        ('acceleration limit', acceleration_limit),
    ):
        if not (np.isfinite(limit).all() and (np.asarray(limit) > 0).all()):
            raise ConfigError(f'{name}: got {np.asarray(limit).tolist()}, expected more than 0.')
    moved = np.concatenate([[True], np.abs(np.diff(path, axis=0)).max(axis=1) > _SAME])
    path = path[moved]
    if len(path) == 1:
        return hold(path[0])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    slopes = _slopes(path, along)
    spans = 4  # of the first try; it shows by how much to stretch
    while True:
        trajectory = _follow(path, along, slopes, spans)
        reached = extremes(trajectory)
        excess = max(
            float((reached.speed / velocity_limit).max()),
            float(np.sqrt((reached.acceleration / acceleration_limit).max())),
        )
        if excess <= 1.0:
            return trajectory
        spans = max(spans + 1, int(spans * excess))


def _follow(path: Float64, along: Float64, slopes: Float64, spans: int) -> JointTrajectory:
    """Return the trajectory of so many spans of `_POINT_NS` each."""
    t = np.linspace(0.0, 1.0, spans + 1)
    length, duration_s = along[-1], spans * _POINT_NS * 1e-9
    way = length * t**3 * (10.0 - 15.0 * t + 6.0 * t * t)
    speed = length * 30.0 * t * t * (1.0 - t) ** 2 / duration_s
    way[-1], speed[-1] = length, 0.0
    left = np.clip(np.searchsorted(along, way, side='right') - 1, 0, len(along) - 2)
    span = (along[left + 1] - along[left])[:, None]
    s = (way - along[left])[:, None] / span
    p0, rise = path[left], path[left + 1] - path[left]
    m0, m1 = slopes[left] * span, slopes[left + 1] * span
    c2, c3 = 3.0 * rise - 2.0 * m0 - m1, m0 + m1 - 2.0 * rise
    positions = p0 + s * (m0 + s * (c2 + s * c3))
    tangents = (m0 + s * (2.0 * c2 + s * (3.0 * c3))) / span
    positions[0], positions[-1] = path[0], path[-1]
    times_ns = np.arange(spans + 1, dtype=np.int64) * _POINT_NS
    return JointTrajectory(times_ns, positions, tangents * speed[:, None])


def _slopes(path: Float64, along: Float64) -> Float64:
    """Return d path / d along at each point, (N, J): a parabola's through each three points."""
    secants = np.diff(path, axis=0) / np.diff(along)[:, None]
    if len(path) == 2:
        return np.vstack([secants, secants])
    before, after = np.diff(along)[:-1, None], np.diff(along)[1:, None]
    inner = (secants[:-1] * after + secants[1:] * before) / (before + after)
    return np.vstack([secants[:1], inner, secants[-1:]])
