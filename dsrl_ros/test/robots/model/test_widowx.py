"""The WidowX 250 S is written down as its vendor publishes it, and its model is the same arm."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray
from vendor_urdfs import LINKS, widowx_urdf

from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.model.tool_path import ToolPath
from dsrl_ros.robots.model.urdf import described_by, differences
from dsrl_ros.robots.model.widowx import SLEEP, WX250S
from dsrl_ros.robots.simulation.simulated_arm import SimulatedArm

Matrix = NDArray[np.float64]

# interbotix_xs_modules, mr_descriptions.py, class wx250s: home pose of ee_gripper_link in
# base_link, and the screw axis of each joint there (axis, then -axis x point), (6, 6).
HOME = np.array([[1, 0, 0, 0.458325], [0, 1, 0, 0], [0, 0, 1, 0.36065], [0, 0, 0, 1.0]])
SCREWS = np.array(
    [
        [0, 0, 1, 0, 0, 0],
        [0, 1, 0, -0.11065, 0, 0],
        [0, 1, 0, -0.36065, 0, 0.04975],
        [1, 0, 0, 0, 0.36065, 0],
        [0, 1, 0, -0.36065, 0, 0.29975],
        [1, 0, 0, 0, 0.36065, 0],
    ]
)
# wx250s.yaml: Min and Max_Position_Limit of the motors, 4096 ticks per turn, 2048 at zero.
TICKS = ((0, 4095), (819, 3345), (648, 3094), (0, 4095), (910, 3447), (0, 4095))


def turned_about(screw: Matrix, angle: float) -> Matrix:
    """Return the motion by `angle` about a screw axis without pitch, (4, 4)."""
    axis, moment = screw[:3], screw[3:]
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    motion = np.eye(4)
    motion[:3, :3] = rotation
    motion[:3, 3] = (np.eye(3) - rotation) @ np.cross(axis, moment)
    return motion


def published_pose(joints: Matrix) -> Matrix:
    """Return the pose of ee_gripper_link, (4, 4), as the product of exponentials gives it."""
    pose = HOME
    for screw, angle in zip(SCREWS[::-1], joints[::-1], strict=True):
        pose = turned_about(screw, angle) @ pose
    return pose


def some_joints(count: int) -> Matrix:
    return np.random.default_rng(0).uniform(WX250S.position_low, WX250S.position_high, (count, 6))


@pytest.fixture(scope='module')
def model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(WX250S.model_path))


def test_the_tool_is_where_the_published_screw_axes_put_it() -> None:
    """Its z axis is the link's x axis, the direction of approach."""
    tool_in_link = np.array([[0, 0, 1], [0, -1, 0], [1, 0, 0]])
    kinematics, path = Kinematics(WX250S), ToolPath(WX250S)
    for joints in some_joints(200):
        link, tool = published_pose(joints), kinematics.tool_pose(joints)
        np.testing.assert_allclose(tool[:3, 3], link[:3, 3], atol=1e-9)
        np.testing.assert_allclose(tool[:3, :3], link[:3, :3] @ tool_in_link, atol=1e-9)
        np.testing.assert_allclose(path(joints[None])[0], link[:3, 3], atol=1e-9)


def test_the_vendors_urdf_and_the_shipped_model_are_one_robot() -> None:
    described = described_by(widowx_urdf(), WX250S)
    assert replace(described, urdf='') == WX250S
    assert differences(WX250S, described) == []
    ours, theirs = Kinematics(WX250S), Kinematics(described)
    for joints in some_joints(50):
        np.testing.assert_allclose(theirs.tool_pose(joints), ours.tool_pose(joints), atol=1e-6)


def test_of_urdf_and_motor_registers_the_tighter_limit_holds() -> None:
    stated = np.array([joint[5:] for joint in LINKS[:6]])
    motors = (np.array(TICKS) - 2048) * 2 * pi / 4096
    low = np.maximum(stated[:, 0], motors[:, 0])
    high = np.minimum(stated[:, 1], motors[:, 1])
    assert (np.array(WX250S.position_low) >= low).all()
    assert (np.array(WX250S.position_high) <= high).all()
    np.testing.assert_allclose(WX250S.position_low, low, atol=1e-4)
    np.testing.assert_allclose(WX250S.position_high, high, atol=1e-4)
    assert WX250S.velocity_limit == pytest.approx([131 * 0.229 * 2 * pi / 60] * 6, abs=1e-4)


