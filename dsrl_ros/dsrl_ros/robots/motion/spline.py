"""The motion through a row of targets: a causal quadratic B-spline in time. Knows no actions.

At the end of a step the arm is half-way between the target of that step and the one before, at the
velocity that leads on. Within a step the acceleration is constant, and where a sequence of steps
is cut into chunks makes no difference. After the last step it brakes within one more, evenly, to
rest on the last target.
"""

from __future__ import annotations

import numpy as np

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.motion.trajectory import JointTrajectory


def spline(
    joints: Float64, velocity: Float64, targets: Float64, step_period_ns: int, points_per_step: int
) -> JointTrajectory:
    """Return the motion through the targets to rest, one step after the last of them.

    Args:
        joints: where it starts [rad], (J,).
        velocity: at which it starts [rad/s], (J,).
        targets: the one aimed at before, then that of each step [rad], (n + 1, J).
        step_period_ns: time of one step [ns].
        points_per_step: points that each step adds.
    """
    steps = len(targets)
    by_steps = JointTrajectory(
        np.arange(steps + 1, dtype=np.int64) * step_period_ns,
        np.vstack([joints, (targets[:-1] + targets[1:]) / 2, targets[-1]]),
        np.vstack(
            [velocity, np.diff(targets, axis=0) / (1e-9 * step_period_ns), np.zeros_like(joints)]
        ),
    )
    points = steps * points_per_step + 1
    times_ns = np.linspace(0, by_steps.duration_ns, points).round().astype(np.int64)
    return JointTrajectory(times_ns, *by_steps.sample(times_ns))
