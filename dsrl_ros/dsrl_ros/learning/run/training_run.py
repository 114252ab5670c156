"""A whole run without ROS, as a folder: measure the base policy, learn, measure again, resume.

Resets, noise and learner draw by the keys of a lockstep run of the graph.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from dsrl_ros.core.errors import CheckpointError, ConfigError
from dsrl_ros.core.noise import num_rows
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.core.types import NoiseLayout, PolicySpec, Transition
from dsrl_ros.learning.algorithms.build import acting_policy, build_learner
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.data.dataset import load_transitions, save_transitions
from dsrl_ros.learning.learner import Learner
from dsrl_ros.learning.run.checkpoint import CheckpointStore, Counters, load_checkpoint
from dsrl_ros.learning.run.progress import RunProgress
from dsrl_ros.learning.run.report import (
    EpisodeRecord,
    RunReport,
    layout_warning,
    plot_learning_curve,
    success_summary,
    write_json,
)
from dsrl_ros.learning.run.rollout import (
    ChunkEnv,
    EpisodeResult,
    ObservingEnv,
    Resumed,
    check_env,
    evaluate,
    learn_offline,
    run_steering,
)
from dsrl_ros.learning.steering.choosers import NoiseChooser, PriorChooser
from dsrl_ros.learning.steering.plan import RunPlan
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


class TrainingRun:
    """One run. Made without its folder: what cannot start leaves nothing behind.

    Args:
        env, policy: the latent-action MDP. The policy is bounded, and its bad answers counted.
        config: of the learner.
        plan: seed and numbers of episodes.
        offline: transitions of phase 'offline' to start from. A run whose folder holds a
            checkpoint needs none: the learner's state has them.
        scales: of the prior N(0, c^2 I) to compare with; holds 1.
        checkpoint_every: episodes from one checkpoint to the next, >= 1.

    Raises:
        ConfigError: options that do not fit policy, environment, or each other.
        ShapeMismatchError, NonFiniteError: offline data that the learner cannot use.
    """

    _folder: Path
    _watcher: Watcher
    _store: CheckpointStore

    def __init__(
        self,
        env: ChunkEnv,
        policy: FrozenPolicy,
        config: LearnerConfig,
        plan: RunPlan,
        offline: Iterable[Transition] = (),
        scales: Sequence[float] = SCALES,
        checkpoint_every: int = 10,
    ) -> None:
        check_env(env, policy.spec)
        _check_observations(env, policy.spec, config)
        self._env = env
        self._policy = BoundedPolicy(policy)
        self._config = config
        self._plan = plan
        self._scales = tuple(scales)
        self._every = checkpoint_every
        self.learner: Learner = build_learner(self._policy, config, plan.seed)
        for transition in offline:
            self.learner.add(transition)
        self.progress = RunProgress()
        self._kept: list[Transition] = []
        self._saved: int | None = None  # episodes of the newest checkpoint
        self._collecting = self._stopping = False

    @property
    def spec(self) -> PolicySpec:
        """The policy that is steered."""
        return self._policy.spec

    @property
    def full(self) -> SuccessRate:
        """Success of the prior in the full layout at c = 1."""
        return self.progress.priors.get('full 1', SuccessRate(0, 0))

    def run(self, folder: Path, watcher: Watcher) -> None:
        """Do what is left to do. An exception loses what came after the last checkpoint.

        Args:
            folder: of the run; what it holds already is taken up.
            watcher: who is told how it goes.

        Raises:
            CheckpointError: a folder whose summary or checkpoint cannot be read.
            KeyboardInterrupt: see `interrupt`.
        """
        self._folder, self._watcher = folder, watcher
        # A pair, and the first of the next one before its second is there; see `_resume`.
        self._store = CheckpointStore(folder / 'checkpoints', keep=3)
        self.progress = self._read_progress()
        self._seen = (self.progress.answers, self.progress.bad_answers)
        self._before = self.progress.wall_time_s
        self._started = self._episode_started = time.monotonic()
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

    def interrupt(self, *_: object) -> None:
        """Stop: while episodes are collected, once one has been learned from and checkpointed.

        Fit to be a signal handler. In the middle of a gradient step there is nothing to keep.

        Raises:
            KeyboardInterrupt: asked twice, or nothing is being collected.
        """
        if self._stopping or not self._collecting:
            raise KeyboardInterrupt
        self._stopping = True
        self._watcher.warn(
            'stopping as soon as an episode is learned from and kept; Ctrl-C again stops at once '
            'and loses what came after the last checkpoint.'
        )

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
        if resumed is None and self.learner.num_transitions:
            learn_offline(self.learner, ())
            self._save(0)
            resumed = Resumed(0, 0, self.learner.chooser(self._plan.seed))
        done = 0 if resumed is None else resumed.episodes
        if done == self._plan.learned:
            return
        self._watcher.begin('learning', self._plan.learned, done)
        self._episode_started = time.monotonic()
        self._collecting = True
        try:
            run_steering(
                self._env,
                self._policy,
                self.learner,
                self._plan.seed,
                self._plan.warmup,
                self._plan.online,
                self._on_episode,
                resumed=resumed,
                before_learning=self._before_learning,
            )
        finally:
            self._collecting = False

    def _before_learning(self, number: int) -> None:
        """Keep the first checkpoint of a pair."""
        if self._due(number + 1) and number + 1 < self._plan.learned and self._saved != number:
            self._save(number)

    def _on_episode(self, number: int, episode: EpisodeResult) -> None:
        """Put an episode on the disk where it is due, then say so."""
        done = number + 1
        self._kept.extend(episode.transitions)
        self._record(number, episode.phase, episode.success, episode.decisions, episode.steps)
        # The checkpoint last: what a resumed run finds beside it is at least as new, and is cut.
        self._write()
        if done == self._plan.learned or (self._due(done) and self._saved == number):
            self._save(done)
        self._watcher.episode(episode.success, episode.metrics)
        # Asked to stop while this episode was learned from, the pair is made of the next one.
        if self._stopping and self._saved == done:
            raise KeyboardInterrupt

    def _due(self, episodes: int) -> bool:
        """Whether a run can go on from after so many episodes."""
        return self._stopping or episodes % self._every == 0

    def _save(self, episodes: int) -> None:
        """Write all transitions, then the learner, as they are after so many episodes."""
        if self._kept:
            partial = self._folder / f'{TRANSITIONS}.partial'
            save_transitions(partial, self._kept, self.spec)
            os.replace(partial, self._folder / TRANSITIONS)  # the old file or the new one
        self._store.save(self.learner, Counters(episodes, len(self._kept), 0))
        self._saved = episodes

    def _resume(self) -> Resumed | None:
        """Load the newest state that a run can go on from; None where there is none.

        An episode acts on what was learned one episode before, so two checkpoints in a row are
        needed, or one from before the first episode or after the last.
        """
        checkpoints = {int(path.name): path for path in self._store.complete()}
        learned = self._plan.learned
        done = max(
            (n for n in checkpoints if n in (0, learned) or n - 1 in checkpoints), default=None
        )
        self.progress.report = RunReport(
            {
                n: record
                for n, record in self.progress.report.episodes.items()
                if n < (done or 0) or n >= learned
            }
        )
        if done is None:
            return None
        load_checkpoint(checkpoints.get(done - 1, checkpoints[done]), self.learner)
        lagged = self.learner.chooser(self._plan.seed)
        counters = load_checkpoint(checkpoints[done], self.learner)
        self._saved = done
        if counters.next_sequence:
            path = self._folder / TRANSITIONS
            self._kept = load_transitions(path, self.spec, self._config)[: counters.next_sequence]
        return Resumed(done, counters.next_sequence, lagged)

    def _record(
        self, number: int, phase: str, success: bool, decisions: int = 0, steps: int = 0
    ) -> None:
        now = time.monotonic()
        took, self._episode_started = now - self._episode_started, now
        reset = self._plan.episode(number).reset_seed
        self.progress.report.add(
            EpisodeRecord(number, phase, reset, success, decisions, steps, 0, 0, round(took, 3))
        )

    def _read_progress(self) -> RunProgress:
        path = self._folder / SUMMARY
        if not path.exists():
            return RunProgress()
        try:
            return RunProgress.from_json(json.loads(path.read_text())['progress'])
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


def _check_observations(env: ChunkEnv, spec: PolicySpec, config: LearnerConfig) -> None:
    """Raise unless the learner reads the parts of an observation that the environment has.

    Raises:
        ConfigError: it does not.
    """
    shown, wanted = isinstance(env, ObservingEnv), not config.observation_spec(spec).state_only
    if wanted and not shown:
        raise ConfigError(
            'num_features, image_channels, image_height, image_width: got more than 0 with an '
            'environment that has a state alone, expected 0. Leave them out, or give the '
            'environment a method extra_observations() as in '
            '`dsrl_ros.learning.run.rollout.ObservingEnv`.'
        )
    if shown and not wanted and config.algorithm not in ('constant', 'prior'):
        raise ConfigError(
            'num_features, image_channels, image_height, image_width: got 0 with an environment '
            'that has a method extra_observations(), expected the sizes of what it returns. Set '
            'them, or leave the method out.'
        )
