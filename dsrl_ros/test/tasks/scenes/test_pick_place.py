"""Resets follow their seed, and success is a cube that rests in the bowl, nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.simulation.twin import Twin
from dsrl_ros.tasks.scenes import pick_place
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE


@pytest.fixture(scope='module')
def kinematics():
    return Kinematics(PICK_PLACE.robot)


@pytest.fixture(scope='module')
def twin():
    return Twin(PICK_PLACE.robot, PICK_PLACE.scene)


def settle(twin, kinematics, cube_position, seconds=1.0):
    """Let go of the cube at `cube_position`, the arm at its start, and wait."""
    pose = np.array([*cube_position, 1.0, 0.0, 0.0, 0.0])
    twin.reset(PICK_PLACE.start_joints(kinematics), 0.08, {'cube': pose})
    twin.advance(round(seconds * 1e9))


def test_the_same_seed_gives_the_same_start_and_another_seed_another(kinematics):
    one, same, other = (PICK_PLACE.sample_reset(seed, kinematics) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.bodies['cube'], same.bodies['cube'])
    assert not np.array_equal(one.bodies['cube'], other.bodies['cube'])


def test_starts_fill_their_region_and_are_no_success(kinematics, twin):
    """No cube starts in the bowl, or outside what the demonstrations cover."""
    cubes = np.array([PICK_PLACE.sample_reset(s, kinematics).bodies['cube'] for s in range(200)])
    assert (cubes[:, :2] >= pick_place.CUBE_LOW).all()
    assert (cubes[:, :2] <= pick_place.CUBE_HIGH).all()
    span = np.array(pick_place.CUBE_HIGH) - np.array(pick_place.CUBE_LOW)
    assert (np.ptp(cubes[:, :2], axis=0) > 0.9 * span).all()
    settle(twin, kinematics, cubes[0, :3])
    assert not PICK_PLACE.succeeded(twin)


def test_a_cube_at_rest_in_the_bowl_is_a_success(twin, kinematics):
    settle(twin, kinematics, (*pick_place.BOWL, 0.08))
    assert PICK_PLACE.succeeded(twin)


def test_a_cube_that_still_falls_is_not(twin, kinematics):
    settle(twin, kinematics, (*pick_place.BOWL, 0.10), seconds=0.1)
    assert not PICK_PLACE.succeeded(twin)


def test_a_cube_beside_the_bowl_or_on_its_rim_is_not(twin, kinematics):
    x, y = pick_place.BOWL
    settle(twin, kinematics, (x, y - 0.12, pick_place.CUBE_HALF))
    assert not PICK_PLACE.succeeded(twin)


def test_a_cube_that_the_gripper_still_touches_is_not(twin, kinematics):
    """Success needs the cube released: reaching into the bowl with it is not enough."""
    settle(twin, kinematics, (*pick_place.BOWL, 0.08))
    cube = twin.object_pose('cube')
    grasp = cube[:3] + np.array([0.0, 0.0, 0.005])
    joints = kinematics.solve_down(grasp, PICK_PLACE.start_joints(kinematics))
    twin.reset(joints, 0.08, {'cube': cube})
    twin.set_gripper(0.0)
    twin.advance(800_000_000)
    assert not PICK_PLACE.succeeded(twin)
    twin.set_gripper(0.08)
    twin.advance(2_000_000_000)
    assert PICK_PLACE.succeeded(twin)


def test_the_bowl_is_where_the_task_says(twin):
    np.testing.assert_allclose(twin.object_pose('bowl')[:2], pick_place.BOWL)


def test_the_observation_is_what_its_names_say(twin, kinematics):
    settle(twin, kinematics, (0.5, -0.1, pick_place.CUBE_HALF))
    cube = twin.object_pose('cube')
    seen = dict(
        zip(
            PICK_PLACE.state_names,
            PICK_PLACE.observe(twin.state(), {'cube': cube}, kinematics),
            strict=True,
        )
    )
    assert seen['tool_x'] == pytest.approx(pick_place.START_TOOL[0], abs=1e-4)
    assert seen['tool_z'] + seen['cube_from_tool_z'] == pytest.approx(cube[2], abs=1e-6)
    assert seen['tool_y'] + seen['cube_from_tool_y'] == pytest.approx(-0.1, abs=1e-3)
    assert seen['gripper_width'] == pytest.approx(0.08, abs=1e-3)
