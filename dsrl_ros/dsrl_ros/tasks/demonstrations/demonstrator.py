"""Records demonstrations that a script gives with the variety of a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import Array
from dsrl_ros.tasks.demonstrations.scripted_hand import ScriptedHand
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.task import Task

MOST_FAILURES = 20  # per demonstration asked for, before giving up


@dataclass(frozen=True)
class Demonstration:
    """One recorded success.

    Attributes:
        states: (T, O), the observation before each action.
        actions: (T, A).
    """

    states: Array
    actions: Array


@dataclass(frozen=True)
class Demonstrator:
    """A script that does a task, each time in another style.

    Attributes:
        task: that it demonstrates.
        begin: from the first observation, (O,), tool position first, and a generator of style and
            tremor to the hand that gives one demonstration.
    """

    task: Task
    begin: Callable[[Array, np.random.Generator], ScriptedHand]


def demonstrate(
    demonstrator: Demonstrator, env: TaskEnv, reset_seed: int, rng: np.random.Generator
) -> Demonstration | None:
    """Give one demonstration.

    Returns:
        The recording, or None when the task was not done in time.
    """
    state, _ = env.reset(seed=reset_seed)
    hand = demonstrator.begin(state, rng)
    states, actions = [], []
    while True:
        action = hand.act(state[:3])
        states.append(state)
        actions.append(action)
        state, _, terminated, truncated, _ = env.step(action)
        if terminated:
            return Demonstration(np.stack(states), np.stack(actions))
        if truncated:
            return None


def record(demonstrator: Demonstrator, count: int, seed: int) -> list[Demonstration]:
    """Record `count` successful demonstrations; the same seed gives the same ones.

    Raises:
        DriverError: the demonstrator almost always fails.
    """
    env = TaskEnv(demonstrator.task, gated=False)
    rng = np.random.default_rng(seed)
    recorded: list[Demonstration] = []
    for _ in range(count * (1 + MOST_FAILURES)):
        given = demonstrate(demonstrator, env, int(rng.integers(2**31)), rng)
        if given is not None:
            recorded.append(given)
        if len(recorded) == count:
            return recorded
    raise DriverError(
        f'demonstrator of {demonstrator.task.name}: got {len(recorded)} successes, expected '
        f'{count} within {count * (1 + MOST_FAILURES)} attempts. Check scene, style and time '
        'limit.'
    )
