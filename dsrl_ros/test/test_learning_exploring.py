"""An actor explores the less widely, the more often it succeeds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from toy import SPEC, transition

from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.exploring import exploration
from dsrl_ros.learning.sac import DsrlSac

torch.set_num_threads(1)


@pytest.mark.parametrize(
    ('failed', 'known', 'least', 'share'),
    [
        (0, 0, 0.25, 1.0),  # nothing known yet
        (0, 16, 0.25, 1.0),  # what is not known may fail
        (0, 17, 0.25, 0.75),
        (0, 20, 0.25, 0.25),
        (0, 20, 0.0, 0.0),
        (1, 20, 0.25, 0.25),
        (2, 20, 0.25, 0.5),
        (3, 20, 0.25, 0.75),
        (4, 20, 0.25, 1.0),
        (20, 20, 0.25, 1.0),
        (0, 20, 1.0, 1.0),  # off
    ],
)
def test_the_share_of_the_spread(failed: int, known: int, least: float, share: float) -> None:
    assert exploration([False] * failed + [True] * (known - failed), least) == share


def learner(**changes: Any) -> DsrlSac:
    return DsrlSac(SPEC, LearnerConfig(hidden_size=16, num_layers=2, **changes), 0)


def live(made: DsrlSac, episodes: int, reward: float, phase: str = 'online') -> None:
    """Add episodes of two decisions that end with a reward."""
    for _ in range(episodes):
        made.add(replace(transition(0), phase=phase, terminated=False, truncated=False))
        made.add(
            replace(transition(1), phase=phase, terminated=True, truncated=False, reward=reward)
        )


def test_an_actor_leaves_with_the_share_of_the_newest_online_episodes() -> None:
    made = learner()
    live(made, 30, 1.0, 'warmup')  # of the prior: they say nothing about the actor
    assert made.export_actor(1, 1).header.exploration == 1.0
    live(made, 4, 0.0)
    live(made, 18, 1.0)
    assert made.export_actor(2, 2).header.exploration == 0.5
    live(made, 2, 1.0)
    assert made.export_actor(3, 3).header.exploration == 0.25
    live(made, 5, 0.0)
    assert made.export_actor(4, 4).header.exploration == 1.0


def test_it_is_not_forgotten_when_a_run_goes_on() -> None:
    made, again = learner(), learner()
    live(made, 20, 1.0)
    again.load_state_groups(made.state_groups())
    assert again.export_actor(1, 1).header.exploration == 0.25


def test_it_can_be_turned_off() -> None:
    made = learner(least_exploration=1.0)
    live(made, 20, 1.0)
    assert made.export_actor(1, 1).header.exploration == 1.0
