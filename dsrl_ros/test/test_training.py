"""A run without ROS as a folder: measured, learned, resumed bit by bit, honest about itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from toy import SPEC, ToyEnv, ToyPolicy

from dsrl_ros.core.errors import CheckpointError
from dsrl_ros.core.statistics import SuccessRate, difference_interval
from dsrl_ros.core.types import Array
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.dataset import load_transitions
from dsrl_ros.learning.plan import RunPlan
from dsrl_ros.learning.training import TrainingRun

torch.set_num_threads(1)

CONFIG = LearnerConfig(
    hidden_size=16, num_layers=1, batch_size=16, utd=2, discount=0.9, num_candidates=4
)
PLAN = RunPlan(seed=1, warmup=3, online=4, evaluation=6)


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


def make(folder: Path, policy: Any = None, stop_after: int | None = None, **changes: Any):
    watcher = Watching(stop_after)
    plan = dataclasses.replace(PLAN, **changes.pop('plan', {}))
    offline = changes.pop('offline', None)
    config = dataclasses.replace(CONFIG, **changes)
    folder.mkdir(exist_ok=True)
    policy = policy or ToyPolicy()
    return TrainingRun(folder, ToyEnv(), policy, config, plan, watcher, offline), watcher


def tensors(folder: Path, episodes: int = 7) -> dict[str, np.ndarray]:
    files = sorted((folder / 'checkpoints' / f'{episodes:06d}').glob('*.safetensors'))
    assert files
    return {f'{p.stem}.{k}': v for p in files for k, v in load_file(p).items()}


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
        # One episode alone is not enough to go on from: an episode acts on the one before last.
        assert watcher.learned == (7 if stop_after == 1 else 7 - stop_after)
        ours, theirs = tensors(folder), tensors(tmp_path / 'whole')
        assert ours.keys() == theirs.keys()
        for name, tensor in theirs.items():
            np.testing.assert_array_equal(ours[name], tensor, err_msg=name)
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
    offline = tmp_path / 'first' / 'transitions.safetensors'
    second, _ = make(tmp_path / 'second', offline=offline, offline_steps=5)
    second.run()
    summary = json.loads((tmp_path / 'second' / 'summary.json').read_text())
    added = second.learner.num_transitions - summary['decisions']
    assert added == first.learner.num_transitions
    assert summary['gradient_steps'] == 5 + CONFIG.utd * summary['decisions']


def test_without_evaluation_a_run_only_learns(tmp_path):
    run, watcher = make(tmp_path, plan={'evaluation': 0})
    run.run()
    assert [name for name, _, _ in watcher.phases] == ['learning']
    assert json.loads((tmp_path / 'summary.json').read_text())['complete']


def test_the_summary_of_something_else_is_named(tmp_path):
    (tmp_path / 'summary.json').write_text('{"complete": true}')
    with pytest.raises(CheckpointError, match=r'summary\.json.*dsrl train'):
        make(tmp_path)


def test_the_interval_of_a_difference():
    """Newcombe 1998, table II, (a): 56/70 and 48/80, method 10."""
    low, high = difference_interval(SuccessRate(56, 70), SuccessRate(48, 80))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    assert difference_interval(SuccessRate(0, 0), SuccessRate(3, 4)) == (-1.0, 1.0)
