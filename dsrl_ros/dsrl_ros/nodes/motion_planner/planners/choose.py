"""Which motion planner there is: the one asked for, or the best of those installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from rclpy.node import Node

from dsrl_ros.core.config.motion_planner import MotionPlannerConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.nodes.motion_planner.planners.base import MotionPlanner
from dsrl_ros.nodes.motion_planner.planners.move_group import MoveGroupPlanner
from dsrl_ros.nodes.motion_planner.planners.moveit_py import MoveItPyPlanner
from dsrl_ros.nodes.motion_planner.planners.plain import PlainPlanner
from dsrl_ros.robots.model.description import RobotDescription

# What each needs that only a ROS install has.
_PACKAGES = {'moveit_py': 'moveit', 'move_group': 'moveit_msgs'}


def choose_planner(
    node: Node, robot: Callable[[], RobotDescription], config: MotionPlannerConfig
) -> MotionPlanner:
    """Return the planner that the options ask for.

    Args:
        node: whose executor runs while a planner in another process answers.
        robot: what is planned for, as it describes itself now.
        config: options.

    Raises:
        ConfigError: it is asked for by name and not installed, or not configured.
    """
    name = config.planner
    if name == 'auto':
        name = _best(config)
    if (package := _PACKAGES.get(name)) and find_spec(package) is None:
        raise ConfigError(
            f'planner: got {name}, but the package {package} is not installed. Install MoveIt, or '
            'set planner to plain.'
        )
    if name == 'moveit_py':
        if not config.moveit_files:
            raise ConfigError(
                'moveit_files: got none, expected the parameter files of MoveIt for moveit_py. '
                'Name them, or set planner to move_group or plain.'
            )
        return MoveItPyPlanner(robot, config.group, tuple(map(Path, config.moveit_files)))
    if name == 'move_group':
        return MoveGroupPlanner(node, robot, config.group)
    return PlainPlanner()


def _best(config: MotionPlannerConfig) -> str:
    if config.moveit_files and find_spec('moveit') is not None:
        return 'moveit_py'
    return 'move_group' if find_spec('moveit_msgs') is not None else 'plain'
