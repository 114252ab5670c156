"""What is written down of the FR3 is what its model holds."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.robots.model.franka import FR3


@pytest.fixture(scope='module')
def model():
    return mujoco.MjModel.from_xml_path(str(FR3.model_path))


def test_description_and_model_hold_the_same_joint_limits(model):
    """A limit changed in one place only does not go unnoticed."""
    ranges = np.array([model.joint(name).range for name in FR3.joint_names])
    np.testing.assert_array_equal(ranges, np.transpose([FR3.position_low, FR3.position_high]))
    fingers = np.array([model.joint(name).range for name in FR3.finger_names])
    np.testing.assert_array_equal(fingers.sum(axis=0), [FR3.gripper_low, FR3.gripper_high])


def test_the_model_has_the_published_mass(model):
    """Arm with base and hand weigh what franka_description says: 18.6 kg."""
    bodies = [i for i in range(model.nbody) if model.body(i).name.startswith('fr3_')]
    published = 2.3966 + 2.9275 + 2.9355 + 2.2449 + 2.6156 + 2.3271 + 1.8170 + 0.6271  # links
    published += 0.6544 + 2 * 0.0291  # hand and fingers
    assert model.body_mass[bodies].sum() == pytest.approx(published, abs=1e-3)


def test_every_arm_joint_has_a_servo_no_stronger_than_the_robot(model):
    efforts = [model.actuator(name).forcerange[1] for name in FR3.joint_names]
    assert efforts == [87, 87, 87, 87, 12, 12, 12]


def test_physics_step_is_two_milliseconds(model):
    assert model.opt.timestep == 0.002


def test_a_home_outside_the_limits_is_refused():
    with pytest.raises(ConfigError, match=r'got 3\.0 for fr3_joint1, expected -2\.7437 to'):
        dataclasses.replace(FR3, home=(3.0, *FR3.home[1:]))


def test_a_description_with_a_joint_too_few_is_refused():
    with pytest.raises(ConfigError, match='velocity_limit: got 6 entries, expected one for each'):
        dataclasses.replace(FR3, velocity_limit=FR3.velocity_limit[:6])
