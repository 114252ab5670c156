"""Cuts a plan into the short windows that a controller gets, each safe to be the last.

If the next window never comes, the controller runs out the braking of the one it has and rests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.motion.trajectory import JointTrajectory


@dataclass(frozen=True)
class Window:
    """A stretch of a plan, and after it braking to rest unless the plan rests there by itself.

    Attributes:
        trajectory: what to send; ends at rest.
        start_ns: time of its first point after the plan's start [ns].
        handoff_ns: time after the plan's start at which the next window takes over [ns].
        last: point of the plan at the hand-off.
    """

    trajectory: JointTrajectory
    start_ns: int
    handoff_ns: int
    last: int


def cut(
    plan: JointTrajectory, first: int, end: int, longest_ns: int, brake_ns: int
) -> list[Window]:
    """Cut a plan from point `first` to point `end` into windows of at most `longest_ns`.

    Hand-offs lie on points of the plan, and its points are copied as they are: following the
    windows one after the other gives the plan, to the last bit.

    Args:
        plan: what to cut; it may go on after `end`.
        first, end: points of the plan, first < end.
        longest_ns: longest duration of a window, braking included [ns].
        brake_ns: time to brake to rest [ns], less than `longest_ns`.

    Raises:
        ConfigError: two points of the plan are too far apart for such windows.
    """
    windows = []
    while first < end:
        start_ns = int(plan.times_ns[first])
        if plan.duration_ns - start_ns <= longest_ns:
            last, stop = end, len(plan.times_ns)  # the plan rests by itself
        else:
            fits_ns = start_ns + longest_ns - brake_ns
            last = min(int(np.searchsorted(plan.times_ns, fits_ns, side='right')) - 1, end)
            stop = last + 1
        if last == first:
            gap_ns = int(plan.times_ns[first + 1]) - start_ns
            raise ConfigError(
                f'windows: got points {gap_ns / 1e6:g} ms apart, expected at most '
                f'{(longest_ns - brake_ns) / 1e6:g} ms, so that a window of '
                f'{longest_ns / 1e6:g} ms holds one and {brake_ns / 1e6:g} ms of braking. '
                'Take a policy with shorter steps or a shorter brake.'
            )
        window = JointTrajectory(
            plan.times_ns[first:stop] - start_ns,
            plan.positions[first:stop],
            plan.velocities[first:stop],
        )
        if stop < len(plan.times_ns):
            window = _then_brake(window, brake_ns)
        windows.append(Window(window, start_ns, int(plan.times_ns[last]), last))
        first = last
    return windows


def rest_positions(positions: Float64, velocities: Float64, brake_ns: int) -> Float64:
    """Return where joints come to rest that brake evenly over `brake_ns` [rad], same shape."""
    return positions + velocities * (0.5e-9 * brake_ns)


def braking(position: Float64, velocity: Float64, brake_ns: int) -> JointTrajectory:
    """Return the trajectory that brakes evenly to rest, from `position` and `velocity`, (J,)."""
    start = JointTrajectory(np.zeros(1, dtype=np.int64), position[None], velocity[None])
    return _then_brake(start, brake_ns)


def _then_brake(trajectory: JointTrajectory, brake_ns: int) -> JointTrajectory:
    rest = rest_positions(trajectory.positions[-1], trajectory.velocities[-1], brake_ns)
    return JointTrajectory(
        np.append(trajectory.times_ns, trajectory.duration_ns + brake_ns),
        np.vstack([trajectory.positions, rest]),
        np.vstack([trajectory.velocities, np.zeros_like(rest)]),
    )
