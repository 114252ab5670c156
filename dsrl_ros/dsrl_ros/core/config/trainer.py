"""Options of the trainer node; the learner's own stand in `learning/config.py`."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.options import check, option


@dataclass(frozen=True)
class TrainerConfig:
    """Options of the trainer node beside the learner's."""

    policy: str = option(
        '',
        'frozen policy file, which DSRL-NA asks for actions; empty, or module:factory, asks the '
        'policy node for them',
    )
    offline: str = option(
        '', 'dataset to learn from before the first episode, as `dsrl train` writes it'
    )
    policy_timeout_s: float = option(
        10.0, 'longest wait for the policy node [s]', low=0.1, high=600.0
    )
    checkpoint_every: int = option(10, 'online episodes between two checkpoints', low=1)
    keep_checkpoints: int = option(2, 'newest checkpoints kept', low=1, high=100)
    resume_from: str = option('', 'folder of a run to go on from; empty starts afresh')
    niceness: int = option(5, 'added to the scheduling niceness of the process', low=0, high=19)
    status_period_s: float = option(0.5, 'time between two status messages [s]', low=0.05, high=60)

    def __post_init__(self) -> None:
        check(self)
