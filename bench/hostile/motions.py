"""Motions that keep well within the limits, graze them or break them, in every control mode."""

from __future__ import annotations

import functools

import mink
import numpy as np

from bench.hostile.setups import BRAKE_NS, KINEMATICS, ROWS, Setup
from dsrl_ros.core.types import ControlMode, Float64
from dsrl_ros.robots.model.franka import FR3

# To a limit and no further; and to it and back, which braking on the way would overshoot.
_APPROACHES = (np.array([1, 4, 9, 16]) / 16, np.array([0.5, 1.0, 0.5, 0.0]) / 0.875)
_GAP = 0.06  # [rad], [m]
_STARTS = 60


def rows_of(setup: Setup, drawn: np.random.Generator, rest: Float64, extent: float) -> Float64:
    """Return the arm's columns of a chunk, (ROWS, A).

    Args:
        setup: what they are made for.
        drawn: where they are drawn from.
        rest: joints in which the arm rests if nothing more comes [rad], (J,).
        extent: of the motion; about 1 it grazes a limit.
    """
    return _MOTIONS[setup.control_mode](setup, drawn, rest, extent)


@functools.cache
def starts() -> tuple[Float64, ...]:
    """Return joints that bring the tool to places all over the workspace and at its faces."""
    drawn = np.random.default_rng(0)
    low, high = np.array(FR3.workspace_low), np.array(FR3.workspace_high)
    middle = (low + high) / 2
    centre = KINEMATICS.solve_down(middle, np.array(FR3.home))
    found = []
    for number in range(_STARTS):
        place = drawn.uniform(low, high)
        if number % 3 == 0:
            axis = drawn.integers(3)
            place[axis] = (low, high)[drawn.integers(2)][axis] + drawn.uniform(-5e-3, 5e-3)
        joints = centre
        for share in (0.25, 0.5, 0.75, 1.0):  # bit by bit, as chunks would lead it there
            joints = KINEMATICS.solve_down(middle + share * (place - middle), joints)
        found.append(joints)
    return tuple(found)


def _velocities(setup: Setup, drawn: np.random.Generator, extent: float) -> Float64:
    """Return joint velocities whose worst of speed, acceleration and braking is `extent` times
    the limit, if they start from rest [rad/s], (ROWS, J).
    """
    robot, step_s = setup.robot, setup.step_ns * 1e-9
    velocities = np.cumsum(drawn.normal(size=(ROWS, robot.num_joints)), axis=0)
    if drawn.random() < 0.3:  # one joint alone, so that others keep well within
        velocities *= np.eye(robot.num_joints)[drawn.integers(robot.num_joints)]
    changes = np.diff(velocities, axis=0, prepend=0.0, append=0.0)
    speed = np.abs(velocities).max()
    worst = max(
        speed / min(robot.velocity_limit),
        speed / (BRAKE_NS * 1e-9) / min(robot.acceleration_limit),
        np.abs(changes).max() / step_s / min(robot.acceleration_limit),
    )
    scaled: Float64 = velocities * (extent / worst)
    return scaled


def _within_reach(values: Float64, limits: Float64) -> tuple[int, int]:
    """Return side and column of one of `limits`, (2, C), that `values`, (C,), may reach at once.

    The further it is, the faster the motion there, and the further braking on the way overshoots.
    """
    gaps = np.abs(np.abs(values - limits) - _GAP)
    side, column = np.unravel_index(int(np.argmin(gaps)), gaps.shape)
    return int(side), int(column)


def _joint_velocities(
    setup: Setup, drawn: np.random.Generator, _: Float64, extent: float
) -> Float64:
    return _velocities(setup, drawn, extent)


def _joint_positions(
    setup: Setup, drawn: np.random.Generator, rest: Float64, extent: float
) -> Float64:
    robot = setup.robot
    if 0.9 < extent < 1.1 and drawn.random() < 0.5:  # graze a position limit, gently
        limits = np.array([robot.position_low, robot.position_high])
        side, joint = _within_reach(rest, limits)
        goal = rest.copy()
        goal[joint] = limits[side, joint] + (1.0 - extent) * 0.01
        shares: Float64 = _APPROACHES[drawn.integers(2)][:, None]
        return rest + shares * (goal - rest)
    moved = np.cumsum(_velocities(setup, drawn, extent), axis=0) * (setup.step_ns * 1e-9)
    return rest + moved


def _shifts(setup: Setup, drawn: np.random.Generator, _: Float64, extent: float) -> Float64:
    walk = np.cumsum(drawn.normal(size=(ROWS, len(setup.columns))), axis=0)
    walk[:, :3] *= 0.01 * extent
    walk[:, 3:] *= 0.03 * extent
    return walk


def _poses(setup: Setup, drawn: np.random.Generator, rest: Float64, extent: float) -> Float64:
    pose = KINEMATICS.tool_pose(rest)
    steps = np.cumsum(drawn.normal(size=(ROWS, 6)), axis=0)
    grazing = 0.9 < extent < 1.1 and drawn.random() < 0.7
    if grazing:  # the workspace, and nothing else
        steps *= 0.05
    places = pose[:3, 3] + np.cumsum(0.006 * extent * steps[:, :3], axis=0)
    if grazing:
        edges = np.array([setup.robot.workspace_low, setup.robot.workspace_high])
        side, axis = _within_reach(pose[:3, 3], edges)
        way = edges[side, axis] + (1.0 - extent) * 0.05 - pose[axis, 3]
        places[:, axis] = pose[axis, 3] + way * _APPROACHES[drawn.integers(2)]
    here = mink.SO3.from_matrix(pose[:3, :3])
    turns = [(mink.SO3.exp(0.03 * extent * step[3:]) @ here).wxyz for step in steps]
    return np.hstack([places, np.array(turns) * drawn.uniform(0.92, 1.11)])


_MOTIONS = {
    ControlMode.JOINT_POSITION: _joint_positions,
    ControlMode.JOINT_VELOCITY: _joint_velocities,
    ControlMode.EE_POSE: _poses,
    ControlMode.EE_DELTA: _shifts,
}
