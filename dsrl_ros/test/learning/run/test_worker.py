"""The worker learns what it is given, in lockstep bit for bit, and outlives bad data."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest
from safetensors.numpy import load
from toy import SPEC

from dsrl_ros.core.errors import PolicyUnavailableError
from dsrl_ros.core.types import (
    DecisionKey,
    Noise,
    NoiseLayout,
    NoiseSource,
    Observation,
    Transition,
)
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.run import worker
from dsrl_ros.learning.run.checkpoint import CheckpointStore, load_checkpoint
from dsrl_ros.learning.run.worker import LearningWorker
from dsrl_ros.learning.steering.actor import SteeringActor

UTD = 3
CONFIG = LearnerConfig(
    hidden_size=16,
    num_layers=1,
    batch_size=8,
    utd=UTD,
    replay_capacity=100,
    bound_values=False,  # so that a huge reward is learned from, and not refused
)


def episode(number: int, length: int, nan_at: int | None = None) -> list[Transition]:
    """Return one episode of random transitions that ends by success."""
    rng = np.random.default_rng(number)
    transitions = []
    for decision in range(length):
        state = rng.standard_normal(2).astype(np.float32)
        if decision == nan_at:
            state[0] = np.nan
        rows = rng.standard_normal((2, 1)).astype(np.float32)
        last = decision == length - 1
        transitions.append(
            Transition(
                key=DecisionKey('robot', '0' * 32, number, decision),
                sequence=0,
                observation=Observation(state),
                noise=Noise(rows, NoiseLayout.FULL, NoiseSource.PRIOR),
                action=rows,
                reward=float(last),
                discount=0.97,
                terminated=last,
                truncated=False,
                next_observation=Observation(rng.standard_normal(2).astype(np.float32)),
            )
        )
    return transitions


class Harness:
    """A worker whose news can be waited for."""

    def __init__(
        self, folder, lockstep: bool = True, checkpoint_every: int = 100, config=CONFIG
    ) -> None:
        self.learner = DsrlSac(SPEC, config, seed=1)
        self._changed = threading.Condition()
        self._weights = []
        self.store = CheckpointStore(folder)
        self.worker = LearningWorker(
            self.learner, lockstep, self.store, checkpoint_every, self._on_change
        )
        self.worker.start()

    def _on_change(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def add(self, transitions: list[Transition]) -> None:
        for transition in transitions:
            self.worker.add(transition)

    def weights_of(self, trained_episodes: int):
        """Return the first weights that have seen so many episodes."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._find(trained_episodes), timeout=20.0)
        assert found, f'no weights of {trained_episodes} episodes in time'
        return found

    def _find(self, trained_episodes: int):
        self._weights += self.worker.take_weights()
        return next((w for w in self._weights if w.trained_episodes == trained_episodes), None)


@pytest.fixture
def harness(tmp_path):
    made = Harness(tmp_path)
    yield made
    made.worker.stop()


def test_first_weights_come_before_any_data(harness):
    weights = harness.weights_of(0)
    actor = SteeringActor.from_bytes(weights.data, SPEC)
    assert weights.version == 1
    assert actor.act(Observation(np.zeros(2, np.float32))).shape == (2, 1)


def test_an_episode_is_worth_utd_steps_per_transition(harness):
    harness.add(episode(0, length=5))
    harness.weights_of(1)
    harness.add(episode(1, length=4))
    harness.weights_of(2)
    assert harness.worker.status.gradient_steps == UTD * 9


@pytest.mark.parametrize('lockstep', [True, False])
def test_updates_every_other_decision_halve_them(tmp_path, lockstep):
    config = dataclasses.replace(CONFIG, update_every=2)
    made = Harness(tmp_path, lockstep, config=config)
    made.add([*episode(0, length=5), *episode(1, length=4)])
    made.weights_of(2)
    made.worker.stop()
    assert made.learner.gradient_steps == UTD * 4


def test_lockstep_repeats_bit_for_bit_whatever_the_timing(tmp_path):
    first, second = Harness(tmp_path / 'a'), Harness(tmp_path / 'b')
    first.add(episode(0, 5) + episode(1, 4))  # all at once
    second.add(episode(0, 5))
    second.weights_of(1)  # and with a wait in between
    second.add(episode(1, 4))
    one, two = first.weights_of(2), second.weights_of(2)
    first.worker.stop()
    second.worker.stop()
    assert one.data == two.data


def test_real_time_pays_every_step_it_owes(tmp_path):
    harness = Harness(tmp_path, lockstep=False)
    harness.add(episode(0, 5) + episode(1, 4))
    harness.weights_of(2)
    assert harness.worker.status.gradient_steps == UTD * 9
    harness.worker.stop()


def test_a_transition_that_does_not_fit_is_counted_and_learning_goes_on(harness):
    harness.add(episode(0, 5, nan_at=2))
    harness.weights_of(1)
    progress = harness.worker.status
    assert (progress.transitions, progress.refused) == (4, 1)
    assert 'non-finite' in progress.refusal
    assert progress.gradient_steps > 0
    assert not progress.fault


def test_when_learning_fails_the_last_good_weights_go_on(harness):
    harness.add(episode(0, 5))
    good = harness.weights_of(1)
    poisoned = [t.__class__(**{**t.__dict__, 'reward': 1e38}) for t in episode(1, 4)]
    harness.add(poisoned)
    after = harness.weights_of(2)
    assert 'non-finite' in harness.worker.status.fault
    last_good, handed_out = load(good.data), load(after.data)
    for name, tensor in last_good.items():
        assert np.array_equal(handed_out[name], tensor), name


@pytest.mark.parametrize('asking', ['add', 'update'])
def test_a_policy_that_answers_again_in_time_is_no_fault(harness, monkeypatch, asking):
    """No transition is lost by it, and no step that is owed."""
    monkeypatch.setattr(worker, 'PAUSE_S', 0.0)
    failures = iter([PolicyUnavailableError('no answer')] * (worker.TRIES - 1))
    ask = getattr(harness.learner, asking)

    def silent_at_first(argument):
        if (error := next(failures, None)) is not None:
            raise error
        return ask(argument)

    setattr(harness.learner, asking, silent_at_first)
    harness.add(episode(0, 5))
    harness.weights_of(1)
    assert next(failures, None) is None
    assert not harness.worker.status.fault
    assert harness.worker.status.refused == 0
    assert harness.worker.status.gradient_steps == UTD * 5


def test_stopping_keeps_what_was_learned(tmp_path):
    harness = Harness(tmp_path)
    harness.add(episode(0, 5))
    harness.weights_of(1)
    harness.worker.stop()
    learner = DsrlSac(SPEC, CONFIG, seed=2)
    counters = load_checkpoint(harness.store.latest_complete(), learner)
    assert counters.trained_episodes == 1
    assert learner.gradient_steps == UTD * 5
    state = np.ones(2, np.float32)
    kept = learner.export_actor(1, 1).act(Observation(state))
    assert np.array_equal(kept, harness.learner.export_actor(1, 1).act(Observation(state)))
