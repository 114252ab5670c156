"""Steering the toy, whose best noise is known: it is found, and a run repeats from its seed."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from toy import LEARNING as CONFIG
from toy import SPEC, ToyEnv, ToyPolicy, transition
from toy_seeing import SEEING, SeeingToy, views

from dsrl_ros.core.errors import ConfigError, ShapeMismatchError
from dsrl_ros.core.types import (
    Array,
    ChunkStep,
    Noise,
    NoiseLayout,
    NoiseSource,
    Observation,
    RewardSource,
)
from dsrl_ros.learning.algorithms.build import build_actor_learner, build_learner
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.run.rollout import evaluate, rollout, run_steering, succeeded
from dsrl_ros.learning.steering.choosers import ActorChooser, ConstantChooser, PriorChooser

torch.set_num_threads(1)

STATE = np.array([0.0, 1.0], dtype=np.float32)


def test_learns_the_known_best_noise() -> None:
    """The prior seldom succeeds; the steered policy always does, by noise towards the goal."""
    env, policy = ToyEnv(), ToyPolicy()
    prior = PriorChooser(0, NoiseLayout.FULL, (2, 1))
    assert np.mean(evaluate(env, policy, prior, CONFIG, seed=0, episodes=100)) < 0.4
    learner = DsrlSac(SPEC, CONFIG, seed=0)
    episodes = run_steering(env, policy, learner, seed=0, warmup_episodes=10, online_episodes=30)
    steered = ActorChooser(learner.export_actor(1, 40), seed=None)
    assert np.mean(evaluate(env, policy, steered, CONFIG, seed=0, episodes=20)) == 1.0
    for goal in (-1.0, 1.0):
        rows = steered.choose(Observation(np.array([0.0, goal], dtype=np.float32)), 0, 0).rows
        assert (goal * rows > 0.5).all()
    assert [episode.phase for episode in episodes] == ['warmup'] * 10 + ['online'] * 30
    assert learner.gradient_steps == CONFIG.utd * learner.num_transitions


def test_updates_every_other_decision_halve_the_gradient_steps() -> None:
    small = dataclasses.replace(CONFIG, hidden_size=16, utd=2, update_every=2)
    learner = DsrlSac(SPEC, small, seed=0)
    run_steering(ToyEnv(), ToyPolicy(), learner, 0, 2, 3)
    assert learner.gradient_steps == 2 * (learner.num_transitions // 2)


def test_a_run_repeats_from_its_seed() -> None:
    small = dataclasses.replace(CONFIG, hidden_size=16, utd=2)

    def run(seed: int) -> bytes:
        learner = DsrlSac(SPEC, small, seed)
        run_steering(ToyEnv(), ToyPolicy(), learner, seed, 2, 4)
        return learner.export_actor(1, 6).to_bytes()

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_online_episodes_act_on_weights_one_episode_behind() -> None:
    """Episode e acts on the weights made after episode e - 2."""
    small = dataclasses.replace(CONFIG, hidden_size=16, utd=1)
    states = []

    class Spy(ToyPolicy):
        def __call__(self, state: Array, noise: Array) -> Array:
            states.append((state[0].copy(), noise[0].copy()))
            return super().__call__(state, noise)

    actors = []
    learner = DsrlSac(SPEC, small, seed=3)
    run_steering(
        ToyEnv(),
        Spy(),
        learner,
        seed=3,
        warmup_episodes=2,
        online_episodes=3,
        on_episode=lambda number, _: actors.append(
            (learner.export_actor(number + 1, number + 1), len(states))
        ),
    )
    for episode in (2, 3, 4):
        actor, _ = actors[episode - 2]
        first = actors[episode - 1][1]  # where the episode's decisions begin
        state, noise = states[first]
        expected = ActorChooser(actor, seed=3).choose(Observation(state), episode, 0).rows
        np.testing.assert_array_equal(noise, expected)


def test_a_rollout_keeps_the_noise_as_used_and_joins_states() -> None:
    rows = np.array([[0.3], [-0.4]], dtype=np.float32)
    chooser = ConstantChooser(rows, NoiseLayout.FULL)
    steps = rollout(ToyEnv(), ToyPolicy(), chooser, CONFIG, episode=7, reset_seed=1)
    assert len(steps) == 6 and steps[-1].truncated and not succeeded(steps)
    for before, after in itertools.pairwise(steps):
        np.testing.assert_array_equal(before.next_observation.state, after.observation.state)
        np.testing.assert_array_equal(before.noise.rows, rows)
        assert not before.terminated and not before.truncated
        assert before.discount == 0.9
    assert [(t.key.episode, t.key.decision, t.sequence) for t in steps] == [
        (7, k, k) for k in range(6)
    ]
    by_environment, by_limit = RewardSource.SIMULATOR, RewardSource.TIMEOUT
    assert [t.reward_source for t in steps] == [by_environment] * 5 + [by_limit]


def test_what_was_refused_is_not_asked_for_again() -> None:
    """The decision after it takes its noise from the fallback, the one after that does not."""

    class Refusing(ToyEnv):
        decisions = 0

        def execute(self, chunk: Array) -> ChunkStep:
            self.decisions += 1
            if self.decisions == 2:
                return ChunkStep(STATE, 0.0, False, False, chunk[:0])
            return super().execute(chunk)

    chooser, fallback = (
        ConstantChooser(np.full((2, 1), value, dtype=np.float32), NoiseLayout.FULL)
        for value in (0.1, -0.1)
    )
    steps = rollout(Refusing(), ToyPolicy(), chooser, CONFIG, 0, 1, fallback=fallback)
    noises = [t.noise.rows[0, 0] for t in steps if t.noise is not None]
    np.testing.assert_allclose(noises[:4], [0.1, 0.1, -0.1, 0.1])
    assert not len(steps[1].action)


def test_termination_without_reward_is_no_success() -> None:
    assert succeeded([transition(terminated=True, reward=1.0)])
    assert not succeeded([transition(terminated=True, reward=0.0)])
    assert not succeeded([transition(terminated=False, truncated=True, reward=0.0)])


@pytest.mark.parametrize(('layout', 'rows'), [('repeated', 1), ('basis', 2)])
def test_other_layouts_run(layout: str, rows: int) -> None:
    small = LearnerConfig(
        hidden_size=16, batch_size=16, utd=1, noise_layout=layout, num_basis=rows
    )
    learner = DsrlSac(SPEC, small, seed=0)
    run_steering(ToyEnv(), ToyPolicy(), learner, 0, 1, 2)
    noise = ActorChooser(learner.export_actor(1, 3), None).choose(Observation(STATE), 0, 0)
    assert noise.rows.shape == (rows, SPEC.action_dim)
    assert isinstance(noise, Noise) and noise.source == NoiseSource.ACTOR


class FilmedEnv(ToyEnv):
    """Shows each decision images of its own."""

    filmed = 0

    def camera_images(self, spec):
        self.filmed += 1
        return [image[0] for image in views(1, seed=self._decisions)]


CHOOSER = ConstantChooser(np.full((2, 1), 0.1, dtype=np.float32), NoiseLayout.FULL)


def test_a_policy_with_cameras_is_shown_the_images_of_each_decision() -> None:
    env = FilmedEnv()
    steps = rollout(env, SeeingToy(), CHOOSER, CONFIG, 0, 1)
    assert env.filmed == len(steps) > 1
    for k, step in enumerate(steps):
        want = SeeingToy().see(
            step.observation.state[None], np.float32([[[0.1], [0.1]]]), views(1, k)
        )
        np.testing.assert_array_equal(step.action, want[0])


def test_nothing_is_filmed_for_a_policy_of_states() -> None:
    env = FilmedEnv()
    rollout(env, ToyPolicy(), CHOOSER, CONFIG, 0, 1)
    assert not env.filmed


def test_images_of_another_size_than_the_policy_takes_are_refused() -> None:
    class Zoomed(FilmedEnv):
        def camera_images(self, spec):
            return [image[:, :-1] for image in super().camera_images(spec)]

    with pytest.raises(ShapeMismatchError, match='images of wrist'):
        rollout(Zoomed(), SeeingToy(), CHOOSER, CONFIG, 0, 1)


def test_an_environment_without_the_cameras_is_refused_before_it_is_touched() -> None:
    class Untouched:
        def reset(self, *, seed):
            raise AssertionError

        execute = reset

    class Unlearned(DsrlSac):
        def add(self, transition):
            raise AssertionError

    with pytest.raises(
        ConfigError, match=r'without cameras \(Untouched\).*wrist, front.*camera_images\(\)'
    ):
        rollout(Untouched(), SeeingToy(), CHOOSER, CONFIG, 0, 1)
    learner = Unlearned(SEEING, CONFIG, seed=0)
    with pytest.raises(ConfigError, match='without cameras'):
        run_steering(Untouched(), SeeingToy(), learner, 0, offline=[transition()])


def test_a_policy_with_cameras_is_steered() -> None:
    small = dataclasses.replace(CONFIG, hidden_size=16, utd=2)
    learner = build_learner(SeeingToy(), small, 0)
    run_steering(FilmedEnv(), SeeingToy(), learner, 0, 2, 3)
    assert learner.num_transitions and learner.gradient_steps


@pytest.mark.parametrize('algorithm', ['na', 'best_of_n'])
def test_a_learner_that_asks_about_stored_observations_takes_no_policy_with_cameras(
    algorithm: str,
) -> None:
    config = dataclasses.replace(CONFIG, algorithm=algorithm)
    with pytest.raises(ConfigError, match=f"{algorithm}' for policy toy.*wrist, front.*:=sac"):
        build_learner(SeeingToy(), config, 0)
    if algorithm == 'na':
        with pytest.raises(ConfigError, match='algorithm:=sac'):
            build_actor_learner(SeeingToy(), config, 0)


@pytest.mark.parametrize(
    ('old', 'new'), [('film', 'camera_images'), ('look', 'extra_observations')]
)
def test_a_method_under_its_old_name_is_an_error_that_names_the_new_one(
    old: str, new: str
) -> None:
    env = ToyEnv()
    setattr(env, old, lambda *_: None)
    with pytest.raises(ConfigError, match=rf'got a method {old}\(\), expected {new}\(\)'):
        rollout(env, ToyPolicy(), CHOOSER, CONFIG, 0, 1)
