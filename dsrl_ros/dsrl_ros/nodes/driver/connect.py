"""Which wires lead to the robot that the options name."""

from __future__ import annotations

from rclpy.node import Node

from dsrl_ros.core.config.driver import DriverConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.nodes.driver.pace import LockstepPace, RealTimePace
from dsrl_ros.nodes.driver.robot_interface import DriverCalls, RobotSide
from dsrl_ros.nodes.driver.twin import TwinSide
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.requirements import check_options, packages_lacking


def connect(
    node: Node,
    robot: RobotDescription,
    config: DriverConfig,
    hardware: HardwareConfig,
    widowx: WidowXConfig,
    calls: DriverCalls,
) -> tuple[RobotSide, LockstepPace | RealTimePace]:
    """Return the wires to the robot that the options name, and how its time passes.

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
        twin = TwinSide(node, robot, calls)
        if config.real_time:
            return twin, RealTimePace(node, config.lead_s)
        pace = LockstepPace(node, twin.commands, config.advance_timeout_s, calls.on_stuck)
        return twin, pace
    if robot.name == 'wx250s':
        from dsrl_ros.nodes.driver.widowx.robot import WidowXSide

        side = WidowXSide(node, robot, config, hardware, widowx, calls)
        return side, RealTimePace(node, config.lead_s, side.prepare)
    from dsrl_ros.nodes.driver.franka.robot import FrankaSide

    return FrankaSide(node, robot, config, hardware, calls), RealTimePace(node, config.lead_s)
