"""A whole run without ROS, as a folder: measure the base policy, learn, measure again, resume.

Resets, noise and learner draw by the keys of a lockstep run of the graph.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dsrl_ros.core.errors import CheckpointError
from dsrl_ros.core.noise import num_rows
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.core.types import NoiseLayout, PolicySpec, Transition
from dsrl_ros.learning.build import acting_policy, build_learner
from dsrl_ros.learning.checkpoint import CheckpointStore, Counters, load_checkpoint
from dsrl_ros.learning.choosers import NoiseChooser, PriorChooser
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.dataset import load_transitions, save_transitions
from dsrl_ros.learning.learner import Learner
from dsrl_ros.learning.plan import RunPlan
from dsrl_ros.learning.report import (
    EpisodeRecord,
    RunReport,
    layout_warning,
    plot_learning_curve,
    success_summary,
    write_json,
)
from dsrl_ros.learning.steered import ChunkEnv, Episode, Resumed, evaluate, run_steering
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.policies.bounded import BoundedPolicy

SUMMARY = 'summary.json'
TRANSITIONS = 'transitions.safetensors'
SCALES = (0.0, 0.25, 0.5, 0.75, 1.0)


class Watcher(Protocol):
    """Who is told how a run goes."""

    def begin(self, phase: str, total: int, done: int = 0) -> None:
        """Say that a phase of `total` episodes begins, of which `done` are done already."""
        ...

    def episode(self, success: bool, metrics: dict[str, float]) -> None:
        """Say that an episode of the phase has ended; metrics are those of its learning."""
        ...

    def warn(self, text: str) -> None:
        """Say something that must not be missed."""
        ...


@dataclass
class Progress:
    """What a run has shown so far; `summary.json` holds it, and a resumed run starts from it.

    Attributes:
        report: of the episodes.
        priors: successes and trials of the prior, by layout and scale such as 'repeated 0.5'.
        bad_answers, answers: of the frozen policy.
        wall_time_s: of the run, from each of its starts on [s].
    """

    report: RunReport = field(default_factory=RunReport)
    priors: dict[str, SuccessRate] = field(default_factory=dict)
    bad_answers: int = 0
    answers: int = 0
    wall_time_s: float = 0.0

    def scaled(self, layout: str) -> dict[float, SuccessRate]:
        """Return the success of the prior by scale, in one layout."""
        return {
            float(key.partition(' ')[2]): rate
            for key, rate in self.priors.items()
            if key.partition(' ')[0] == layout
        }

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            'episodes': [asdict(record) for record in self.report.episodes.values()],
            'priors': {key: [rate.successes, rate.trials] for key, rate in self.priors.items()},
            'bad_answers': self.bad_answers,
            'answers': self.answers,
            'wall_time_s': round(self.wall_time_s, 1),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Progress:
        """Return what `to_json` was given."""
        made = cls(
            priors={key: SuccessRate(*counts) for key, counts in values['priors'].items()},
            bad_answers=values['bad_answers'],
            answers=values['answers'],
            wall_time_s=values['wall_time_s'],
        )
        for record in values['episodes']:
            made.report.add(EpisodeRecord(**record))
        return made


class TrainingRun:
    """One run in its folder.

    Args:
        folder: of the run; what it holds already is taken up.
        env, policy: the latent-action MDP. The policy is bounded, and its bad answers counted.
        config: of the learner.
        plan: seed and numbers of episodes.
        watcher: who is told how it goes.
        offline: dataset to start from, see `dataset.py`.
        scales: of the prior N(0, c^2 I) to compare with; holds 1.

    Raises:
        ConfigError: options that do not fit the policy, or each other.
        CheckpointError: a folder whose summary cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        env: ChunkEnv,
        policy: FrozenPolicy,
        config: LearnerConfig,
        plan: RunPlan,
        watcher: Watcher,
        offline: Path | None = None,
        scales: Sequence[float] = SCALES,
    ) -> None:
        self._folder = folder
        self._env = env
        self._policy = BoundedPolicy(policy)
        self._config = config
        self._plan = plan
        self._watcher = watcher
        self._scales = tuple(scales)
        self.learner: Learner = build_learner(self._policy, config, plan.seed)
        self._store = CheckpointStore(folder / 'checkpoints')
        self._offline = offline
        self.progress = self._read_progress()
        self._seen = (self.progress.answers, self.progress.bad_answers)
        self._before = self.progress.wall_time_s
        self._started = self._episode_started = time.monotonic()

    @property
    def spec(self) -> PolicySpec:
        """The policy that is steered."""
        return self._policy.spec

    @property
    def full(self) -> SuccessRate:
        """Success of the prior in the full layout at c = 1."""
        return self.progress.priors.get('full 1', SuccessRate(0, 0))

    def run(self) -> None:
        """Do what is left to do. An exception loses at most the episode it came in."""
        self._measure_base()
        self._learn()
        self._measure_steered()
        for scale in self._scales:
            self._measure_prior(self._config.noise_layout, scale)
        plot_learning_curve(
            self._folder / 'learning_curve.png',
            self.progress.report,
            self.progress.scaled(self._config.noise_layout),
            f'{self._config.algorithm}, {self._config.noise_layout} noise, seed {self._plan.seed}',
        )
        self._write()

    def _measure_base(self) -> None:
        """Measure the base policy in the layout chosen and in the full one, on the same resets."""
        layout = self._config.noise_layout
        self._measure_prior('full', 1.0)
        self._measure_prior(layout, 1.0)
        base = self.progress.priors.get(f'{layout} 1', SuccessRate(0, 0))
        text = layout_warning(layout, base, self.full)
        if text is not None:
            self._watcher.warn(text)
        if self._policy.num_bad:
            self._watcher.warn(
                f'the policy answered {self._policy.num_bad} of {self._policy.num_samples} times '
                'with actions that are not finite or absurdly large; the middle of its limits was '
                'executed instead. Check its state and its limits, or lower noise_magnitude.'
            )

    def _measure_prior(self, layout: str, scale: float) -> None:
        """Measure the prior unless that is known; in the layout chosen c = 1 is the base."""
        key = f'{layout} {scale:g}'
        if key in self.progress.priors or not self._plan.evaluation:
            return
        kind = NoiseLayout[layout.upper()]
        shape = num_rows(kind, self.spec.horizon, self._config.num_basis), self.spec.action_dim
        chooser = PriorChooser(self._plan.seed, kind, shape, scale)
        base = scale == 1.0 and layout == self._config.noise_layout
        first = self._plan.learned
        successes = self._evaluate(f'prior, {layout} noise, c = {scale:g}', chooser, self._policy)
        self.progress.priors[key] = SuccessRate(sum(successes), len(successes))
        for i, success in enumerate(successes if base else ()):
            self._record(first + i, 'eval_base', success)
        self._write()

    def _measure_steered(self) -> None:
        if len(self.progress.report.of('eval_steered')) == self._plan.evaluation:
            return
        acting = acting_policy(self._policy, self._config)
        successes = self._evaluate('steered', self.learner.chooser(None), acting)
        first = self._plan.learned + self._plan.evaluation
        for i, success in enumerate(successes):
            self._record(first + i, 'eval_steered', success)
        self._write()

    def _evaluate(self, phase: str, chooser: NoiseChooser, policy: FrozenPolicy) -> list[bool]:
        count = self._plan.evaluation
        self._watcher.begin(phase, count)
        return evaluate(
            self._env,
            policy,
            chooser,
            self._config,
            self._plan.seed,
            count,
            self._plan.learned,
            lambda success: self._watcher.episode(success, {}),
        )

    def _learn(self) -> None:
        resumed = self._resume()
        done = 0 if resumed is None else resumed.episodes
        kept = self._kept_transitions(0 if resumed is None else resumed.transitions)
        if done == self._plan.learned:
            return
        offline = self._offline
        self._watcher.begin('learning', self._plan.learned, done)
        self._episode_started = time.monotonic()
        run_steering(
            self._env,
            self._policy,
            self.learner,
            self._plan.seed,
            self._plan.warmup,
            self._plan.online,
            lambda number, episode: self._on_episode(number, episode, kept),
            load_transitions(offline, self.spec, self._config) if offline and not done else (),
            resumed,
        )

    def _on_episode(self, number: int, episode: Episode, kept: list[Transition]) -> None:
        """Put everything of an episode on the disk, then say so."""
        kept.extend(episode.transitions)
        partial = self._folder / f'{TRANSITIONS}.partial'
        save_transitions(partial, kept, self.spec)
        os.replace(partial, self._folder / TRANSITIONS)  # the old file or the new one
        self._record(number, episode.phase, episode.success, episode.decisions, episode.steps)
        # The checkpoint last: what a resumed run finds beside it is at least as new, and is cut.
        self._write()
        self._store.save(self.learner, Counters(number + 1, len(kept), 0))
        self._watcher.episode(episode.success, episode.metrics)

    def _resume(self) -> Resumed | None:
        """Load the newest checkpoint; None where there is too little to go on from.

        An episode acts on what was learned one episode before, so two checkpoints are needed.
        """
        checkpoints = self._store.complete()
        if len(checkpoints) < 2:
            self.progress.report = RunReport(
                {n: r for n, r in self.progress.report.episodes.items() if n >= self._plan.learned}
            )
            return None
        load_checkpoint(checkpoints[-2], self.learner)
        lagged = self.learner.chooser(self._plan.seed)
        counters = load_checkpoint(checkpoints[-1], self.learner)
        return Resumed(counters.trained_episodes, counters.next_sequence, lagged)

    def _kept_transitions(self, count: int) -> list[Transition]:
        """Return the first transitions of the run as its file has them."""
        if not count:
            return []
        return load_transitions(self._folder / TRANSITIONS, self.spec, self._config)[:count]

    def _record(
        self, number: int, phase: str, success: bool, decisions: int = 0, steps: int = 0
    ) -> None:
        now = time.monotonic()
        took, self._episode_started = now - self._episode_started, now
        reset = self._plan.episode(number).reset_seed
        self.progress.report.add(
            EpisodeRecord(number, phase, reset, success, decisions, steps, 0, 0, round(took, 3))
        )

    def _read_progress(self) -> Progress:
        path = self._folder / SUMMARY
        if not path.exists():
            return Progress()
        try:
            return Progress.from_json(json.loads(path.read_text())['progress'])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f'{path}: {error!r}, expected the summary of a run of `dsrl train`. '
                'Choose another folder.'
            ) from error

    def _write(self) -> None:
        progress, layout = self.progress, self._config.noise_layout
        progress.answers = self._seen[0] + self._policy.num_samples
        progress.bad_answers = self._seen[1] + self._policy.num_bad
        progress.wall_time_s = self._before + time.monotonic() - self._started
        measured = len(progress.scaled(layout)) >= len(self._scales) or not self._plan.evaluation
        summary = {
            'complete': len(progress.report.episodes) >= len(self._plan) and measured,
            **success_summary(progress.report, progress.scaled(layout), layout, self.full),
            'gradient_steps': self.learner.gradient_steps,
            'seed': self._plan.seed,
            'algorithm': self._config.algorithm,
            'policy': self.spec.name,
            'policy_sha256': self.spec.sha256,
            'progress': progress.to_json(),
        }
        write_json(self._folder / SUMMARY, summary)
