"""Looks at every segment that goes out, with arithmetic of its own: none of the gate's is used."""

from __future__ import annotations

import functools

import numpy as np

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.execution.chunk_executor import Segment
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.tool_path import ToolPath
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.robots.safety.workspace import WORKSPACE_TOLERANCE

_ROUNDING = 2e-6  # twice the gate's
_PARTS = np.linspace(0.0, 1.0, 17)
_LONGEST_NS = 200_000_000


def _basis(s: Float64) -> tuple[Float64, Float64, Float64]:
    """Return the cubic Hermite basis and its derivatives, each (4, S), for s from 0 to 1."""
    one = np.ones_like(s)
    place = [2 * s**3 - 3 * s**2 + 1, s**3 - 2 * s**2 + s, 3 * s**2 - 2 * s**3, s**3 - s**2]
    speed = [6 * s**2 - 6 * s, 3 * s**2 - 4 * s + 1, 6 * s - 6 * s**2, 3 * s**2 - 2 * s]
    change = [12 * s - 6 * one, 6 * s - 4 * one, 6 * one - 12 * s, 6 * s - 2 * one]
    return np.array(place), np.array(speed), np.array(change)


_BASIS = _basis(_PARTS)


@functools.cache
def _tool_path(robot: RobotDescription) -> ToolPath:
    return ToolPath(robot)


class SegmentAudit:
    """Follows the segments of one robot and says what is wrong with them."""

    def __init__(self, robot: RobotDescription, brake_ns: int) -> None:
        """Prepare.

        Args:
            robot: whose limits.
            brake_ns: time to brake to rest [ns].
        """
        self._robot = robot
        self._brake_s = brake_ns * 1e-9
        self._low, self._high = np.array(robot.position_low), np.array(robot.position_high)
        self._speed = np.array(robot.velocity_limit)
        self._acceleration = np.array(robot.acceleration_limit)
        # As far out as the planner may bulge, and as far again between two looks of the gate.
        self._box_low = np.array(robot.workspace_low) - 2 * WORKSPACE_TOLERANCE
        self._box_high = np.array(robot.workspace_high) + 2 * WORKSPACE_TOLERANCE
        self._tool = _tool_path(robot)
        self._segments: list[Segment] = []
        self._rest = np.zeros(robot.num_joints)

    def engage(self, joints: Float64) -> None:
        """Begin anew with an arm at rest at `joints` [rad], (J,)."""
        self._segments = []
        self._rest = joints

    @property
    def rest(self) -> Float64:
        """Joints in which the arm rests if nothing more is sent [rad], (J,)."""
        return self._segments[-1].trajectory.positions[-1] if self._segments else self._rest

    def commanded(self, time_ns: int) -> tuple[Float64, Float64]:
        """Return position and velocity that the segments sent so far command at a time, (J,).

        A segment is followed from its start on, and the one before it until then.
        """
        begun = [segment for segment in self._segments if segment.start_ns <= time_ns]
        if not begun:
            return self._rest, np.zeros_like(self._rest)
        return _state(begun[-1].trajectory, time_ns - begun[-1].start_ns)

    def wrongs(self, segment: Segment) -> list[str]:
        """Return what is wrong with a segment that is being sent; empty when nothing is."""
        found = self._limits(segment)
        position, velocity = self.commanded(segment.start_ns)
        first = segment.trajectory
        jump = np.abs(first.positions[0] - position).max()
        kick = np.abs(first.velocities[0] - velocity).max()
        checks = {
            'jump': jump <= _ROUNDING and kick <= _ROUNDING,
            'no rest': not first.velocities[-1].any(),
            'long': first.duration_ns <= _LONGEST_NS,
            'hand-off': segment.start_ns
            < segment.handoff_ns
            <= segment.start_ns + first.duration_ns,
            'width': segment.width is None
            or self._robot.gripper_low <= segment.width <= self._robot.gripper_high,
        }
        self._segments = [
            old for old in self._segments[-2:] if old.start_ns < segment.start_ns
        ] + [segment]
        return found + [name for name, fine in checks.items() if not fine]

    def _limits(self, segment: Segment) -> list[str]:
        positions, velocities, accelerations = _everywhere(segment.trajectory)
        # Until the hand-off the arm may be stopped; then the segment itself stops it.
        handoff_ns = segment.handoff_ns - segment.start_ns
        handed_over = handoff_ns < segment.trajectory.duration_ns
        stops = handed_over & (segment.trajectory.times_ns[:-1] < handoff_ns)
        rests = positions[:, stops] + velocities[:, stops] * self._brake_s / 2
        along = np.concatenate([positions, rests], axis=1)
        tool = self._tool(along[::4].reshape(-1, along.shape[-1]))
        checks = {
            'finite': np.isfinite(along).all(),
            'position': _within(along, self._low, self._high),
            'velocity': _within(velocities, -self._speed, self._speed),
            'acceleration': _within(accelerations, -self._acceleration, self._acceleration),
            'braking': _within(
                velocities / self._brake_s, -self._acceleration, self._acceleration
            ),
            'workspace': _within(tool, self._box_low, self._box_high),
        }
        return [name for name, fine in checks.items() if not fine]


def _within(values: Float64, low: Float64, high: Float64) -> bool:
    return bool((values >= low - _ROUNDING).all() and (values <= high + _ROUNDING).all())


def _segments(trajectory: JointTrajectory) -> tuple[Float64, Float64]:
    """Return spans [s], (N - 1, 1), and the Hermite data of each segment, (4, N - 1, J)."""
    span = np.diff(trajectory.times_ns)[:, None] * 1e-9
    p, v = trajectory.positions, trajectory.velocities
    return span, np.stack([p[:-1], v[:-1] * span, p[1:], v[1:] * span])


def _everywhere(trajectory: JointTrajectory) -> tuple[Float64, Float64, Float64]:
    """Return positions, velocities, accelerations all along a trajectory, (S, N - 1, J)."""
    span, data = _segments(trajectory)
    place, speed, change = (np.tensordot(basis, data, (0, 0)) for basis in _BASIS)
    return place, speed / span, change / span**2


def _state(trajectory: JointTrajectory, time_ns: int) -> tuple[Float64, Float64]:
    times = trajectory.times_ns
    if time_ns >= times[-1]:
        return trajectory.positions[-1], np.zeros_like(trajectory.positions[-1])
    i = int(np.searchsorted(times, time_ns, side='right')) - 1
    span, data = _segments(trajectory)
    s = (time_ns - times[i]) / (times[i + 1] - times[i])
    place, speed, _ = _basis(np.array([s]))
    return (place.T @ data[:, i])[0], (speed.T @ data[:, i])[0] / span[i]
