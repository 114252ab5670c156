"""The Franka Research 3 with the Franka Hand: its facts, and what driving the hardware takes.

Joint limits: frankarobotics/franka_description, `robots/fr3/joint_limits.yaml`. Acceleration
limits: the robot's own, from Franka's documentation of the FR3. Hand: Franka Hand product manual.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from math import pi
from pathlib import Path

from dsrl_ros.core.config import DriverConfig, HardwareConfig
from dsrl_ros.robots.description import RobotDescription

FR3 = RobotDescription(
    name='fr3',
    model_path=Path(__file__).parent / 'models' / 'fr3.xml',
    base_frame='fr3_link0',
    joint_names=tuple(f'fr3_joint{i}' for i in range(1, 8)),
    position_low=(-2.7437, -1.7837, -2.9007, -3.0421, -2.8065, 0.5445, -3.0159),
    position_high=(2.7437, 1.7837, 2.9007, -0.1518, 2.8065, 4.5169, 3.0159),
    velocity_limit=(2.62, 2.62, 2.62, 2.62, 5.26, 4.18, 5.26),
    acceleration_limit=(10.0,) * 7,
    home=(0.0, -pi / 4, 0.0, -3 * pi / 4, 0.0, pi / 2, pi / 4),
    episode_start=(0.0, -0.2594, 0.0, -2.4315, 0.0, 2.1721, pi / 4),  # tool at 0.45, 0, 0.3
    tool_frame='fr3_hand_tcp',
    tool_down=(0.0, 1.0, 0.0, 0.0),
    # Fingertips reach 9.5 mm below the tool frame: at 15 mm they clear a table at height zero.
    workspace_low=(0.32, -0.35, 0.015),
    workspace_high=(0.65, 0.35, 0.40),
    finger_names=('fr3_finger_joint1', 'fr3_finger_joint2'),
    gripper_low=0.0,
    gripper_high=0.08,
    gripper_speed=0.1,
)


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
    needed: set[str] = set()
    if driver.robot_mode == 'real':
        needed |= {'controller_manager_msgs', 'franka_msgs'}
    if driver.robot_mode != 'sim':
        needed |= {'franka': {'franka_msgs'}, 'gripper_command': {'control_msgs'}}.get(
            hardware.gripper, set()
        )
    return sorted(name for name in needed if not is_there(name))