def test_description_and_model_hold_the_same_limits(model: mujoco.MjModel) -> None:
    ranges = np.array([model.joint(name).range for name in WX250S.joint_names])
    np.testing.assert_array_equal(
        ranges, np.transpose([WX250S.position_low, WX250S.position_high])
    )
    left, right = (model.joint(name).range for name in WX250S.finger_names)
    np.testing.assert_array_equal(left, -right[::-1])
    np.testing.assert_allclose(2 * left, [WX250S.gripper_low, WX250S.gripper_high])
    efforts = [model.actuator(name).forcerange[1] for name in WX250S.joint_names]
    assert efforts == [10, 20, 15, 2, 5, 1]


def test_the_model_has_the_published_mass_and_inertia(model: mujoco.MjModel) -> None:
    """Links with a body weigh 2.13 kg; the upper arm keeps its principal inertias when turned."""
    published = 0.538736 + 0.480879 + 0.430811 + 0.234589 + 0.220991 + 0.084957  # arm
    published += 0.072885 + 0.00434 + 0.034199 + 2 * 0.016246  # gripper
    assert model.body_mass.sum() == pytest.approx(published, abs=1e-6)
    stated = np.array(
        [[0.003463, -1e-10, -2e-10], [-1e-10, 0.003587, 0.0004272], [-2e-10, 0.0004272, 0.0004566]]
    )
    np.testing.assert_allclose(
        np.sort(model.body('wx250s/upper_arm_link').inertia),
        np.linalg.eigvalsh(stated),
        rtol=1e-6,
    )


def test_an_episode_starts_with_the_tool_straight_down_in_the_workspace() -> None:
    kinematics = Kinematics(WX250S)
    pose = kinematics.tool_pose(np.array(WX250S.episode_start))
    np.testing.assert_allclose(pose[:3, 3], (0.24, 0.0, 0.13), atol=1e-3)
    np.testing.assert_allclose(pose[:3, :3], np.diag([1, -1, -1]), atol=1e-3)
    low, high = np.array(WX250S.workspace_low), np.array(WX250S.workspace_high)
    assert ((low < pose[:3, 3]) & (pose[:3, 3] < high)).all()


def test_every_corner_of_the_workspace_is_reached_with_the_tool_straight_down() -> None:
    kinematics = Kinematics(WX250S)
    low, high = WX250S.workspace_low, WX250S.workspace_high
    for corner in np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(-1, 3):
        joints = kinematics.solve_down(corner, np.array(WX250S.episode_start))
        np.testing.assert_allclose(kinematics.tool_position(joints), corner, atol=2e-5)


def test_the_sleep_pose_is_within_the_limits() -> None:
    assert (np.array(WX250S.position_low) < SLEEP).all()
    assert (np.array(WX250S.position_high) > SLEEP).all()


def test_the_twin_rests_follows_and_moves_its_fingers_as_the_vendors_does() -> None:
    """Left finger up, right finger down; at 0.1 m/s the tool is where it was told to be."""
    arm = SimulatedArm(WX250S, WX250S.model_path, 200_000_000)
    start = np.array(WX250S.episode_start)
    arm.reset(start, WX250S.gripper_high, {})
    arm.advance(1_000_000_000)
    np.testing.assert_allclose(arm.state().position, start, atol=1e-5)
    arm.follow(arm.plan(np.tile(np.float32([0.01, 0.015, -0.01, -1.0]), (4, 1))))
    worst = 0.0
    while arm.twin.now_ns < arm.end_ns:
        arm.advance(arm.twin.now_ns + 20_000_000)
        wanted = arm.kinematics.tool_position(arm.commanded.joints)
        found = arm.kinematics.tool_position(arm.state().position)
        worst = max(worst, np.abs(found - wanted).max())
    assert worst < 0.002
    arm.advance(arm.twin.now_ns + 500_000_000)
    fingers = [arm.twin.data.joint(name).qpos[0] for name in WX250S.finger_names]
    np.testing.assert_allclose(fingers, (0.015, -0.015), atol=1e-3)
    assert arm.state().gripper_width == pytest.approx(WX250S.gripper_low, abs=2e-3)


def test_one_finger_counts_up_and_the_other_down_as_the_gripper_opens() -> None:
    assert WX250S.fingers(0.05) == (0.025, -0.025)
    assert WX250S.width((0.025, -0.025)) == pytest.approx(0.05)
