"""The WidowX's scenes start as their seed says, and succeed as the paper defines it."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_ros.robots.model.widowx import WX250S
from dsrl_ros.robots.simulation.twin import Twin
from dsrl_ros.tasks.demonstrations.demonstrator import demonstrate
from dsrl_ros.tasks.demonstrations.registry import DEMONSTRATORS
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.scenes import widowx_block_stacking as stacking
from dsrl_ros.tasks.scenes import widowx_drawer_closing as closing
from dsrl_ros.tasks.scenes import widowx_pick_place as placing
from dsrl_ros.tasks.scenes.registry import WIDOWX_TASKS
from dsrl_ros.tasks.scenes.tabletop import lying
from dsrl_ros.tasks.scenes.widowx import START_TOOL, TASK_ENTRIES
from dsrl_ros.tasks.task import SceneStart, Task

ENVS = {task.name: TaskEnv(task) for task in WIDOWX_TASKS}
BLUE = lying(0.24, 0.08, stacking.BLUE_HALF, 0.0)


@pytest.fixture(params=WIDOWX_TASKS, ids=lambda task: task.name)
def env(request: pytest.FixtureRequest) -> TaskEnv:
    return ENVS[request.param.name]


def settled(task: Task, bodies: dict[str, np.ndarray], sliders: dict[str, float]) -> Twin:
    """Return the twin a second after everything was let go of, the arm at its start."""
    arm = ENVS[task.name].arm
    joints = task.sample_reset(0, arm.kinematics).joints
    arm.reset(joints, WX250S.gripper_high, bodies, sliders)
    arm.advance(1_000_000_000)
    return arm.twin


def grasped(task: Task, bodies: dict[str, np.ndarray], sliders: dict[str, float]) -> Twin:
    """Return the twin with the fingers closed about the object where it lies."""
    arm = ENVS[task.name].arm
    place = bodies['object'][:3] + np.array([0.0, 0.0, 0.008])
    joints = arm.kinematics.solve_down(place, np.array(WX250S.episode_start))
    arm.reset(joints, WX250S.gripper_high, bodies, sliders)
    arm.twin.set_gripper(WX250S.gripper_low)
    arm.advance(1_000_000_000)
    return arm.twin


def test_the_same_seed_gives_the_same_start_and_another_seed_another(env: TaskEnv) -> None:
    kinematics = env.arm.kinematics
    one, same, other = (env.task.sample_reset(seed, kinematics) for seed in (5, 5, 6))
    assert _numbers(one).tolist() == _numbers(same).tolist()
    assert _numbers(one).tolist() != _numbers(other).tolist()


def test_scenes_start_at_rest_and_are_no_success(env: TaskEnv) -> None:
    for seed in range(10):
        env.reset(seed=seed)
        before = {name: env.arm.twin.object_pose(name) for name in env.task.object_names}
        assert not env.task.succeeded(env.arm.twin)
        env.arm.advance(500_000_000)
        for name, pose in before.items():
            after = env.arm.twin.object_pose(name)
            np.testing.assert_allclose(after[:3], pose[:3], atol=1e-3)
        assert not env.task.succeeded(env.arm.twin)


def test_the_observation_is_what_its_names_say(env: TaskEnv) -> None:
    state, _ = env.reset(seed=3)
    seen = dict(zip(env.task.state_names, state.tolist(), strict=True))
    tool = np.array([seen[f'tool_{axis}'] for axis in 'xyz'])
    np.testing.assert_allclose(tool, START_TOOL, atol=1e-4)
    assert seen['finger'] == pytest.approx(0.037, abs=1e-4)
    for name in env.task.object_names:
        there = tool + np.array([seen[f'{name}_from_tool_{axis}'] for axis in 'xyz'])
        np.testing.assert_allclose(there, env.arm.twin.object_pose(name)[:3], atol=1e-6)
    entries = [seen[entry] for entry in TASK_ENTRIES]
    assert sorted(entries) == [0.0, 0.0, 1.0]
    assert entries.index(1.0) == WIDOWX_TASKS.index(env.task)


def test_states_and_actions_of_all_tasks_mean_the_same() -> None:
    """So that one policy serves them; each has an entry of its own in the state."""
    for task in WIDOWX_TASKS:
        assert task.state_names == WIDOWX_TASKS[0].state_names
        assert (task.action_names, task.action_low, task.action_high) == (
            WIDOWX_TASKS[0].action_names,
            WIDOWX_TASKS[0].action_low,
            WIDOWX_TASKS[0].action_high,
        )


def test_a_mushroom_with_half_of_it_on_the_cloth_is_a_success() -> None:
    task, edge = placing.WIDOWX_PICK_PLACE, placing.CLOTH_HALF
    cloth = {'cloth_x': 0.25, 'cloth_y': 0.08}
    for away, success in ((edge - 0.003, True), (edge + 0.003, False)):
        mushroom = {'object': lying(0.25, 0.08 + away, placing.MUSHROOM_HEIGHT + 0.001, 1.0)}
        assert task.succeeded(settled(task, mushroom, cloth)) is success


def test_a_mushroom_that_slides_over_the_cloth_is_none() -> None:
    task, cloth = placing.WIDOWX_PICK_PLACE, {'cloth_x': 0.25, 'cloth_y': 0.08}
    there = {'object': lying(0.25, 0.08, placing.MUSHROOM_HEIGHT + 0.001, 0.0)}
    twin = settled(task, there, cloth)
    assert task.succeeded(twin)
    first = twin.model.body('object').dofadr[0]
    twin.data.qvel[first] = 0.1
    assert not task.succeeded(twin)


def test_a_mushroom_on_the_cloth_that_is_still_held_or_falls_is_none() -> None:
    task, cloth = placing.WIDOWX_PICK_PLACE, {'cloth_x': 0.25, 'cloth_y': 0.08}
    there = {'object': lying(0.25, 0.08, placing.MUSHROOM_HEIGHT + 0.001, 0.0)}
    twin = grasped(task, there, cloth)
    assert not task.succeeded(twin)
    twin.set_gripper(WX250S.gripper_high)
    twin.advance(twin.now_ns + 1_000_000_000)
    assert task.succeeded(twin)
    arm = ENVS[task.name].arm
    joints = task.sample_reset(0, arm.kinematics).joints
    arm.reset(joints, WX250S.gripper_high, {'object': lying(0.25, 0.08, 0.2, 0.0)}, cloth)
    arm.advance(150_000_000)
    assert not task.succeeded(arm.twin)


def test_a_drawer_is_shut_within_its_last_millimetres() -> None:
    task = closing.WIDOWX_DRAWER_CLOSING
    cabinet = {'cabinet': lying(0.24, 0.1, 0.0, 0.1)}
    for opening, success in ((0.003, True), (0.006, False)):
        twin = settled(task, cabinet, {'drawer': opening})
        assert task.succeeded(twin) is success
        gap = twin.object_pose('object')[:3] - twin.object_pose('target')[:3]
        assert np.linalg.norm(gap) == pytest.approx(opening, abs=1e-3)


def test_a_yellow_block_on_the_blue_ones_alone_is_a_success() -> None:
    task, top = stacking.WIDOWX_BLOCK_STACKING, 2 * stacking.BLUE_HALF + stacking.YELLOW_HALF
    on_top = {'target': BLUE, 'object': lying(0.25, 0.085, top, 0.3)}
    assert task.succeeded(settled(task, on_top, {}))
    beside = {'target': BLUE, 'object': lying(0.24, 0.08 + 0.039, stacking.YELLOW_HALF, 0.0)}
    assert not task.succeeded(settled(task, beside, {}))
    twin = grasped(task, on_top, {})
    assert not task.succeeded(twin)


@pytest.mark.parametrize('task', WIDOWX_TASKS, ids=lambda task: task.name)
def test_a_demonstrator_can_do_it_and_the_same_seed_repeats_it(task: Task) -> None:
    somebody = DEMONSTRATORS[task.name]
    runs = [demonstrate(somebody, env, 7, np.random.default_rng(2)) for env in _twice(task)]
    first, again = runs
    assert first is not None and again is not None
    np.testing.assert_array_equal(first.states, again.states)
    np.testing.assert_array_equal(first.actions, again.actions)


def _twice(task: Task) -> tuple[TaskEnv, TaskEnv]:
    return ENVS[task.name], TaskEnv(task)


def _numbers(start: SceneStart) -> np.ndarray:
    return np.concatenate([*start.bodies.values(), [*start.sliders.values()]])
