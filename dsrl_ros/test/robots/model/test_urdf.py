"""The limits and kinematics that a robot states itself are taken, and nothing else it says."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import numpy as np
import pytest
from vendor_urdfs import franka_urdf

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.model.tool_path import ToolPath
from dsrl_ros.robots.model.urdf import described_by, differences


@pytest.fixture(scope='module')
def described() -> RobotDescription:
    return described_by(franka_urdf(), FR3)


def test_the_vendors_urdf_and_the_shipped_model_are_one_robot(
    described: RobotDescription,
) -> None:
    assert replace(described, urdf='') == FR3
    ours, theirs = Kinematics(FR3), Kinematics(described)
    joints = np.random.default_rng(0).uniform(FR3.position_low, FR3.position_high, (50, 7))
    for row in joints:
        np.testing.assert_allclose(theirs.tool_pose(row), ours.tool_pose(row), atol=1e-6)
    np.testing.assert_allclose(ToolPath(described)(joints), ToolPath(FR3)(joints), atol=1e-6)


def test_inverse_kinematics_work_on_the_urdf(described: RobotDescription) -> None:
    """And find the same joints: which ones depends on the model's numbers alone."""
    target, seed = np.array([0.5, 0.1, 0.1]), np.array(FR3.home)
    joints = Kinematics(described).solve_down(target, seed)
    np.testing.assert_allclose(joints, Kinematics(FR3).solve_down(target, seed), atol=1e-6)


def test_of_two_limits_the_tighter_holds() -> None:
    text = franka_urdf().replace('lower="-2.7437"', 'lower="-1.5"').replace('"4.18"', '"9"')
    text = text.replace('"1.7837"', '"3"').replace('"-1.7837"', '"-3"').replace('"5.26"', '"1.25"')
    described = described_by(text, FR3)
    assert described.position_low == (-1.5, *FR3.position_low[1:])
    assert described.position_high == FR3.position_high
    assert described.velocity_limit == (2.62, 2.62, 2.62, 2.62, 1.25, 4.18, 1.25)


def test_inverse_kinematics_keep_the_limits_of_the_urdf() -> None:
    tight = described_by(franka_urdf().replace('lower="-2.9007"', 'lower="-0.3"'), FR3)
    target, seed = np.array([0.4, -0.35, 0.2]), np.array(FR3.home)
    assert Kinematics(FR3).solve_down(target, seed)[2] < -0.4
    kinematics = Kinematics(tight)
    joints = kinematics.solve_down(target, seed)
    assert joints[2] >= -0.3 - 1e-9
    np.testing.assert_allclose(kinematics.tool_position(joints), target, atol=2e-5)


def test_a_joint_that_turns_for_ever_has_the_limits_of_the_description() -> None:
    text = franka_urdf().replace(
        'name="fr3_joint7" type="revolute"', 'name="fr3_joint7" type="continuous"'
    )
    assert described_by(text, FR3).position_high == FR3.position_high


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('</robot>', '', 'no XML'),
        ('<robot name="fr3">', '<sdf>', 'no XML'),
        ('robot', 'sdf', 'a document of type sdf'),
        ('<?xml version="1.0"?>', '<!DOCTYPE robot>', 'a document type declaration'),
        ('"fr3_joint3"', '"joint3"', 'no joint fr3_joint3 that moves'),
        ('"fr3_joint3" type="revolute"', '"fr3_joint3" type="fixed"', 'no joint fr3_joint3 that'),
        ('"fr3_joint3" type="revolute"', '"fr3_joint3" type="prismatic"', 'of type prismatic'),
        ('"fr3_hand_joint" type="fixed"', '"rail" type="prismatic"', 'joint rail of type'),
        ('<limit lower="-2.9007"', '<safety lower="-2.9007"', 'fr3_joint3 without limits'),
        (' velocity="4.18"', '', "limit velocity = 'none' of fr3_joint6"),
        ('velocity="4.18"', 'velocity="0"', 'velocity limit 0 of fr3_joint6'),
        ('upper="4.5169"', 'upper="inf"', "limit upper = 'inf' of fr3_joint6"),
        ('upper="4.5169"', 'upper="much"', "limit upper = 'much' of fr3_joint6"),
        ('fr3_hand_tcp', 'tcp', 'no link fr3_hand_tcp'),
        ('<child link="fr3_link8"/>', '<child/>', 'joint fr3_link8_joint without a child'),
        ('<child link="fr3_leftfinger"/>', '<child link="fr3_hand"/>', 'that carry link fr3_hand'),
        ('<parent link="fr3_link0"/>', '<parent link="fr3_hand"/>', 'no way up from'),
        ('xyz="0.0 0.0 0.333"', 'xyz="0 0"', "origin xyz = '0 0' of fr3_joint1"),
        ('xyz="0.0 0.0 0.333"', 'xyz="0 0 nan"', "origin xyz = '0 0 nan' of fr3_joint1"),
        ('<axis xyz="0 0 1"/>', '<axis xyz="0 0 0"/>', 'what MuJoCo refuses .*fr3_joint1'),
        ('"fr3_joint2"', '"fr3_joint1"', 'two joints fr3_joint1'),
    ],
)
def test_what_is_wrong_with_a_description_is_said(old: str, new: str, message: str) -> None:
    text = franka_urdf()
    assert old in text
    with pytest.raises(ConfigError, match=f'robot_description: got .*{message}.*expected'):
        described_by(text.replace(old, new), FR3)


def test_limits_that_leave_no_room_for_home_are_refused() -> None:
    with pytest.raises(ConfigError, match='limits of fr3_joint6 that leave'):
        described_by(franka_urdf().replace('lower="0.5445"', 'lower="2.5"'), FR3)


def test_entities_are_not_expanded() -> None:
    """Ten lines of XML may stand for gigabytes, and one may stand for a file."""
    entities = ''.join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))
    bomb = f'<!DOCTYPE robot [<!ENTITY e0 "x">{entities}]><robot name="&e9;"/>'
    file = (
        '<!DOCTYPE robot [<!ENTITY e SYSTEM "file:///etc/passwd">]><robot name="fr3">&e;</robot>'
    )
    for text in (bomb, file):
        with pytest.raises(ConfigError, match='a document type declaration'):
            described_by(text, FR3)


def test_what_differs_is_named_and_rounding_is_not(described: RobotDescription) -> None:
    assert differences(FR3, described) == []
    text = franka_urdf().replace('lower="-2.7437"', 'lower="-1.5"').replace('0.1034', '0.1134')
    limits, tool = differences(described, described_by(text, FR3))
    span = '{} to 2.7437 rad at 2.62 rad/s'
    assert limits == f'fr3_joint1 {span.format(-1.5)} instead of {span.format(-2.7437)}'
    assert tool == 'fr3_hand_tcp 10.0 mm and 0.000 rad from where it would be with the same joints'
    turned = described_by(franka_urdf().replace(repr(-pi / 4), repr(-pi / 4 + 0.1)), FR3)
    assert 'fr3_hand_tcp 0.0 mm and 0.100 rad' in differences(described, turned)[0]
    mirrored = described_by(
        franka_urdf().replace('0 0 1"/>', '0 0 -1"/>', 1), FR3
    )  # alike at zero
    assert len(differences(described, mirrored)) == 1
