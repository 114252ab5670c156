"""A run without ROS as a folder: measured, learned, resumed bit by bit, honest about itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from toy import SPEC, ToyEnv, ToyPolicy, transition
from toy_seeing import SeeingToy

from dsrl_ros.core.errors import CheckpointError, ConfigError, ShapeMismatchError
from dsrl_ros.core.statistics import SuccessRate, difference_interval
from dsrl_ros.core.types import Array, Transition
from dsrl_ros.learning.algorithms.build import build_learner
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.data.dataset import load_transitions
from dsrl_ros.learning.run import training_run
from dsrl_ros.learning.run.checkpoint import CheckpointStore, Counters, load_checkpoint
from dsrl_ros.learning.run.rollout import EpisodeResult, ExtraObservations, evaluate, rollout
from dsrl_ros.learning.run.training_run import TrainingRun
from dsrl_ros.learning.steering.choosers import PriorChooser
from dsrl_ros.learning.steering.plan import RunPlan

torch.set_num_threads(1)

CONFIG = LearnerConfig(
    hidden_size=16, num_layers=1, batch_size=16, utd=2, discount=0.9, num_candidates=4
)
PLAN = RunPlan(seed=1, warmup=3, online=4, evaluation=6)
SHORT = {'evaluation': 0}


class Watching:
    """Keeps what it is told; stops the run after `stop_after` learning episodes."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.phases: list[tuple[str, int, int]] = []
        self.warnings: list[str] = []
        self.learned = 0
        self._stop_after = stop_after

    def begin(self, phase: str, total: int, done: int = 0) -> None:
        self.phases.append((phase, total, done))

    def episode(self, success: bool, metrics: dict[str, float]) -> None:
        if self.phases[-1][0] == 'learning':
            self.learned += 1
            if self.learned == self._stop_after:
                raise KeyboardInterrupt

    def warn(self, text: str) -> None:
        self.warnings.append(text)


class Collapsing(ToyPolicy):
    """Reaches the goal with any noise but one repeated over the chunk."""

    def __call__(self, state: Array, noise: Array) -> Array:
        varied = np.ptp(noise, axis=1, keepdims=True) > 1e-3
        return np.where(varied, 0.3 * state[:, None, 1:], 0.0).repeat(2, axis=1).astype(np.float32)


class Wild(ToyPolicy):
    """Answers 1e27 for some noise."""

    def __call__(self, state: Array, noise: Array) -> Array:
        return np.where(noise > 0.5, np.float32(1e27), super().__call__(state, noise))


class Seeing(ToyEnv):
    """Shows its state a second time."""

    def extra_observations(self) -> ExtraObservations:
        return {'features': self._state.copy()}


class Prepared(NamedTuple):
    """A run, its folder, and who watches it."""

    made: TrainingRun
    folder: Path
    watcher: Watching

    @property
    def learner(self) -> Any:
        return self.made.learner

    def run(self) -> None:
        self.made.run(self.folder, self.watcher)


def make(folder: Path, policy: Any = None, stop_after: int | None = None, **changes: Any):
    watcher = Watching(stop_after)
    plan = dataclasses.replace(PLAN, **changes.pop('plan', {}))
    env = changes.pop('env', None) or ToyEnv()
    offline, every = changes.pop('offline', ()), changes.pop('every', 1)
    config = dataclasses.replace(CONFIG, **changes)
    folder.mkdir(exist_ok=True)
    policy = policy or ToyPolicy()
    run = TrainingRun(env, policy, config, plan, offline, checkpoint_every=every)
    return Prepared(run, folder, watcher), watcher


def collected(config: LearnerConfig, episodes: int) -> list[Transition]:
    """Return offline data: what the prior does in the toy."""
    prior = PriorChooser(9, config.layout, config.noise_shape(SPEC))
    made = (
        rollout(ToyEnv(), ToyPolicy(), prior, config, number, number, 'offline')
        for number in range(episodes)
    )
    return [step for episode in made for step in episode]


def tensors(folder: Path, episodes: int = 7) -> dict[str, np.ndarray]:
    files = sorted((folder / 'checkpoints' / f'{episodes:06d}').glob('*.safetensors'))
    assert files
    return {f'{p.stem}.{k}': v for p in files for k, v in load_file(p).items()}


def same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(ours[name], tensor, err_msg=name)


