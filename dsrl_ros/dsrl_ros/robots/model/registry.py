"""Every robot that the suite knows, by the name of its model."""

from __future__ import annotations

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.widowx import SLEEP, WX250S

ROBOTS: dict[str, RobotDescription] = {robot.name: robot for robot in (FR3, WX250S)}

# Named poses of each [rad], (J,).
POSES: dict[str, dict[str, tuple[float, ...]]] = {
    name: {'home': robot.home, 'start': robot.episode_start} for name, robot in ROBOTS.items()
}
POSES[WX250S.name]['sleep'] = SLEEP


def find_robot(name: str) -> RobotDescription:
    """Return what is known of a robot.

    Args:
        name: of its model.

    Raises:
        ConfigError: there is none of this name; lists those there are.
    """
    if name not in ROBOTS:
        raise ConfigError(
            f'robot_model: got {name!r}, expected one of {", ".join(ROBOTS)}. Another robot takes '
            'a RobotDescription in robots/model/registry.py first.'
        )
    return ROBOTS[name]
