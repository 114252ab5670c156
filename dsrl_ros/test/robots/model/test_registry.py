"""A robot is known by one name, and every node that meets it takes that name."""

from __future__ import annotations

import pytest

from dsrl_ros.core import options
from dsrl_ros.core.config.driver import DriverConfig
from dsrl_ros.core.config.mock_gripper import MockGripperConfig
from dsrl_ros.core.config.motion_planner import MotionPlannerConfig
from dsrl_ros.core.config.reward import RewardConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.registry import ROBOTS, find_robot
from dsrl_ros.robots.model.widowx import WX250S


def test_a_robot_is_found_by_its_name() -> None:
    assert (find_robot('fr3'), find_robot('wx250s')) == (FR3, WX250S)
    assert all(robot.name == name for name, robot in ROBOTS.items())
    with pytest.raises(ConfigError, match="got 'panda', expected one of fr3, wx250s"):
        find_robot('panda')


@pytest.mark.parametrize(
    'kind',
    [
        DriverConfig,
        MotionPlannerConfig,
        RewardConfig,
        MockGripperConfig,
    ],
)
def test_the_options_offer_the_robots_that_there_are(kind: type) -> None:
    assert options.options_of(kind)['robot_model'].metadata['choices'] == tuple(ROBOTS)
