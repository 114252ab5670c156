"""Options of the twin node."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.config.choices import TASK_NAMES
from dsrl_ros.core.options import check, option


@dataclass(frozen=True)
class TwinConfig:
    """Options of the simulation twin."""

    task: str = option(TASK_NAMES[0], 'scene and task to simulate', choices=TASK_NAMES)
    real_time: bool = option(
        False, 'run physics by the wall clock; false: in lockstep, only when the driver asks'
    )
    state_period_s: float = option(
        0.1, 'time between two states in lockstep [s], whole physics steps', low=0.002, high=1.0
    )
    state_hz: float = option(100.0, 'states per second in real time [1/s]', low=10.0, high=500.0)
    camera: str = option('front', 'camera of the scene, rendered only while somebody subscribes')
    camera_hz: float = option(10.0, 'most images per second [1/s]', low=0.1, high=60.0)
    camera_width: int = option(320, 'width of the camera image [pixels]', low=16, high=1920)
    camera_height: int = option(240, 'height of the camera image [pixels]', low=16, high=1080)

    def __post_init__(self) -> None:
        check(self)
