"""Which message packages driving a robot takes, said without importing any."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from dsrl_ros.core.config import DriverConfig, HardwareConfig


def is_importable(package: str) -> bool:
    """Return whether a Python package is there, without importing it."""
    return find_spec(package) is not None


def packages_lacking(
    driver: DriverConfig,
    hardware: HardwareConfig,
    is_there: Callable[[str], bool] = is_importable,
) -> list[str]:
    """Return the message packages that driving the hardware takes and that are not there.

    The simulation takes none.

    Args:
        driver, hardware: options of the driver.
        is_there: whether a package can be imported.
    """
    if driver.robot_mode == 'sim':
        return []
    of_robot = {'fr3': _of_franka(driver, hardware), 'wx250s': {'interbotix_xs_msgs'}}
    return sorted(name for name in of_robot[driver.robot_model] if not is_there(name))


def _of_franka(driver: DriverConfig, hardware: HardwareConfig) -> set[str]:
    needed: set[str] = set()
    if driver.robot_mode == 'real':
        needed |= {'controller_manager_msgs', 'franka_msgs'}
    of_gripper = {'franka': {'franka_msgs'}, 'gripper_command': {'control_msgs'}}
    return needed | of_gripper.get(hardware.gripper, set())
