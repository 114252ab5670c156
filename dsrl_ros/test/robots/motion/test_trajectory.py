"""A trajectory looked at evenly is the trajectory sampled there."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_ros.robots.motion.trajectory import JointTrajectory

MS = 1_000_000


@pytest.mark.parametrize('parts', [1, 4])
@pytest.mark.parametrize('points', [1, 2, 6])
def test_looks_are_samples(points: int, parts: int) -> None:
    rng = np.random.default_rng(points)
    times = np.arange(points) * 100 * MS + rng.integers(0, 10, points).cumsum() * 4 * MS
    times -= times[0]
    velocities = rng.normal(size=(points, 3))
    velocities[-1] = 0.3  # `sample` takes a trajectory to rest after its end only
    trajectory = JointTrajectory(times, rng.normal(size=(points, 3)), velocities)
    steps = np.diff(times)[:, None] * np.arange(parts) // parts
    at = np.append((times[:-1, None] + steps).T.ravel(), times[-1])
    positions, speeds = trajectory.subdivided(parts)
    wanted = trajectory.sample(at)
    np.testing.assert_allclose(positions, wanted[0], atol=1e-13)
    if points > 1:
        np.testing.assert_allclose(speeds, wanted[1], atol=1e-12)
    assert (speeds[-1] == 0.3).all()
