"""Evaluation is repeatable, and does not depend on how the work is shared."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from toy_flow import SPEC

from dsrl_ros.cli.base_policy import success_rate
from dsrl_ros.core.noise import expand, num_rows
from dsrl_ros.core.types import NoiseLayout, Observation
from dsrl_ros.learning.steering.choosers import PriorChooser
from dsrl_ros.tasks.demonstrations import demonstrator
from dsrl_ros.tasks.demonstrations.pick_place import PICK_PLACE_DEMONSTRATOR as SOMEBODY
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.scenes import pick_place
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE

TASK_SPEC = dataclasses.replace(
    SPEC,
    state_names=PICK_PLACE.state_names,
    state_mean=(0.0,) * 7,
    state_std=(1.0,) * 7,
    action_names=PICK_PLACE.action_names,
    action_low=PICK_PLACE.action_low,
    action_high=PICK_PLACE.action_high,
    horizon=2,
    num_execute=2,
)


class Playback:
    """Plays a demonstration whatever it sees: a policy that succeeds on one reset only."""

    spec = TASK_SPEC

    def __init__(self, actions):
        rest = np.zeros((PICK_PLACE.max_steps, 4), dtype=np.float32)
        rest[:, 3] = 1.0
        self._actions = np.concatenate([actions, rest])
        self._step = 0

    def __call__(self, state, noise):
        if np.allclose(state[0, :3], pick_place.START_TOOL, atol=1e-4):
            self._step = 0
        self._step += 2
        return self._actions[None, self._step - 2 : self._step]


@pytest.fixture(scope='module')
def policy():
    rng = np.random.default_rng(0)
    env = TaskEnv(PICK_PLACE)
    given = next(
        d for d in (demonstrator.demonstrate(SOMEBODY, env, 11, rng) for _ in range(20)) if d
    )
    return Playback(given.actions)


@pytest.mark.parametrize('workers', [1, 2])
def test_successes_are_counted_alike_by_any_number_of_workers(policy, workers):
    """The demonstrated reset succeeds, a cube elsewhere does not."""
    rate = success_rate(PICK_PLACE, policy, NoiseLayout.FULL, 1.0, (11, 12, 11), workers)
    assert (rate.successes, rate.trials) == (2, 3)


@pytest.mark.parametrize(
    ('layout', 'same_rows'), [(NoiseLayout.FULL, False), (NoiseLayout.REPEATED, True)]
)
def test_the_prior_has_its_scale_and_layout(layout, same_rows):
    chooser = PriorChooser(0, layout, (num_rows(layout, 2), 4), 0.5)
    nothing = Observation(np.zeros(7, np.float32))
    rows = [chooser.choose(nothing, 0, i).rows for i in range(2000)]
    drawn = np.stack([expand(each, layout, 2) for each in rows])
    assert drawn.shape == (2000, 2, 4) and drawn.dtype == np.float32
    assert drawn.std() == pytest.approx(0.5, rel=0.03)
    assert np.array_equal(drawn[:, 0], drawn[:, 1]) == same_rows