def test_a_whole_run_leaves_everything_that_it_has_shown(tmp_path):
    run, watcher = make(tmp_path, noise_layout='repeated')
    run.run()
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert summary['complete']
    assert len(summary['online_success']) == 4 and summary['warmup_episodes'] == 3
    assert set(summary['scaled_prior_success']) == {'0', '0.25', '0.5', '0.75', '1'}
    assert summary['scaled_prior_success']['1'] == summary['base_success']
    for name in ('base_success', 'steered_success', 'full_layout_success'):
        low, high = summary['intervals_95'][name]
        assert low <= summary[name] <= high
    assert (tmp_path / 'learning_curve.png').read_bytes()[:4] == b'\x89PNG'
    kept = load_transitions(tmp_path / 'transitions.safetensors', SPEC, run.learner.config)
    assert len(kept) == run.learner.num_transitions == summary['decisions']
    # The base is measured before the first episode, in both layouts.
    names = [name for name, _, _ in watcher.phases]
    assert names[:3] == [
        'prior, full noise, c = 1',
        'prior, repeated noise, c = 1',
        'learning',
    ]


@pytest.mark.parametrize('algorithm', ['sac', 'na', 'best_of_n', 'constant', 'prior', 'rlpd'])
def test_a_resumed_run_is_bit_equal_to_one_that_was_never_stopped(tmp_path, algorithm):
    whole, _ = make(tmp_path / 'whole', algorithm=algorithm)
    whole.run()
    for stop_after in (1, 5):
        folder = tmp_path / f'stopped{stop_after}'
        stopped, _ = make(folder, stop_after=stop_after, algorithm=algorithm)
        with pytest.raises(KeyboardInterrupt):
            stopped.run()
        partial = json.loads((folder / 'summary.json').read_text())
        assert not partial['complete'] and len(partial['progress']['episodes']) == 6 + stop_after
        resumed, watcher = make(folder, algorithm=algorithm)
        resumed.run()
        assert watcher.learned == 7 - stop_after
        same(tensors(folder), tensors(tmp_path / 'whole'))
        again, first = (
            json.loads((f / 'summary.json').read_text()) for f in (folder, tmp_path / 'whole')
        )
        for name in ('online_success', 'steered_success', 'scaled_prior_success', 'decisions'):
            assert again[name] == first[name]
        kept = [load_file(f / 'transitions.safetensors') for f in (folder, tmp_path / 'whole')]
        np.testing.assert_array_equal(kept[0]['noise'], kept[1]['noise'])


def test_a_finished_run_does_nothing_again(tmp_path):
    make(tmp_path)[0].run()
    again, watcher = make(tmp_path)
    again.run()
    assert not watcher.phases


def test_a_layout_that_takes_success_away_is_said_before_training(tmp_path):
    run, watcher = make(tmp_path, Collapsing(), noise_layout='repeated', stop_after=1)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    (text,) = watcher.warnings
    assert text.startswith('noise layout repeated') and '(0/6' in text and '(6/6' in text
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert summary['layout_warning'] == text
    assert (summary['base_success'], summary['full_layout_success']) == (0.0, 1.0)


def test_answers_of_the_policy_that_are_bad_are_counted_and_change_nothing_to_nan(tmp_path):
    run, watcher = make(tmp_path, Wild(), algorithm='na')
    run.run()
    assert any('not finite or absurdly large' in text for text in watcher.warnings)
    progress = json.loads((tmp_path / 'summary.json').read_text())['progress']
    assert 0 < progress['bad_answers'] < progress['answers']
    for name, tensor in tensors(tmp_path).items():
        assert np.isfinite(tensor).all(), name


def test_a_run_starts_from_the_transitions_of_another(tmp_path):
    first, _ = make(tmp_path / 'first')
    first.run()
    offline = load_transitions(tmp_path / 'first' / 'transitions.safetensors', SPEC, CONFIG)
    second, _ = make(tmp_path / 'second', offline=offline, offline_steps=5)
    second.run()
    summary = json.loads((tmp_path / 'second' / 'summary.json').read_text())
    added = second.learner.num_transitions - summary['decisions']
    assert added == first.learner.num_transitions
    assert summary['gradient_steps'] == 5 + CONFIG.utd * summary['decisions']


LEARNING = {
    'hidden_size': 32,
    'num_layers': 2,
    'batch_size': 64,
    'actor_learning_rate': 1e-3,
    'critic_learning_rate': 1e-3,
    'temperature': 0.02,
    'polyak': 0.02,
}


