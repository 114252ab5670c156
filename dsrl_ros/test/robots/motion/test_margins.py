"""What is said to keep well within the limits does not exceed them, looked at exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.motion.extremes import extremes
from dsrl_ros.robots.motion.margins import Margins
from dsrl_ros.robots.motion.trajectory import JointTrajectory, hold

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
# Half a segment of 0.1 s and half the time to brake, at the greatest speed.
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
