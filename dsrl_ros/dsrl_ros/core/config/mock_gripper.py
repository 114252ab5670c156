"""Options of the mock gripper node."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.config.choices import ROBOT_MODELS
from dsrl_ros.core.options import check, option


@dataclass(frozen=True)
class MockGripperConfig:
    """Options of the mock Franka Hand."""

    robot_model: str = option(
        'fr3', 'model of the robot whose fingers are shown', choices=ROBOT_MODELS
    )
    gripper_name: str = option('gripper', 'name of the hand whose actions are served')
    object_width_m: float = option(
        0.0, 'width at which a grasp meets an object; 0 for none [m]', low=0.0, high=0.08
    )

    def __post_init__(self) -> None:
        check(self)
