"""The tool is told to be inside the box or beyond it to a millionth of a millimetre."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.trajectory import JointTrajectory, hold
from dsrl_ros.robots.safety.workspace import WORKSPACE_TOLERANCE, Workspace

MS = 1_000_000
BRAKE_NS = 100 * MS
NEAR = 1e-9  # [m]: in single precision there is nothing between this and the edge
KINEMATICS = Kinematics(FR3)
START = KINEMATICS.solve_down(np.array([0.5, 0.1, 0.2]), np.array(FR3.home))
TOOL = KINEMATICS.tool_position(START)


def box(axis: int, low: float | None = None, high: float | None = None) -> Workspace:
    """Return the robot's box with faces so far from the start, the tolerance included."""
    lows, highs = np.array(FR3.workspace_low), np.array(FR3.workspace_high)
    if low is not None:
        lows[axis] = TOOL[axis] + low + WORKSPACE_TOLERANCE
    if high is not None:
        highs[axis] = TOOL[axis] + high - WORKSPACE_TOLERANCE
    robot = replace(FR3, workspace_low=tuple(lows), workspace_high=tuple(highs))
    return Workspace(robot, BRAKE_NS)


@pytest.mark.parametrize('axis', range(3))
def test_the_edge_is_where_it_is(axis: int) -> None:
    assert box(axis, low=-NEAR).violation(hold(START), wider=False) is None
    assert box(axis, high=NEAR).violation(hold(START), wider=False) is None
    for beyond in (box(axis, low=NEAR), box(axis, high=-NEAR)):
        violation = beyond.violation(hold(START), wider=False)
        assert violation is not None
        np.testing.assert_allclose(violation.tool, TOOL, atol=1e-12)


def test_a_tool_that_strays_between_points_or_when_stopped_is_found() -> None:
    """About the base: out and back between two points; and out only if it is stopped there."""
    velocities = np.zeros((2, 7))
    velocities[:, 0] = 0.4, -0.4
    bulge = JointTrajectory(np.array([0, 200 * MS]), np.stack([START, START]), velocities)
    swing, rest = 0.5 * 0.02, 0.5 * 0.02  # half-way 0.02 rad off, at about half a metre
    assert box(1, high=swing + rest + 0.01).violation(bulge, wider=False) is None
    assert box(1, high=0.5 * swing).violation(bulge, wider=False) is not None
    # At once it would brake to 0.02 rad off and never be there on its way out.
    brief = JointTrajectory(np.array([0, 10 * MS]), bulge.positions, velocities)
    assert box(1, high=0.5 * rest).violation(brief, wider=False) is not None
    still = replace(brief, velocities=np.zeros((2, 7)))
    assert box(1, high=0.5 * rest).violation(still, wider=False) is None


def test_a_move_may_lie_where_it_begins_and_ends() -> None:
    beyond = box(2, high=-0.1)
    assert beyond.violation(hold(START), wider=False) is not None
    assert beyond.violation(hold(START), wider=True) is None
