"""Runs of steering without ROS, each a process of its own that leaves a file; none runs twice.

Resets, noise and learner draw by the keys of a lockstep run of the graph.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.types import Transition
from dsrl_ros.learning.algorithms.build import acting_policy, build_learner
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.learner import Learner
from dsrl_ros.learning.run.rollout import EpisodeResult, evaluate, run_steering
from dsrl_ros.learning.steering.choosers import NoiseChooser, PriorChooser
from dsrl_ros.policies import io
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.scenes.registry import find_task
from dsrl_ros.tasks.task import check_policy

ROOT = Path(__file__).parents[1]
DETERMINISTIC, EXPLORING = 'deterministic', 'exploring'  # the two choices of a learner


def no_transitions(*_: object) -> list[Transition]:
    """Start from nothing."""
    return []


@dataclass(frozen=True)
class Experiment:
    """Everything that decides what a run gives.

    Attributes:
        method, seed: name the run and its file; the method is a line of the table.
        options: of the learner; what is not said is the default.
        task: name of the task.
        policy: file of the frozen policy.
        warmup: episodes with prior noise, learned from.
        online: episodes that the learner chooses the noise of.
        looks: online episodes after which the choices are looked at.
        choices: that are looked at.
        trials: fresh resets per look.
        scales: c of the priors N(0, c^2 I) that are measured on the same resets.
        offline: gives the transitions that it starts from; a function of a module.
    """

    method: str
    seed: int
    options: dict[str, Any]
    task: str
    policy: Path
    warmup: int
    online: int
    looks: tuple[int, ...]
    choices: tuple[str, ...] = (DETERMINISTIC, EXPLORING)
    trials: int = 50
    scales: tuple[float, ...] = ()
    offline: Callable[[TaskEnv, FrozenPolicy, Experiment], list[Transition]] = no_transitions

    @property
    def config(self) -> LearnerConfig:
        """All options of the learner."""
        return LearnerConfig(**self.options)

    def path(self, out: Path) -> Path:
        """Return the file of its result."""
        return out / f'{self.method}-{self.seed}.json'


@dataclass
class Result:
    """What one run gave.

    Attributes:
        method, seed: which run.
        options: of the learner.
        policy: hash of the frozen policy.
        commit: of the code.
        looks: after so many online episodes: decisions and steps so far, warm-up included, and
            successes of `trials`, of each choice looked at.
        prior: successes of `trials` by scale.
        online: success of each online episode.
        trials: fresh resets per look.
        gradient_steps: taken.
        cpu_s: processor time [s].
    """

    method: str
    seed: int
    options: dict[str, Any]
    policy: str
    commit: str
    looks: list[dict[str, int]] = field(default_factory=list)
    prior: dict[str, int] = field(default_factory=dict)
    online: list[bool] = field(default_factory=list)
    trials: int = 0
    gradient_steps: int = 0
    cpu_s: float = 0.0


def commit() -> str:
    """Return the commit of the code, with a mark when there are changes beside it."""
    command = ['git', 'describe', '--always', '--dirty', '--exclude', '*']
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT
    ).stdout.strip()


def run(experiment: Experiment) -> Result:
    """Do a run."""
    torch.set_num_threads(1)
    begin = time.process_time()
    made = _Run(experiment)
    made.measure_prior()
    made.learn()
    made.result.cpu_s = time.process_time() - begin
    return made.result


class _Run:
    """A run under way."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._policy = io.load(experiment.policy)
        task = find_task(experiment.task)
        check_policy(task, self._policy.spec)
        self._env = TaskEnv(task)
        self._config = experiment.config
        self._learner: Learner = build_learner(self._policy, self._config, experiment.seed)
        self._steps = self._decisions = 0
        self.result = Result(
            experiment.method,
            experiment.seed,
            experiment.options,
            self._policy.spec.sha256,
            commit(),
            trials=experiment.trials,
        )

    def measure_prior(self) -> None:
        """Measure the frozen policy by itself."""
        seed, layout = self._experiment.seed, self._config.layout
        shape = self._config.noise_shape(self._policy.spec)
        for scale in self._experiment.scales:
            chooser = PriorChooser(seed, layout, shape, scale)
            self.result.prior[f'{scale:g}'] = self._successes(self._policy, chooser)

    def learn(self) -> None:
        """Collect, learn, and look."""
        experiment = self._experiment
        if not experiment.online:
            self._look(0)
            return
        run_steering(
            self._env,
            self._policy,
            self._learner,
            experiment.seed,
            experiment.warmup,
            experiment.online,
            self._on_episode,
            experiment.offline(self._env, self._policy, experiment),
        )
        self.result.gradient_steps = self._learner.gradient_steps

    def _on_episode(self, number: int, episode: EpisodeResult) -> None:
        self._steps += episode.steps
        self._decisions += episode.decisions
        online = number + 1 - self._experiment.warmup
        if online > 0:
            self.result.online.append(episode.success)
        if online in self._experiment.looks:
            self._look(online)

    def _look(self, online: int) -> None:
        seeds = {DETERMINISTIC: None, EXPLORING: self._experiment.seed}
        acting = acting_policy(self._policy, self._config)
        successes = {
            choice: self._successes(acting, self._learner.chooser(seeds[choice]))
            for choice in self._experiment.choices
        }
        self.result.looks.append(
            {'online': online, 'decisions': self._decisions, 'steps': self._steps, **successes}
        )

    def _successes(self, acting: FrozenPolicy, chooser: NoiseChooser) -> int:
        experiment = self._experiment
        first = experiment.warmup + experiment.online
        return sum(
            evaluate(
                self._env,
                acting,
                chooser,
                self._config,
                experiment.seed,
                experiment.trials,
                first,
            )
        )


def run_missing(experiments: Sequence[Experiment], out: Path, jobs: int) -> None:
    """Do the runs whose files are not there.

    Args:
        experiments: all that are wanted.
        out: folder of the results, made if need be.
        jobs: processes at a time.

    Raises:
        ConfigError: a file that was made in another way.
    """
    out.mkdir(parents=True, exist_ok=True)
    missing = [experiment for experiment in experiments if not is_there(experiment, out)]
    with ProcessPoolExecutor(jobs, get_context('spawn')) as pool:
        tasks = [pool.submit(_run_to_file, experiment, out) for experiment in missing]
        for number, task in enumerate(as_completed(tasks)):
            print(f'{number + 1} of {len(tasks)}: {task.result()}', flush=True)


def is_there(experiment: Experiment, out: Path) -> bool:
    """Return whether a run's file is there, made with the options and the policy that hold now.

    Raises:
        ConfigError: it was made with others.
    """
    path = experiment.path(out)
    if not path.exists():
        return False
    result = json.loads(path.read_text())
    made, wanted = result['options'], experiment.options
    if made != wanted:
        raise ConfigError(
            f'{path}: made with {made}, expected {wanted}. Move it away, or give another --out.'
        )
    policy = io.read_card(experiment.policy)['spec']['sha256']
    if result['policy'] != policy:
        raise ConfigError(
            f'{path}: made with policy {result["policy"][:12]}, expected {policy[:12]}. Move it '
            'away, or give another --out.'
        )
    return True


def _run_to_file(experiment: Experiment, out: Path) -> Path:
    """Do a run and write its file, whole or not at all."""
    path = experiment.path(out)
    partial = path.with_suffix('.partial')
    partial.write_text(json.dumps(asdict(run(experiment)), indent=1) + '\n')
    os.replace(partial, path)
    return path
