"""The twin repeats itself to the bit, follows closely, and grips like a Franka Hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsrl_ros.core.errors import ConfigError, DriverError
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.motion.trajectory import hold
from dsrl_ros.robots.simulation.simulated_arm import SimulatedArm
from dsrl_ros.robots.simulation.twin import Twin
from dsrl_ros.tasks.scenes import pick_place
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE

STEP_NS = PICK_PLACE.step_period_ns
CUBE = np.array([0.5, -0.1, pick_place.CUBE_HALF, 1.0, 0.0, 0.0, 0.0])


def make_arm():
    arm = SimulatedArm(FR3, PICK_PLACE.scene, STEP_NS)
    arm.reset(PICK_PLACE.start_joints(arm.kinematics), 0.08, {'cube': CUBE})
    return arm


@pytest.fixture(scope='module')
def shared_arm():
    return make_arm()


@pytest.fixture
def arm(shared_arm):
    shared_arm.reset(PICK_PLACE.start_joints(shared_arm.kinematics), 0.08, {'cube': CUBE})
    return shared_arm


def steps(displacement, gripper, count):
    row = [*(np.array(displacement) / count), gripper]
    return np.tile(np.array(row, dtype=np.float32), (count, 1))


def pick_up(arm):
    """Grasp the cube and lift it by 10 cm."""
    above = CUBE[:2] - pick_place.START_TOOL[:2]
    arm.run(steps((*above, 0), 1, 3))
    arm.run(steps((0, 0, CUBE[2] - pick_place.START_TOOL[2]), 1, 4))
    arm.run(steps((0, 0, 0), -1, 4))
    arm.run(steps((0, 0, 0.1), -1, 4))
    arm.run(steps((0, 0, 0), -1, 2))


def everything(arm):
    return np.concatenate([arm.twin.data.qpos, arm.twin.data.qvel])


def test_a_second_run_gives_the_same_bits(arm):
    """A reset leaves nothing behind, and a new twin is no different from a used one."""
    pick_up(arm)
    first = everything(arm)
    fresh = make_arm()
    pick_up(fresh)
    np.testing.assert_array_equal(everything(fresh), first)
    arm.reset(PICK_PLACE.start_joints(arm.kinematics), 0.08, {'cube': CUBE})
    pick_up(arm)
    np.testing.assert_array_equal(everything(arm), first)


def test_the_portions_of_time_change_no_bit(arm):
    """A driver that looks every 10 ms sees the world that an environment steps at once."""
    actions = steps((0.05, -0.1, -0.12), -1, 3)
    arm.run(actions)
    at_once = everything(arm)
    arm.reset(PICK_PLACE.start_joints(arm.kinematics), 0.08, {'cube': CUBE})
    arm.follow(arm.plan(actions))
    while arm.twin.now_ns < arm.end_ns:
        arm.advance(arm.twin.now_ns + 10_000_000)
        arm.state()
    np.testing.assert_array_equal(everything(arm), at_once)


def test_the_arm_follows_within_a_few_millimetres(arm):
    """At 0.3 m/s the tool is where it was told to be."""
    arm.follow(arm.plan(steps((0.06, -0.2, 0.12), 1, 4)))
    worst = 0.0
    while arm.twin.now_ns < arm.end_ns:
        arm.advance(arm.twin.now_ns + 20_000_000)
        wanted = arm.kinematics.tool_position(arm.commanded.joints)
        worst = max(
            worst, np.abs(arm.kinematics.tool_position(arm.state().position) - wanted).max()
        )
    assert worst < 0.004


def test_a_grasped_cube_is_lifted_and_held(arm):
    pick_up(arm)
    lifted = arm.twin.object_pose('cube')
    assert lifted[2] == pytest.approx(0.12, abs=0.01)
    arm.advance(arm.twin.now_ns + 2_000_000_000)
    np.testing.assert_allclose(arm.twin.object_pose('cube')[:3], lifted[:3], atol=0.001)
    assert arm.state().gripper_width == pytest.approx(2 * pick_place.CUBE_HALF, abs=0.003)


def test_the_gripper_moves_at_its_speed_in_both_directions(arm):
    """Closing 8 cm takes 0.8 s, and opening again starts at once."""
    arm.twin.set_gripper(0.0)
    arm.twin.advance(400_000_000)
    assert arm.state().gripper_width == pytest.approx(0.04, abs=0.006)
    arm.twin.set_gripper(0.08)
    arm.twin.advance(600_000_000)
    assert arm.state().gripper_width == pytest.approx(0.06, abs=0.008)


def test_gravity_does_not_pull_the_arm_down(arm):
    start = arm.state().position
    arm.advance(1_000_000_000)
    np.testing.assert_allclose(arm.state().position, start, atol=1e-5)


def test_a_trajectory_is_followed_from_its_start_and_not_before(arm):
    start = arm.state().position
    arm.twin.set_trajectory(hold(start + 0.02), 100_000_000)
    arm.twin.advance(100_000_000)
    np.testing.assert_allclose(arm.state().position, start, atol=1e-5)
    arm.twin.advance(600_000_000)
    np.testing.assert_allclose(arm.state().position, start + 0.02, atol=1e-3)


def test_time_that_is_past_or_between_two_steps_is_refused(arm):
    arm.advance(4_000_000)
    for until_ns in (2_000_000, 5_000_000):
        with pytest.raises(DriverError, match=f'advance: got {until_ns} ns at time 4000000 ns'):
            arm.twin.advance(until_ns)


def test_a_trajectory_for_another_arm_is_refused(arm):
    with pytest.raises(DriverError, match='got 6 joints, expected 7'):
        arm.twin.set_trajectory(hold(np.zeros(6)), 0)


def test_a_scene_without_the_robot_is_refused(tmp_path):
    scene = tmp_path / 'empty.xml'
    scene.write_text('<mujoco/>')
    with pytest.raises(ConfigError, match=r'empty\.xml: .*fr3_joint1'):
        Twin(FR3, scene)
    with pytest.raises(ConfigError, match=r'missing\.xml'):
        Twin(FR3, Path('missing.xml'))
