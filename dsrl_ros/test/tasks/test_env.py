"""The environment keeps Gymnasium's contract, and a demonstrator can succeed in it."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from dsrl_ros.core.errors import ConfigError, ShapeMismatchError
from dsrl_ros.core.types import NoiseLayout, PolicySpec
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.run.rollout import rollout
from dsrl_ros.learning.steering.choosers import PriorChooser
from dsrl_ros.policies import exported
from dsrl_ros.policies.base import check_input
from dsrl_ros.robots.simulation.twin import Twin
from dsrl_ros.tasks.demonstrations import demonstrator
from dsrl_ros.tasks.demonstrations.pick_place import PICK_PLACE_DEMONSTRATOR as SOMEBODY
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE


@pytest.fixture(scope='module')
def env():
    return TaskEnv(PICK_PLACE)


@pytest.fixture(scope='module')
def ungated():
    return TaskEnv(PICK_PLACE, gated=False)


def test_gymnasium_accepts_the_environment(env):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # advice on unbounded spaces
        check_env(env, skip_render_check=True)


def test_nothing_is_registered_globally():
    assert not [name for name in gymnasium.registry if 'pick' in name.lower()]


def test_the_same_seed_and_actions_repeat_an_episode_to_the_bit(env):
    rng = np.random.default_rng(0)
    chunks = [rng.uniform(-0.05, 0.05, (2, 4)).astype(np.float32) for _ in range(4)]

    def run():
        env.reset(seed=3)
        return [env.execute(chunk).state for chunk in chunks]

    np.testing.assert_array_equal(run(), run())


def test_steps_one_by_one_and_a_chunk_lead_to_the_same_place(env):
    """How steps are cut into chunks changes nothing but rounding."""
    chunk = np.random.default_rng(1).uniform(-0.05, 0.05, (4, 4)).astype(np.float32)
    env.reset(seed=3)
    whole = env.execute(chunk).state
    env.reset(seed=3)
    for action in chunk:
        state, *_ = env.step(action)
    np.testing.assert_allclose(state, whole, atol=1e-5)


def test_the_time_limit_truncates_and_does_not_terminate(env):
    env.reset(seed=0)
    still = np.zeros((PICK_PLACE.max_steps - 1, 4), dtype=np.float32)
    result = env.execute(still)
    assert not (result.terminated or result.truncated)
    result = env.execute(still[:1])
    assert result.truncated and not result.terminated and result.reward == 0.0


def test_refuses_what_is_too_fast_and_truncates_at_the_third(env):
    """A refusal is a decision of zero steps: nothing moves, and the task has not ended."""
    too_fast = np.tile(np.float32([0.19, 0, 0, 0]), (4, 1))
    before, _ = env.reset(seed=0)
    for refusals in (1, 2, 3):
        result = env.execute(too_fast)
        assert result.executed.shape == (0, 4) and result.reward == 0.0
        assert (result.terminated, result.truncated) == (False, refusals == 3)
        np.testing.assert_array_equal(result.state, before)
        assert env.arm.twin.now_ns == 0


def test_an_executed_chunk_forgives_refusals(env):
    too_fast = np.tile(np.float32([0.19, 0, 0, 0]), (4, 1))
    env.reset(seed=0)
    for chunk in (too_fast, too_fast, np.zeros_like(too_fast), too_fast, too_fast):
        assert not env.execute(chunk).truncated


def test_refuses_nonsense_but_not_a_wrong_shape(env):
    """As the driver does; but here a wrong shape is a mistake of the caller's program."""
    env.reset(seed=0)
    assert not len(env.execute(np.full((2, 4), np.nan, dtype=np.float32)).executed)
    with pytest.raises(ShapeMismatchError):
        env.execute(np.zeros((2, 3), dtype=np.float32))


def test_the_gate_changes_no_bit_of_what_it_lets_through(env, ungated):
    rng = np.random.default_rng(4)
    env.reset(seed=3)
    ungated.reset(seed=3)
    for _ in range(4):
        chunk = rng.uniform(-0.02, 0.02, (2, 4)).astype(np.float32)
        np.testing.assert_array_equal(env.execute(chunk).state, ungated.execute(chunk).state)


def test_a_demonstration_ends_in_success_with_reward_one(env):
    """What the demonstrator recorded succeeds again when it is played back."""
    rng = np.random.default_rng(0)
    given = next(
        d for d in (demonstrator.demonstrate(SOMEBODY, env, 11, rng) for _ in range(20)) if d
    )
    state, _ = env.reset(seed=11)
    for recorded, action in zip(given.states, given.actions, strict=True):
        np.testing.assert_array_equal(state, recorded)
        state, reward, terminated, _, _ = env.step(action)
    assert terminated and reward == 1.0


