"""The arm's kinematics are the published ones, and every place in the workspace is reached."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dsrl_ros.core.errors import DriverError
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics

# Denavit-Hartenberg parameters (Craig) of joints 1 to 7 and of the flange, from Franka's FCI
# documentation: a [m], d [m], alpha [rad].
DH = (
    (0.0, 0.333, 0.0),
    (0.0, 0.0, -np.pi / 2),
    (0.0, 0.316, np.pi / 2),
    (0.0825, 0.0, np.pi / 2),
    (-0.0825, 0.384, -np.pi / 2),
    (0.0, 0.0, np.pi / 2),
    (0.088, 0.0, np.pi / 2),
    (0.0, 0.107, 0.0),
)
TOOL_FROM_FLANGE = (0.0, 0.1034, 0.0)  # the point between the fingertips of the Franka Hand
HAND_ANGLE = -np.pi / 4  # the hand is mounted turned about the flange axis


def craig(a, d, alpha, theta):
    ca, sa, ct, st = np.cos(alpha), np.sin(alpha), np.cos(theta), np.sin(theta)
    return np.array(
        [
            [ct, -st, 0, a],
            [st * ca, ct * ca, -sa, -d * sa],
            [st * sa, ct * sa, ca, d * ca],
            [0, 0, 0, 1],
        ]
    )


def published_tool_pose(joints):
    pose = np.eye(4)
    for parameters, angle in zip(DH, [*joints, HAND_ANGLE], strict=True):
        pose = pose @ craig(*parameters, angle)
    return pose @ craig(*TOOL_FROM_FLANGE, 0.0)


@pytest.fixture(scope='module')
def kinematics():
    return Kinematics(FR3)


def test_forward_kinematics_are_the_published_ones(kinematics):
    """The MJCF and the Denavit-Hartenberg parameters of the manufacturer agree everywhere."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        joints = rng.uniform(FR3.position_low, FR3.position_high)
        np.testing.assert_allclose(
            kinematics.tool_pose(joints), published_tool_pose(joints), atol=1e-9
        )


def test_the_ready_pose_is_where_everyone_knows_it(kinematics):
    """In `ready` the tool is at x = 0.307, z = 0.487 m and points straight down."""
    pose = kinematics.tool_pose(np.array(FR3.home))
    np.testing.assert_allclose(pose[:3, 3], [0.3069, 0.0, 0.4869], atol=1e-4)
    np.testing.assert_allclose(pose[:3, :3], np.diag([1.0, -1.0, -1.0]), atol=1e-9)


def test_every_corner_of_the_workspace_is_reached_within_the_limits(kinematics):
    """A chunk kept inside the workspace box can always be planned, starting from any corner."""
    box = list(zip(FR3.workspace_low, FR3.workspace_high, strict=True))
    corners = [np.array(corner) for corner in itertools.product(*box)]
    seed = kinematics.solve_down(np.mean(corners, axis=0), np.array(FR3.home))
    for corner in corners:
        joints = seed
        for part in np.linspace(0.0, 1.0, 6)[1:]:
            joints = kinematics.solve_down(
                (1 - part) * kinematics.tool_position(seed) + part * corner, joints
            )
        pose = kinematics.tool_pose(joints)
        np.testing.assert_allclose(pose[:3, 3], corner, atol=2e-5)
        np.testing.assert_allclose(pose[:3, 2], [0.0, 0.0, -1.0], atol=2e-4)
        assert (joints >= FR3.position_low).all() and (joints <= FR3.position_high).all()


def test_a_solution_does_not_depend_on_what_was_solved_before(kinematics):
    """Driver and environment solve in another order and get the same bits."""
    target, seed = np.array([0.5, 0.1, 0.1]), np.array(FR3.home)
    first = kinematics.solve_down(target, seed)
    kinematics.solve_down(np.array([0.4, -0.2, 0.3]), seed)
    np.testing.assert_array_equal(kinematics.solve_down(target, seed), first)


def test_a_place_out_of_reach_is_an_error_that_says_where(kinematics):
    with pytest.raises(DriverError, match=r'got tool target \[2\.0, 0\.0, 0\.1\] m'):
        kinematics.solve_down(np.array([2.0, 0.0, 0.1]), np.array(FR3.home))