def test_from_a_dataset_alone_the_toy_is_learned(tmp_path):
    config = dataclasses.replace(CONFIG, **LEARNING)
    alone = {'warmup': 0, 'online': 0, 'evaluation': 20}
    arguments = {**LEARNING, 'plan': alone, 'offline_steps': 600}
    run, _ = make(tmp_path, offline=collected(config, 60), **arguments)
    run.run()
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert summary['complete'] and summary['gradient_steps'] == 600
    assert summary['steered_success'] > 0.9 > 0.5 > summary['base_success']
    # What `dsrl eval` does: the newest checkpoint, in a learner of its own.
    learner = build_learner(ToyPolicy(), run.learner.config, 0)
    load_checkpoint(CheckpointStore(tmp_path / 'checkpoints').latest_complete(), learner)
    successes = evaluate(ToyEnv(), ToyPolicy(), learner.chooser(None), config, 5, 20)
    assert np.mean(successes) > 0.9
    again, watcher = make(tmp_path, **arguments)
    again.run()
    assert again.learner.gradient_steps == 600 and not watcher.phases


@pytest.mark.parametrize('stopped_at', [0, 1, 2, 5])
def test_offline_steps_are_kept_before_the_first_episode(tmp_path, monkeypatch, stopped_at):
    """A run goes on without its dataset, which the checkpoint holds."""
    offline = collected(CONFIG, 5)
    whole, _ = make(tmp_path / 'whole', offline=offline, offline_steps=7, plan=SHORT)
    whole.run()

    def stop(number: int) -> None:
        if number == stopped_at:
            raise KeyboardInterrupt

    first, _ = make(tmp_path / 'stopped', offline=offline, offline_steps=7, every=3, plan=SHORT)
    with monkeypatch.context() as patched:
        patched.setattr(first.made, '_before_learning', stop)
        with pytest.raises(KeyboardInterrupt):
            first.run()
    resumed, watcher = make(tmp_path / 'stopped', offline_steps=7, every=3, plan=SHORT)
    resumed.run()
    assert ('learning', 7, 0) in watcher.phases
    same(tensors(tmp_path / 'stopped'), tensors(tmp_path / 'whole'))


