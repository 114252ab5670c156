"""Options of the recorder node."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.options import check, option


@dataclass(frozen=True)
class RecorderConfig:
    """Options of the recorder node."""

    objects: tuple[str, ...] = option(
        ('cube', 'bowl'), 'objects whose poses, on NAME_pose, are recorded'
    )
    camera: bool = option(False, 'record the camera too; in simulation this makes it render')

    def __post_init__(self) -> None:
        check(self)
