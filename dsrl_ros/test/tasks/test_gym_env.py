"""Gymnasium environments by the chunk: rewards, ends and success apart; bad spaces refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from toy import SPEC

from dsrl_ros.core.errors import ConfigError, NonFiniteError, ShapeMismatchError
from dsrl_ros.core.types import PolicySpec
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.run.rollout import JudgingEnv, evaluate, judged
from dsrl_ros.learning.steering.choosers import PriorChooser
from dsrl_ros.tasks import gym_env
from dsrl_ros.tasks.gym_env import GymChunkEnv

STATE = spaces.Box(-np.inf, np.inf, (2,), np.float64)
ACTION = spaces.Box(-1.0, 1.0, (1,), np.float32)
IMAGE = spaces.Box(0, 255, (8, 8, 3), np.uint8)
CHUNK = np.array([[0.1], [0.2], [0.3], [0.4]], dtype=np.float32)


class Scripted(gymnasium.Env[Any, Any]):
    """Plays a list of (reward, terminated, truncated, info), then goes on with nothing."""

    def __init__(self, script=(), observation_space=STATE, action_space=ACTION, shown=None):
        self.script = list(script)
        self.observation_space, self.action_space = observation_space, action_space
        self.shown = np.zeros(2) if shown is None else shown
        self.actions: list[np.ndarray] = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.actions = []
        return self.shown, {'seed': seed}

    def step(self, action):
        at = len(self.actions)
        self.actions.append(action)
        reward, terminated, truncated, info = (
            self.script[at] if at < len(self.script) else (0.0, False, False, {})
        )
        return self.shown, reward, terminated, truncated, info


def plays(*script: tuple[float, bool, bool, dict[str, Any]], **options: Any) -> GymChunkEnv:
    env = GymChunkEnv(Scripted(script), SPEC, **options)
    env.reset(seed=0)
    return env


def step(reward=0.0, terminated=False, truncated=False, **info):
    return reward, terminated, truncated, info


def test_a_chunk_is_executed_step_by_step_and_its_rewards_summed():
    env = plays(step(1.0), step(2.0), step(4.0))
    done = env.execute(CHUNK)
    assert done.reward == 7.0
    np.testing.assert_array_equal(done.executed, CHUNK)
    assert not done.terminated and not done.truncated
    assert done.state.dtype == np.float32 and done.state.shape == (2,)


def test_rewards_may_be_discounted_per_step():
    env = plays(step(1.0), step(2.0), step(4.0), step_discount=0.5)
    assert env.execute(CHUNK).reward == 1.0 + 1.0 + 1.0
    assert env.episode_return == 7.0


@pytest.mark.parametrize('end', ['terminated', 'truncated'])
def test_an_episode_that_ends_inside_a_chunk_is_not_stepped_further(end):
    env = plays(step(1.0), step(1.0, **{end: True}), step(100.0))
    done = env.execute(CHUNK)
    assert done.reward == 2.0 and len(done.executed) == 2
    assert (done.terminated, done.truncated) == (end == 'terminated', end == 'truncated')


def test_an_end_at_the_limit_is_a_termination_when_the_task_ended_too():
    done = plays(step(1.0, terminated=True, truncated=True)).execute(CHUNK)
    assert done.terminated and not done.truncated


@pytest.mark.parametrize(
    ('script', 'success'),
    [
        ([step(1.0, terminated=True)], True),
        ([step(0.0, terminated=True)], False),
        ([step(1.0), step(1.0, truncated=True)], False),
        ([step(5.0, terminated=True, is_success=False)], False),
        ([step(-1.0, is_success=True), step(truncated=True, is_success=False)], True),
        ([step(-1.0, success=np.float64(1.0))], True),
    ],
)
def test_success_by_info_or_else_by_a_rewarded_end(script, success):
    env = plays(*script)
    env.execute(CHUNK)
    assert env.success is success
    assert isinstance(env, JudgingEnv) and judged(env, []) is success
    env.reset(seed=1)
    assert not env.success


def test_success_by_the_return_of_an_episode():
    env = plays(step(2.0), step(2.0), success_return=4.0)
    env.execute(CHUNK[:1])
    assert not env.success
    env.execute(CHUNK[:1])
    assert env.success


def test_success_can_end_an_episode():
    env = plays(step(-1.0), step(0.0, success=True), end_on_success=True)
    done = env.execute(CHUNK)
    assert done.terminated and len(done.executed) == 2


def test_a_limit_of_its_own_truncates():
    env = plays(max_steps=3)
    done = env.execute(CHUNK)
    assert done.truncated and len(done.executed) == 3


def test_an_episode_without_an_end_is_an_error(monkeypatch):
    monkeypatch.setattr(gym_env, '_ENDLESS', 10)
    env = plays()
    for _ in range(2):
        env.execute(CHUNK)
    with pytest.raises(ConfigError, match=r'12 steps without an end.*TimeLimit'):
        env.execute(CHUNK)


def test_evaluation_counts_what_the_environment_calls_a_success():
    class Middle:
        spec = SPEC

        def __call__(self, state, noise):
            return np.zeros_like(noise)

    config = LearnerConfig()
    prior = PriorChooser(0, config.layout, (2, 1))
    env = plays(step(-1.0, success=True), max_steps=4)
    assert evaluate(env, Middle(), prior, config, 0, 3) == [True] * 3


def test_actions_stay_within_the_box_whatever_rounding_does():
    narrow = spaces.Box(-0.9999, 0.9999, (1,), np.float32)
    raw = Scripted(action_space=narrow)
    env = GymChunkEnv(raw, SPEC)
    env.reset(seed=0)
    env.execute(np.array([[1.0]], dtype=np.float32))
    assert narrow.contains(raw.actions[0])


def test_a_dict_with_a_state_needs_no_image_and_a_goal_dict_is_flattened():
    space = spaces.Dict({'state': STATE, 'camera': IMAGE})
    shown = {'state': np.array([3.0, 4.0]), 'camera': np.zeros((8, 8, 3), np.uint8)}
    env = GymChunkEnv(Scripted(observation_space=space, shown=shown), SPEC)
    np.testing.assert_array_equal(env.reset(seed=0)[0], [3.0, 4.0])

    one = spaces.Box(-np.inf, np.inf, (1,))
    space = spaces.Dict({'position': one, 'goal': one})
    shown = {name: np.array([at]) for name, at in (('goal', 1.0), ('position', 2.0))}
    env = GymChunkEnv(Scripted(observation_space=space, shown=shown), SPEC)
    flat = dict(zip(space.spaces, env.reset(seed=0)[0], strict=True))
    assert flat == {'goal': 1.0, 'position': 2.0}


@pytest.mark.parametrize(
    ('spaces_of', 'error', 'says'),
    [
        ({'action_space': spaces.Discrete(3)}, ConfigError, 'Discrete.*continuous'),
        ({'action_space': spaces.Box(0, 5, (1,), np.int64)}, ConfigError, 'floating-point'),
        ({'action_space': spaces.Box(-1, 1, (3,))}, ShapeMismatchError, r'\(3,\).*\(1,\).*move'),
        ({'action_space': spaces.Box(-0.5, 0.5, (1,))}, ConfigError, '-0.5 to 0.5 for move'),
        ({'observation_space': IMAGE}, ConfigError, 'images'),
        ({'observation_space': spaces.Dict({'camera': IMAGE})}, ConfigError, 'camera'),
        ({'observation_space': spaces.Sequence(STATE)}, ConfigError, 'Sequence'),
        ({'observation_space': spaces.Box(-1, 1, (5,))}, ShapeMismatchError, r'\(5,\).*goal'),
    ],
)
def test_spaces_that_do_not_fit_fail_at_construction(spaces_of, error, says):
    with pytest.raises(error, match=f'(?s){says}'):
        GymChunkEnv(Scripted(**spaces_of), SPEC)


def test_limits_that_are_no_numbers_fail_at_construction():
    space = spaces.Box(-1.0, 1.0, (1,), np.float32)
    space.low[:] = np.nan
    with pytest.raises(ConfigError, match='nan'):
        GymChunkEnv(Scripted(action_space=space), SPEC)


def test_a_policy_that_needs_cameras_fails_at_construction():
    seeing: PolicySpec = dataclasses.replace(
        SPEC, image_names=('wrist',), image_heights=(48,), image_widths=(64,)
    )
    with pytest.raises(ConfigError, match='wrist'):
        GymChunkEnv(Scripted(), seeing)


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_named(bad):
    with pytest.raises(NonFiniteError, match='reward'):
        plays(step(bad)).execute(CHUNK)
    env = GymChunkEnv(Scripted(shown=np.array([0.0, bad])), SPEC)
    with pytest.raises(NonFiniteError, match='observation'):
        env.reset(seed=0)


def test_a_registered_environment_runs_and_repeats():
    pendulum = dataclasses.replace(
        SPEC,
        state_names=('cos', 'sin', 'speed'),
        state_mean=(0.0,) * 3,
        state_std=(1.0,) * 3,
        action_low=(-2.0,),
        action_high=(2.0,),
    )
    env = GymChunkEnv(gymnasium.make('Pendulum-v1'), pendulum)
    ends = []
    for _ in range(2):
        env.reset(seed=3)
        steps = [env.execute(CHUNK) for _ in range(50)]
        assert [s.truncated for s in steps] == [False] * 49 + [True]
        ends.append(steps[-1].state)
    np.testing.assert_array_equal(*ends)
