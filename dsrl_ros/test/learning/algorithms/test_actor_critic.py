"""An actor explores the less widely, the more often it succeeds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from toy import SPEC, ToyEnv, ToyPolicy, transition

from dsrl_ros.core.types import Array, ChunkStep, RewardSource
from dsrl_ros.learning.algorithms.actor_critic import exploration
from dsrl_ros.learning.algorithms.build import build_learner
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.algorithms.rlpd import Rlpd
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.run.rollout import run_steering

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


def live(made: DsrlSac, episodes: int, success: bool, phase: str = 'online') -> None:
    """Add episodes of two decisions; what they earn does not say whether they succeeded."""
    for number in range(episodes):
        first = replace(transition(0), phase=phase, terminated=False, truncated=False)
        timed_out = bool(number % 2)
        made.add(first)
        made.add(
            replace(
                transition(1),
                phase=phase,
                terminated=not timed_out,
                truncated=timed_out,
                reward=float(not success),
                success=success,
                reward_source=RewardSource.SIMULATOR,
            )
        )


def test_an_actor_leaves_with_the_share_of_the_newest_online_episodes() -> None:
    made = learner()
    live(made, 30, True, 'warmup')  # of the prior: they say nothing about the actor
    assert made.export_actor(1, 1).header.exploration == 1.0
    live(made, 4, False)
    live(made, 18, True)
    assert made.export_actor(2, 2).header.exploration == 0.5
    live(made, 2, True)
    assert made.export_actor(3, 3).header.exploration == 0.25
    live(made, 5, False)
    assert made.export_actor(4, 4).header.exploration == 1.0


def test_it_is_not_forgotten_when_a_run_goes_on() -> None:
    made, again = learner(), learner()
    live(made, 20, True)
    again.load_state_groups(made.state_groups())
    assert again.export_actor(1, 1).header.exploration == 0.25


def test_an_episode_that_a_person_aborted_is_no_failure() -> None:
    made = learner()
    live(made, 20, True)
    aborted = replace(
        transition(0), terminated=False, truncated=True, reward_source=RewardSource.PERSON
    )
    for _ in range(10):
        made.add(aborted)
    assert made.export_actor(1, 1).header.exploration == 0.25


def test_it_can_be_turned_off() -> None:
    made = learner(least_exploration=1.0)
    live(made, 20, True)
    assert made.export_actor(1, 1).header.exploration == 1.0


def test_the_paper_s_baseline_explores_as_published() -> None:
    made = Rlpd(SPEC, LearnerConfig(algorithm='rlpd', hidden_size=16, num_layers=2), 0)
    live(made, 20, True)
    assert made.export_actor(1, 1).header.exploration == 1.0


class Falling(ToyEnv):
    """Ends every episode by a fall, after a reward: as the environment judges, a failure."""

    success = False

    def execute(self, chunk: Array) -> ChunkStep:
        return super().execute(chunk)._replace(reward=1.0, terminated=True, truncated=False)


def test_what_counts_is_what_the_environment_judges() -> None:
    config = LearnerConfig(hidden_size=16, num_layers=2, batch_size=4, utd=1)
    made = build_learner(ToyPolicy(), config, 0)
    run_steering(Falling(), ToyPolicy(), made, 0, 1, 22)
    assert isinstance(made, DsrlSac)
    assert made.export_actor(1, 1).header.exploration == 1.0
