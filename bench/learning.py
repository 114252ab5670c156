"""`python -m bench.learning`: every method on the Franka twin without ROS, as a table and a plot.

Each run is a process of its own and leaves a file; a run whose file is there is not repeated.
Resets, noise and learner draw by the keys of a lockstep run of the graph.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from bench.learning_report import write_report
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import parse
from dsrl_ros.core.types import Transition
from dsrl_ros.learning.build import acting_policy, build_learner
from dsrl_ros.learning.choosers import NoiseChooser
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.learner import Learner
from dsrl_ros.learning.steered import Episode, evaluate, run_steering
from dsrl_ros.policies import io
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.tasks.demonstrator import record
from dsrl_ros.tasks.demonstrator_pick_place import PICK_PLACE_DEMONSTRATOR
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.offline import transitions_of
from dsrl_ros.tasks.pick_place import PICK_PLACE

ROOT = Path(__file__).parents[1]
POLICY = ROOT / 'dsrl_bringup' / 'policies' / 'franka_pick_place.safetensors'
OUT = ROOT / 'bench' / 'out' / 'learning'
WARMUP = 10  # episodes with prior noise, learned from
EVALUATION = 50  # fresh resets per look
DEMONSTRATIONS, DEMONSTRATION_SEED = 10, 0  # those the shipped policy was trained on
# Online episodes after which the choice is looked at, exploring and deterministic.
LOOKS = (0, 4, 8, 12, 20, 30, 50, 150)
FURTHER = 100


@dataclass(frozen=True)
class Method:
    """One line of the table.

    Attributes:
        title: for people.
        options: of the learner; what is not said is the default.
        seeds: how many.
        online: online episodes.
        further_seeds: of the seeds, the first so many run `FURTHER` episodes more, to show how
            long what was reached is kept.
        demonstrations: whether it starts from those the policy was trained on.
    """

    title: str
    options: dict[str, Any]
    seeds: int
    online: int = 50
    further_seeds: int = 0
    demonstrations: bool = False

    def episodes(self, seed: int) -> int:
        """Return the online episodes of a seed."""
        return self.online + (FURTHER if seed < self.further_seeds else 0)


REPEATED = {'noise_layout': 'repeated'}  # as in the demo; full is the paper's
WIDE = {'algorithm': 'sac', 'hidden_size': 256, **REPEATED}
METHODS = {
    'prior': Method('prior N(0, I)', {'algorithm': 'prior'}, 5, online=0),
    'constant': Method('constant noise, searched', {'algorithm': 'constant'}, 3),
    'best_of_n': Method('best of 16 prior samples', {'algorithm': 'best_of_n'}, 3),
    'sac': Method('DSRL-SAC', {'algorithm': 'sac'}, 5),
    'na': Method('DSRL-NA', {'algorithm': 'na'}, 5),
    'na_offline': Method(
        'DSRL-NA from 10 demonstrations',
        {'algorithm': 'na', 'offline_steps': 2000},
        3,
        demonstrations=True,
    ),
    'rlpd': Method(
        'RLPD from 10 demonstrations',
        {'algorithm': 'rlpd', 'offline_share': 0.5, 'offline_steps': 2000},
        3,
        demonstrations=True,
    ),
    'sac_repeated': Method(
        'DSRL-SAC, repeated noise', {'algorithm': 'sac', **REPEATED}, 3, further_seeds=3
    ),
    'na_repeated': Method('DSRL-NA, repeated noise', {'algorithm': 'na', **REPEATED}, 3),
    'sac_256': Method('DSRL-SAC, repeated noise, 256 wide', WIDE, 3, online=30),
    'sac_256_bfloat16': Method(
        'DSRL-SAC, repeated noise, 256 wide, bfloat16',
        {**WIDE, 'precision': 'bfloat16'},
        3,
        online=30,
    ),
}


@dataclass
class Result:
    """What one run gave.

    Attributes:
        method, seed: which run.
        options: of the learner.
        commit: of the code.
        looks: after so many online episodes: decisions and steps so far, warm-up included, and
            successes of `trials`, of the deterministic choice and of the exploring one.
        online: success of each online episode.
        trials: fresh resets per look.
        gradient_steps: taken.
        cpu_s: processor time [s].
    """

    method: str
    seed: int
    options: dict[str, Any]
    commit: str
    looks: list[dict[str, int]] = field(default_factory=list)
    online: list[bool] = field(default_factory=list)
    trials: int = EVALUATION
    gradient_steps: int = 0
    cpu_s: float = 0.0


def commit() -> str:
    """Return the commit of the code, with a mark when there are changes beside it."""
    command = ['git', 'describe', '--always', '--dirty', '--exclude', '*']
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT
    ).stdout.strip()


def run(name: str, seed: int, extra: dict[str, Any], looks: Sequence[int]) -> Result:
    """Run one seed of one method."""
    torch.set_num_threads(1)
    begin = time.process_time()
    method = METHODS[name]
    options = {**method.options, **extra}
    episodes = method.episodes(seed)
    policy, env = io.load(POLICY), TaskEnv(PICK_PLACE)
    learner = build_learner(policy, LearnerConfig(**options), seed)
    result = Result(name, seed, options, commit())
    steps = decisions = 0

    def look(online: int) -> None:
        deterministic, exploring = (
            _successes(env, policy, learner, seed, chooser, WARMUP + episodes)
            for chooser in (learner.chooser(None), learner.chooser(seed))
        )
        result.looks.append(
            {
                'online': online,
                'decisions': decisions,
                'steps': steps,
                'deterministic': deterministic,
                'exploring': exploring,
            }
        )

    def on_episode(number: int, episode: Episode) -> None:
        nonlocal steps, decisions
        steps += episode.steps
        decisions += episode.decisions
        online = number + 1 - WARMUP
        if online > 0:
            result.online.append(episode.success)
        if online in looks:
            look(online)

    warmup = WARMUP if episodes else 0
    run_steering(
        env,
        policy,
        learner,
        seed,
        warmup,
        episodes,
        on_episode,
        _demonstrations(policy, learner.config) if method.demonstrations else (),
    )
    if not episodes:
        look(0)
    result.gradient_steps = learner.gradient_steps
    result.cpu_s = time.process_time() - begin
    return result


def _successes(
    env: TaskEnv,
    policy: FrozenPolicy,
    learner: Learner,
    seed: int,
    chooser: NoiseChooser,
    first: int,
) -> int:
    acting = acting_policy(policy, learner.config)
    return sum(evaluate(env, acting, chooser, learner.config, seed, EVALUATION, first))


def _demonstrations(policy: FrozenPolicy, config: LearnerConfig) -> list[Transition]:
    given = record(PICK_PLACE_DEMONSTRATOR, DEMONSTRATIONS, DEMONSTRATION_SEED)
    return transitions_of(given, policy.spec, config.transition_discount)


def _task(name: str, seed: int, extra: dict[str, Any], looks: Sequence[int], out: Path) -> Path:
    """Run and write the file; in a process of its own."""
    result = run(name, seed, extra, looks)
    path = out / f'{name}-{seed}.json'
    partial = path.with_suffix('.partial')
    partial.write_text(json.dumps(asdict(result), indent=1) + '\n')
    os.replace(partial, path)
    return path


def _is_there(name: str, seed: int, extra: dict[str, Any], out: Path) -> bool:
    """Return whether a run's file is there, and was made with the options that hold now.

    Raises:
        ConfigError: it was made with others.
    """
    path = out / f'{name}-{seed}.json'
    if not path.exists():
        return False
    made, wanted = json.loads(path.read_text())['options'], {**METHODS[name].options, **extra}
    if made != wanted:
        raise ConfigError(
            f'{path}: made with {made}, expected {wanted}. Move it away, or give another --out.'
        )
    return True


def main() -> None:
    """Run what is missing, then write table and plot."""
    parser = argparse.ArgumentParser(prog='python -m bench.learning', description=__doc__)
    parser.add_argument('options', nargs='*', help='learner options for all runs, name:=value')
    parser.add_argument('--methods', nargs='+', choices=METHODS, default=list(METHODS))
    parser.add_argument('--seeds', type=int, nargs='+', help='instead of 0, 1, ... per method')
    parser.add_argument('--jobs', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--looks', type=int, nargs='+', default=LOOKS)
    parser.add_argument('--out', type=Path, default=OUT, help='folder of the results')
    options = parser.parse_args()
    pairs = [text.partition(':=') for text in options.options]
    extra = {n: parse(LearnerConfig, n, value, 'command line') for n, _, value in pairs}
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = [
        (name, seed)
        for name in options.methods
        for seed in (range(METHODS[name].seeds) if options.seeds is None else options.seeds)
    ]
    missing = [key for key in wanted if not _is_there(*key, extra, options.out)]
    with ProcessPoolExecutor(options.jobs, get_context('spawn')) as pool:
        tasks = [
            pool.submit(_task, name, seed, extra, options.looks, options.out)
            for name, seed in missing
        ]
        for number, task in enumerate(as_completed(tasks)):
            print(f'{number + 1} of {len(tasks)}: {task.result()}', flush=True)
    titles = {name: method.title for name, method in METHODS.items()}
    write_report(options.out, titles)


if __name__ == '__main__':
    main()
