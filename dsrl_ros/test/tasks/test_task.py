"""Any task serves environment, world and options alike; what a task says of itself is true."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from places import SHIPPED

from dsrl_ros.cli import run_options
from dsrl_ros.core.config.choices import TASK_NAMES
from dsrl_ros.core.config.twin import TwinConfig
from dsrl_ros.core.errors import ConfigError, ShapeMismatchError
from dsrl_ros.core.types import ControlMode
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.policies import io
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.scenes.pick_place import PickPlace
from dsrl_ros.tasks.scenes.registry import TASKS, find_task
from dsrl_ros.tasks.world import TaskWorld

DRAWER = """<mujoco>
  <include file="{robot}"/>
  <worldbody>
    <body name="drawer" pos="0.5 0.3 0.1">
      <joint name="drawer" type="slide" axis="1 0 0" damping="10"/>
      <geom size="0.05" mass="0.5"/>
      <site name="handle" pos="-0.1 0 0" quat="1 0 0 1"/>
    </body>
  </worldbody>
</mujoco>
"""


class PullDrawer(PickPlace):
    """A task unlike the demo's: a joint in its scene, a site among its objects, other columns."""

    name = 'pull_drawer'
    control_mode = ControlMode.JOINT_POSITION
    action_names = FR3.joint_names
    action_low = FR3.position_low
    action_high = FR3.position_high
    object_names = ('drawer', 'handle')

    def __init__(self, scene):
        self.scene = scene

    def sample_reset(self, seed, kinematics):
        start = super().sample_reset(seed, kinematics)
        return dataclasses.replace(start, bodies={}, sliders={'drawer': 0.05 + 0.01 * seed})

    def observe(self, arm, objects, kinematics):
        return np.array([*objects['drawer'][:3], *objects['handle'][:3], 0], dtype=np.float32)

    def succeeded(self, twin):
        return twin.object_pose('drawer')[0] > 0.555


def spec_for(task):
    """Return what a policy for a task takes and gives."""
    count = len(task.state_names)
    return dataclasses.replace(
        io.load(SHIPPED).spec,
        state_names=task.state_names,
        state_mean=(0.0,) * count,
        state_std=(1.0,) * count,
        action_names=task.action_names,
        control_mode=task.control_mode,
        step_period_s=task.step_period_ns * 1e-9,
    )


@pytest.fixture(scope='module')
def drawer(tmp_path_factory):
    scene = tmp_path_factory.mktemp('scene') / 'drawer.xml'
    scene.write_text(DRAWER.format(robot=FR3.model_path))
    return PullDrawer(scene)


@pytest.fixture(scope='module', params=sorted(TASKS))
def env(request):
    return TaskEnv(TASKS[request.param])


def test_options_know_the_tasks_of_the_registry():
    assert tuple(TASKS) == TASK_NAMES
    assert TwinConfig().task in TASKS


def test_an_unknown_task_is_named_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'pick_plaice'.*pick_place"):
        find_task('pick_plaice')


def test_a_task_is_what_it_says(env):
    """Limits for each column, a start for each seed, its objects there, and nothing done yet."""
    task = env.task
    assert len(task.action_low) == len(task.action_high) == len(task.action_names)
    assert all(low < high for low, high in zip(task.action_low, task.action_high, strict=True))
    for seed in (0, 1, 2):
        state, _ = env.reset(seed=seed)
        again, _ = env.reset(seed=seed)
        assert state.shape == (len(task.state_names),) and state.dtype == np.float32
        np.testing.assert_array_equal(state, again)
        assert all(env.arm.twin.object_pose(name).shape == (7,) for name in task.object_names)
        assert task.succeeded(env.arm.twin) is False  # no bool of numpy's, which no message takes


def test_a_start_sets_the_joints_of_the_scene_by_name(drawer):
    env = TaskEnv(drawer)
    state, _ = env.reset(seed=3)
    assert state[0] == pytest.approx(0.5 + 0.08)
    state, _ = env.reset(seed=0)
    assert state[0] == pytest.approx(0.5 + 0.05)


def test_an_object_may_be_a_site(drawer):
    env = TaskEnv(drawer)
    env.reset(seed=0)
    handle = env.arm.twin.object_pose('handle')
    np.testing.assert_allclose(handle[:3], [0.45, 0.3, 0.1])
    np.testing.assert_allclose(handle[3:], [np.sqrt(0.5), 0, 0, np.sqrt(0.5)], atol=1e-9)


def test_an_environment_plans_in_the_control_mode_of_its_task(drawer):
    env = TaskEnv(drawer)
    env.reset(seed=0)
    wanted = env.arm.state().position + 0.02
    env.execute(np.tile(wanted, (5, 1)).astype(np.float32))
    np.testing.assert_allclose(env.arm.state().position, wanted, atol=2e-3)


def test_environment_and_world_of_a_task_start_alike(drawer):
    world, env = TaskWorld(drawer, 5), TaskEnv(drawer)
    world.reset(1, 10)
    env.reset(seed=1)
    seen = world.state()
    assert seen.stamp_ns == 10 and seen.success and tuple(seen.objects) == drawer.object_names
    for name, pose in seen.objects.items():
        np.testing.assert_array_equal(pose, env.arm.twin.object_pose(name))


@pytest.mark.parametrize('name', TASK_NAMES)
def test_the_command_line_makes_the_environment_of_a_task(name):
    options = run_options.RunOptions(env=name, policy=str(SHIPPED))
    made = run_options.make_env(options, spec_for(TASKS[name]), LearnerConfig())
    assert isinstance(made, TaskEnv) and made.task is TASKS[name]


@pytest.mark.parametrize(
    ('what', 'other'),
    [
        ('state_names', ('x',) * 7),
        ('action_names', ('dx', 'dz', 'dy', 'gripper')),
        ('control_mode', ControlMode.EE_POSE),
        ('step_period_s', 0.1),
    ],
)
def test_a_policy_for_something_else_is_refused(what, other):
    spec = dataclasses.replace(spec_for(TASKS['pick_place']), **{what: other})
    with pytest.raises(ShapeMismatchError, match=r'expected .* for the task pick_place'):
        run_options.make_env(run_options.RunOptions(policy=str(SHIPPED)), spec, LearnerConfig())
