"""Chooses the connection to the robot that the options name."""

from __future__ import annotations

from rclpy.node import Node

from dsrl_ros.core.config.driver import DriverConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.nodes.driver.pace import LockstepPace, RealTimePace
from dsrl_ros.nodes.driver.robot_interface import RobotInterface
from dsrl_ros.nodes.driver.twin import TwinRobot
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.requirements import check_options, packages_lacking


def connect(
    node: Node,
    robot: RobotDescription,
    config: DriverConfig,
    hardware: HardwareConfig,
    widowx: WidowXConfig,
    driver: ArmDriver,
) -> tuple[RobotInterface, LockstepPace | RealTimePace]:
    """Return the connection to the robot that the options name, and how its time passes.

    Raises:
        ConfigError: packages that this robot takes are not installed, or it has no such arm or
            gripper.
    """
    check_options(config, hardware)
    if lacking := packages_lacking(config, hardware):
        raise ConfigError(
            f'robot_mode {config.robot_mode}: got no {", ".join(lacking)}, expected what '
            "the vendor's stack brings. Install and source it, or use robot_mode sim."
        )
    if config.robot_mode == 'sim':
        twin = TwinRobot(node, robot, driver)
        if config.real_time:
            return twin, RealTimePace(node, config.lead_s)
        pace = LockstepPace(node, twin.commands, config.advance_timeout_s, driver.on_stuck)
        return twin, pace
    if robot.name == 'wx250s':
        from dsrl_ros.nodes.driver.widowx.robot import WidowXRobot

        widow = WidowXRobot(node, robot, config, hardware, widowx, driver)
        return widow, RealTimePace(node, config.lead_s, widow.prepare)
    from dsrl_ros.nodes.driver.franka.robot import FrankaRobot

    franka = FrankaRobot(node, robot, config, hardware, driver)
    return franka, RealTimePace(node, config.lead_s)
