"""Options of the monitor node."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.config.choices import TASK_NAMES
from dsrl_ros.core.options import check, option


@dataclass(frozen=True)
class MonitorConfig:
    """Options of the monitor node."""

    prior_scales: tuple[float, ...] = option(
        (0.0, 0.25, 0.5, 0.75, 1.0),
        'scales c of the prior N(0, c^2 I) to measure while learning; empty measures none',
        low=0.0,
        high=10.0,
    )
    policy: str = option('', 'file of the frozen policy, for measuring the scaled prior')
    task: str = option(
        TASK_NAMES[0], 'task to simulate, for measuring the scaled prior', choices=TASK_NAMES
    )
    panel: bool = option(
        True, 'draw a live panel if the output is a terminal; otherwise print lines'
    )

    def __post_init__(self) -> None:
        check(self)
