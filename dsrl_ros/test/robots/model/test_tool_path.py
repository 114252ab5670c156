"""The fast forward kinematics of a path agree with the robot's own, one by one."""

from __future__ import annotations

import numpy as np

from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.model.tool_path import ToolPath


def test_tool_path_agrees_with_kinematics() -> None:
    joints = np.random.default_rng(0).uniform(FR3.position_low, FR3.position_high, (100, 7))
    kinematics = Kinematics(FR3)
    one_by_one = np.array([kinematics.tool_position(row) for row in joints])
    np.testing.assert_allclose(ToolPath(FR3)(joints), one_by_one, atol=1e-12)


def test_single_precision_is_right_to_a_hundredth_of_a_millimetre() -> None:
    joints = np.random.default_rng(1).uniform(FR3.position_low, FR3.position_high, (10_000, 7))
    error = np.abs(ToolPath(FR3, np.float32)(joints) - ToolPath(FR3)(joints)).max()
    assert 0.0 < error < 1e-5