def test_demonstrations_follow_their_seed_and_differ_among_themselves():
    """Ten demonstrations are ten different ones, the same ten each time."""
    once, again = (
        demonstrator.record(SOMEBODY, 3, seed=7),
        demonstrator.record(SOMEBODY, 3, seed=7),
    )
    for one, same in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.actions, same.actions)
    assert len({d.actions.tobytes() for d in once}) == 3
    assert not np.array_equal(once[0].states[0], once[1].states[0])


def test_demonstrations_stay_within_the_stated_action_limits():
    for given in demonstrator.record(SOMEBODY, 2, seed=1):
        assert (given.actions >= np.float32(PICK_PLACE.action_low)).all()
        assert (given.actions <= np.float32(PICK_PLACE.action_high)).all()


def policy_spec(*cameras: str, size: tuple[int, int] = (48, 64)) -> PolicySpec:
    return exported.plain_spec(
        'onlooker',
        len(PICK_PLACE.state_names),
        PICK_PLACE.action_low,
        PICK_PLACE.action_high,
        horizon=4,
        num_execute=4,
        image_names=cameras,
        image_heights=(size[0],) * len(cameras),
        image_widths=(size[1],) * len(cameras),
    )


class Onlooker:
    """Moves a little by its noise, and keeps what it was shown."""

    def __init__(self, *cameras: str) -> None:
        self.spec = policy_spec(*cameras)
        self.seen: list[tuple[np.ndarray, ...]] = []

    def __call__(self, state, noise):
        return self.see(state, noise, ())

    def see(self, state, noise, images):
        check_input(self.spec, state, noise, images)
        self.seen.append(tuple(images))
        return np.float32(0.02) * np.tanh(noise)


def test_draws_in_the_size_that_the_policy_states(env):
    env.reset(seed=3)
    (image,) = env.camera_images(policy_spec('front', size=(48, 64)))
    assert image.shape == (48, 64, 3) and image.dtype == np.uint8 and image.std() > 10
    (large,) = env.camera_images(policy_spec('front', size=(1440, 1920)))  # larger than stated
    blocks = large.reshape(48, 30, 64, 30, 3).mean(axis=(1, 3))
    assert np.abs(blocks - image).mean() < 5


def test_a_policy_is_shown_the_scene_of_its_own_decision(env):
    policy = Onlooker('wrist', 'front')
    chooser = PriorChooser(0, NoiseLayout.FULL, (4, 4))
    transitions = rollout(env, policy, chooser, LearnerConfig(), 0, 3)
    assert len(policy.seen) == len(transitions)
    env.reset(seed=3)
    for seen, transition in zip(policy.seen[:3], transitions, strict=False):
        now = np.stack(env.camera_images(policy.spec))
        np.testing.assert_array_equal(np.concatenate(seen), now)
        assert now.shape == (2, 48, 64, 3) and not np.array_equal(now[0], now[1])
        env.execute(transition.action)


def test_drawing_changes_no_bit_and_nothing_is_drawn_for_a_policy_of_states(env):
    def states(*cameras: str) -> list[np.ndarray]:
        env.close()
        chooser = PriorChooser(0, NoiseLayout.FULL, (4, 4))
        drawn: list[tuple] = []
        with pytest.MonkeyPatch.context() as patch:
            render = Twin.render
            patch.setattr(Twin, 'render', lambda *given: drawn.append(given) or render(*given))
            steps = rollout(env, Onlooker(*cameras), chooser, LearnerConfig(), 0, 3)
        assert bool(drawn) == bool(cameras)
        return [step.next_observation.state for step in steps]

    np.testing.assert_array_equal(states(), states('front'))


def test_an_evaluation_shows_its_policy_the_scene(env):
    policy = Onlooker('front')
    rollout(env, policy, PriorChooser(0, NoiseLayout.FULL, (4, 4)), LearnerConfig(), 0, 3)
    assert policy.seen and policy.seen[0][0].std() > 10


def test_a_camera_that_the_scene_lacks_is_named(env):
    with pytest.raises(
        ConfigError, match=r'ceiling, expected cameras of the task pick_place \(.*front'
    ):
        env.camera_images(policy_spec('front', 'ceiling'))
