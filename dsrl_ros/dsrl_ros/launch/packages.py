"""Whether the packages that a graph starts and imports are there, before anything is started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_prefix

from dsrl_ros.core.config.driver import DriverConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import from_mapping
from dsrl_ros.robots.model.requirements import check_options, packages_lacking


def check_packages(
    started: Iterable[str], options: Mapping[str, Mapping[str, Any]], where: str
) -> None:
    """Raise unless every package is there.

    Args:
        started: packages whose nodes or launch files are started.
        options: of each node, sections in mappings of their own.
        where: the graph, to name in the error.

    Raises:
        ConfigError: names all that lack, in one line; or an option that the robot does not have.
    """
    lacking = {name for name in started if not _is_installed(name)}
    if 'driver' in options:
        own = {k: v for k, v in options['driver'].items() if not isinstance(v, Mapping)}
        driver = from_mapping(DriverConfig, own, 'driver')
        hardware = from_mapping(HardwareConfig, options['driver']['hardware'], 'driver: hardware')
        check_options(driver, hardware)
        lacking.update(packages_lacking(driver, hardware))
    if lacking:
        raise ConfigError(
            f'{where}: got no {", ".join(sorted(lacking))}, expected these packages installed and '
            "sourced. A robot and mock hardware take the vendor's stack; the simulation "
            '(robot_mode:=sim) does not.'
        )


def _is_installed(package: str) -> bool:
    try:
        get_package_prefix(package)
    except (PackageNotFoundError, ValueError):
        return False
    return True
