"""Demonstrations as transitions, so that a learner can start from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dsrl_ros.core.types import (
    NO_RUN,
    DecisionKey,
    Observation,
    PolicySpec,
    RewardSource,
    Transition,
)
from dsrl_ros.tasks.demonstrations.demonstrator import Demonstration


def transitions_of(
    demonstrations: Sequence[Demonstration],
    spec: PolicySpec,
    discount: Callable[[int], float],
) -> list[Transition]:
    """Return every chunk of every demonstration, from each of its steps on.

    Each ends with the task done: its last chunk, cut short there, is terminated with reward 1.
    No noise led to a demonstrated action.

    Args:
        demonstrations: successes.
        spec: of the policy whose chunks they are cut into.
        discount: from the steps that a transition executed to its discount.
    """
    made: list[Transition] = []
    for number, demonstration in enumerate(demonstrations):
        length = len(demonstration.actions)
        for first in range(length):
            last = min(first + spec.num_execute, length)
            done = last == length
            action = demonstration.actions[first:last]
            made.append(
                Transition(
                    key=DecisionKey('demonstration', NO_RUN, number, first),
                    sequence=len(made),
                    observation=Observation(demonstration.states[first]),
                    noise=None,
                    action=np.asarray(action, dtype=np.float32),
                    reward=float(done),
                    discount=discount(last - first),
                    terminated=done,
                    truncated=False,
                    # What follows the end plays no part: the last observation stands in.
                    next_observation=Observation(demonstration.states[min(last, length - 1)]),
                    phase='offline',
                    reward_source=RewardSource.SIMULATOR,
                )
            )
    return made