@pytest.mark.parametrize(
    ('when', 'number', 'kept'),
    [
        ('before', 4, [2, 3, 4, 5]),  # while episode 4 is collected: it is the last
        ('after', 4, [3, 5, 6]),  # while it is learned from: the next one is
        ('after', 3, [2, 3, 4]),  # the same right after a checkpoint: it is the last
        ('before', 6, [5, 6, 7]),
    ],
)
def test_asked_to_stop_a_run_keeps_all_that_it_has_learned(
    tmp_path, monkeypatch, when, number, kept
):
    whole, _ = make(tmp_path / 'whole', plan=SHORT)
    whole.run()
    run, watcher = make(tmp_path / 'stopped', every=3, plan=SHORT)
    name = {'before': '_before_learning', 'after': '_on_episode'}[when]
    original = getattr(run.made, name)

    def ask(at: int, *rest: EpisodeResult) -> None:
        if at == number:
            run.made.interrupt()
        original(at, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(run.made, name, ask)
        with pytest.raises(KeyboardInterrupt):
            run.run()
    assert 'Ctrl-C again' in watcher.warnings[-1]
    paths = CheckpointStore(tmp_path / 'stopped' / 'checkpoints').complete()
    assert [int(path.name) for path in paths] == kept[-3:]
    resumed, watcher = make(tmp_path / 'stopped', every=3, plan=SHORT)
    resumed.run()
    assert watcher.learned == 7 - kept[-1]
    same(tensors(tmp_path / 'stopped'), tensors(tmp_path / 'whole'))


def test_asked_twice_or_while_nothing_is_collected_a_run_stops_at_once(tmp_path):
    run, watcher = make(tmp_path, plan=SHORT)
    with pytest.raises(KeyboardInterrupt):
        run.made.interrupt()

    def twice(number: int) -> None:
        run.made.interrupt()
        run.made.interrupt()

    run.made._before_learning = twice
    with pytest.raises(KeyboardInterrupt):
        run.run()
    assert watcher.learned == 0


def test_checkpoints_and_transitions_are_written_where_they_are_due(tmp_path, monkeypatch):
    saved, written = [], []
    run, _ = make(tmp_path, every=3, plan=SHORT)
    save, write = CheckpointStore.save, training_run.save_transitions

    def saving(store: CheckpointStore, learner: Any, counters: Counters) -> Path:
        saved.append(counters.trained_episodes)
        return save(store, learner, counters)

    def writing(path: Path, transitions: list[Transition], spec: Any) -> None:
        written.append(len(transitions))
        write(path, transitions, spec)

    monkeypatch.setattr(CheckpointStore, 'save', saving)
    monkeypatch.setattr(training_run, 'save_transitions', writing)
    run.run()
    assert saved == [2, 3, 5, 6, 7] and len(written) == 5
    kept = load_transitions(tmp_path / 'transitions.safetensors', SPEC, CONFIG)
    assert len(kept) == run.learner.num_transitions == written[-1]


def test_killed_anywhere_a_run_goes_on_from_its_last_pair_of_checkpoints(tmp_path):
    whole, _ = make(tmp_path / 'whole', plan=SHORT)
    whole.run()
    # In episodes 2 and 5 the first checkpoint of a pair has been written, and not the second.
    for killed_in, goes_on_at in ((2, 0), (4, 3), (5, 3), (6, 6)):
        folder = tmp_path / f'killed{killed_in}'
        run, _ = make(folder, every=3, plan=SHORT)
        original = run.made._on_episode

        def kill(
            number: int,
            episode: EpisodeResult,
            killed_in: int = killed_in,
            original: Any = original,
        ) -> None:
            if number == killed_in:
                raise KeyboardInterrupt
            original(number, episode)

        run.made._on_episode = kill
        with pytest.raises(KeyboardInterrupt):
            run.run()
        resumed, watcher = make(folder, every=3, plan=SHORT)
        resumed.run()
        assert watcher.learned == 7 - goes_on_at
        same(tensors(folder), tensors(tmp_path / 'whole'))


def test_what_cannot_be_learned_from_is_refused_at_once(tmp_path):
    with pytest.raises(ConfigError, match=r'num_features.*extra_observations\(\)'):
        make(tmp_path, num_features=2)
    with pytest.raises(ConfigError, match=r'image_width.*state alone'):
        make(tmp_path, image_channels=3, image_height=16, image_width=16)
    with pytest.raises(ConfigError, match=r'got 0 .*extra_observations\(\)'):
        make(tmp_path, env=Seeing())
    with pytest.raises(ShapeMismatchError, match='got no noise'):
        make(tmp_path, offline=[transition(noise=None, phase='offline')])
    make(tmp_path, env=Seeing(), num_features=2)
    make(tmp_path, env=Seeing(), algorithm='constant')
    make(tmp_path, algorithm='na', offline=[transition(noise=None, phase='offline')])


def test_a_policy_with_cameras_needs_an_environment_that_has_them() -> None:
    with pytest.raises(ConfigError, match=r'ToyEnv.*wrist, front.*camera_images\(\)'):
        TrainingRun(ToyEnv(), SeeingToy(), CONFIG, PLAN)


@pytest.mark.parametrize('algorithm', ['sac', 'na', 'rlpd'])
def test_the_offline_share_reaches_every_batch(algorithm):
    """Without it about 4 of 100 would be offline."""
    config = dataclasses.replace(CONFIG, algorithm=algorithm, offline_share=0.25)
    learner = build_learner(ToyPolicy(), config, 0)
    offline = torch.tensor([learner.add(transition(i, phase='offline')) for i in range(4)])
    for i in range(100):
        learner.add(transition(4 + i))
    learner.update(config.utd)  # na looks at all data alike once, for its scaling
    drawn, sample = [], learner.replay.sample_index

    def spy(*arguments: Any) -> torch.Tensor:
        drawn.append(sample(*arguments))
        return drawn[-1]

    learner.replay.sample_index = spy
    learner.update(8 * config.utd)
    assert len(drawn) >= 8
    for places in drawn:
        assert 4 * int(torch.isin(places, offline).sum()) == len(places)


def test_without_evaluation_a_run_only_learns(tmp_path):
    run, watcher = make(tmp_path, plan={'evaluation': 0})
    run.run()
    assert [name for name, _, _ in watcher.phases] == ['learning']
    assert json.loads((tmp_path / 'summary.json').read_text())['complete']


def test_the_summary_of_something_else_is_named(tmp_path):
    (tmp_path / 'summary.json').write_text('{"complete": true}')
    run, _ = make(tmp_path)
    with pytest.raises(CheckpointError, match=r'summary\.json.*dsrl train'):
        run.run()


def test_the_interval_of_a_difference():
    """Newcombe 1998, table II, (a): 56/70 and 48/80, method 10."""
    low, high = difference_interval(SuccessRate(56, 70), SuccessRate(48, 80))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    assert difference_interval(SuccessRate(0, 0), SuccessRate(3, 4)) == (-1.0, 1.0)
