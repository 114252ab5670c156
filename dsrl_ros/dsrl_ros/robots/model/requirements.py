"""What driving a robot takes: options that it has, and packages, which are not imported."""

from __future__ import annotations

from importlib.util import find_spec

from dsrl_ros.core.config.driver import DriverConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.errors import ConfigError


def check_options(driver: DriverConfig, hardware: HardwareConfig) -> None:
    """Raise where an option asks for a connection that the robot does not have.

    Raises:
        ConfigError: a WidowX with an arm or a gripper of a Franka's.
    """
    if driver.robot_mode == 'sim' or driver.robot_model == 'fr3':
        return
    usual = HardwareConfig()
    for name in ('arm', 'gripper'):
        if (got := getattr(hardware, name)) != getattr(usual, name):
            raise ConfigError(
                f'hardware.{name}: got {got} for {driver.robot_model}, expected it left out: it '
                "is a Franka's. This robot's arm and gripper have options under `widowx`, see "
                '`dsrl options driver`.'
            )


def packages_lacking(driver: DriverConfig, hardware: HardwareConfig) -> list[str]:
    """Return the message packages that driving the hardware takes and that are not there.

    The simulation takes none.

    Args:
        driver, hardware: options of the driver.
    """
    if driver.robot_mode == 'sim':
        return []
    of_robot = {'fr3': _of_franka(driver, hardware), 'wx250s': {'interbotix_xs_msgs'}}
    return sorted(name for name in of_robot[driver.robot_model] if find_spec(name) is None)


def _of_franka(driver: DriverConfig, hardware: HardwareConfig) -> set[str]:
    needed: set[str] = set()
    if driver.robot_mode == 'real':
        needed |= {'controller_manager_msgs', 'franka_msgs'}
    of_gripper = {'franka': {'franka_msgs'}, 'gripper_command': {'control_msgs'}}
    return needed | of_gripper.get(hardware.gripper, set())
