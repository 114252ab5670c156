"""The shipped policies are what their cards describe, and need as much steering as wanted."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import REPO
from toy_flow import SPEC

from dsrl_ros.cli import base_policy
from dsrl_ros.cli.base_policy import RECIPES, evaluate
from dsrl_ros.core.types import Array, NoiseLayout
from dsrl_ros.learning.steering.choosers import PriorChooser
from dsrl_ros.policies import io
from dsrl_ros.robots.motion.planner import check_spec
from dsrl_ros.tasks.demonstrations import demonstrator
from dsrl_ros.tasks.demonstrations.pick_place import PICK_PLACE_DEMONSTRATOR as SOMEBODY
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.scenes import pick_place
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE
from dsrl_ros.tasks.task import Task

POLICIES = REPO / 'dsrl_bringup' / 'policies'
FRANKA, WIDOWX = 'franka_pick_place', 'widowx_multitask'
TASKS = [
    pytest.param(name, task, id=task.name) for name in RECIPES for task in RECIPES[name].tasks
]


def shipped(name: str) -> Path:
    return POLICIES / f'{name}.safetensors'


def success(name: str, task: Task, layout: str, scale: float) -> float:
    """Return what the card of a policy says of its success."""
    rows: list[dict[str, Any]] = io.read_card(shipped(name))['notes']['success']
    (row,) = (
        row
        for row in rows
        if (row['task'], row['layout'], row['scale']) == (task.name, layout, scale)
    )
    recipe = RECIPES[name]
    assert row['resets'] == (recipe.resets if scale == 1.0 else recipe.other_resets)
    return float(row['successes'] / row['resets'])


@pytest.mark.parametrize(('name', 'task'), TASKS)
def test_a_shipped_policy_fits_robot_and_task(name: str, task: Task) -> None:
    policy = io.load(shipped(name))
    check_spec(policy.spec, task.robot)
    assert policy.spec.state_names == task.state_names
    assert policy.spec.action_names == task.action_names
    assert (policy.spec.action_low, policy.spec.action_high) == (task.action_low, task.action_high)
    assert policy.spec.step_period_s == pytest.approx(task.step_period_ns * 1e-9)
    assert task.max_steps % policy.spec.num_execute == 0
    assert shipped(name).stat().st_size < 2**21


@pytest.mark.parametrize('name', RECIPES)
def test_the_card_says_how_the_policy_was_made(name: str) -> None:
    notes, recipe = io.read_card(shipped(name))['notes'], RECIPES[name]
    assert notes['demonstrations'] == recipe.demonstrations
    assert notes['training'] == dataclasses.asdict(recipe.training)
    assert {'script', 'demonstration_seed', 'versions'} <= notes.keys()


@pytest.mark.parametrize('layout', ['repeated', 'full'])
def test_the_franka_policy_leaves_room_that_only_steering_can_fill(layout: str) -> None:
    """20 to 35 % at c = 1, and no scale of the prior beyond 60 %."""
    (task,) = RECIPES[FRANKA].tasks
    assert 0.20 <= success(FRANKA, task, layout, 1.0) <= 0.35
    assert max(success(FRANKA, task, layout, c) for c in base_policy.SCALES) <= 0.60


@pytest.mark.parametrize('task', RECIPES[WIDOWX].tasks, ids=lambda task: task.name)
def test_the_widowx_policy_needs_steering_on_each_task(task: Task) -> None:
    """10 to 60 % at c = 1 in the layout it is steered in, and no prior near what steering does."""
    assert 0.10 <= success(WIDOWX, task, 'repeated', 1.0) <= 0.60
    assert max(success(WIDOWX, task, 'repeated', c) for c in base_policy.SCALES) <= 0.60
    assert max(success(WIDOWX, task, 'full', c) for c in base_policy.SCALES) <= 0.70


@pytest.mark.parametrize(('name', 'task'), TASKS)
def test_the_card_tells_the_truth(name: str, task: Task) -> None:
    """Some resets of the card, measured again, succeed about as often as the card says."""
    policy = io.load(shipped(name))
    first = base_policy.FIRST_RESET
    seeds = range(first, first + 20)
    prior = PriorChooser(0, NoiseLayout.REPEATED, (1, policy.spec.action_dim))
    rate = evaluate(task, policy, prior, seeds, workers=2)
    low, high = rate.interval
    assert low - 0.05 <= success(name, task, 'repeated', 1.0) <= high + 0.05


@pytest.mark.parametrize('name', RECIPES)
def test_the_script_makes_a_policy_and_its_card(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make base-policy`, in small."""
    monkeypatch.setattr(base_policy, 'SCALES', (1.0,))
    out = tmp_path / 'tiny.safetensors'
    base_policy.main(
        [name, f'--out={out}', '--demonstrations=1', '--steps=3', '--resets=1', '--workers=1']
    )
    spec = io.load(out).spec
    assert spec.sha256 in capsys.readouterr().out
    rows = io.read_card(out)['notes']['success']
    assert [row['task'] for row in rows[::2]] == [task.name for task in RECIPES[name].tasks]


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

    def __init__(self, actions: Array) -> None:
        rest = np.zeros((PICK_PLACE.max_steps, 4), dtype=np.float32)
        rest[:, 3] = 1.0
        self._actions = np.concatenate([actions, rest])
        self._step = 0

    def __call__(self, state: Array, noise: Array) -> Array:
        if np.allclose(state[0, :3], pick_place.START_TOOL, atol=1e-4):
            self._step = 0
        self._step += 2
        return self._actions[None, self._step - 2 : self._step]


@pytest.fixture(scope='module')
def policy() -> Playback:
    rng = np.random.default_rng(0)
    env = TaskEnv(PICK_PLACE)
    given = next(
        d for d in (demonstrator.demonstrate(SOMEBODY, env, 11, rng) for _ in range(20)) if d
    )
    return Playback(given.actions)


@pytest.mark.parametrize('workers', [1, 2])
def test_successes_are_counted_alike_by_any_number_of_workers(
    policy: Playback, workers: int
) -> None:
    """The demonstrated reset succeeds, a cube elsewhere does not."""
    prior = PriorChooser(0, NoiseLayout.FULL, (2, 4))
    rate = evaluate(PICK_PLACE, policy, prior, (11, 12, 11), workers)
    assert (rate.successes, rate.trials) == (2, 3)
