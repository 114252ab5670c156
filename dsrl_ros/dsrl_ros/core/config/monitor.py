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
        'scales c of the prior N(0, c^2 I) measured beside the learning; empty measures none',
        low=0.0,
        high=10.0,
    )
    policy: str = option('', 'the frozen policy, see the policy node; for the scaled prior')
    task: str = option(
        TASK_NAMES[0], 'what is simulated, for measuring the scaled prior', choices=TASK_NAMES
    )
    panel: bool = option(True, 'a live panel where the output is a terminal, else lines')

    def __post_init__(self) -> None:
        check(self)
