"""`python -m bench.learning`: every method on the Franka twin without ROS, as a table and a plot.

Each run is a process of its own and leaves a file; a run whose file is there is not repeated.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.learning_report import write_report
from bench.runs import ROOT, Experiment, no_transitions, run_missing
from dsrl_ros.core.options import parse
from dsrl_ros.core.types import Transition
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.tasks.demonstrations.demonstrator import record
from dsrl_ros.tasks.demonstrations.pick_place import PICK_PLACE_DEMONSTRATOR
from dsrl_ros.tasks.demonstrations.transitions import transitions_of
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE

POLICY = ROOT / 'dsrl_bringup' / 'policies' / 'franka_pick_place.safetensors'
OUT = ROOT / 'bench' / 'out' / 'learning'
WARMUP = 10  # episodes with prior noise, learned from
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


def demonstrations(_: TaskEnv, policy: FrozenPolicy, experiment: Experiment) -> list[Transition]:
    """Give those that the policy was trained on."""
    given = record(PICK_PLACE_DEMONSTRATOR, DEMONSTRATIONS, DEMONSTRATION_SEED)
    return transitions_of(given, policy.spec, experiment.config.transition_discount)


def experiment(name: str, seed: int, extra: dict[str, Any], looks: tuple[int, ...]) -> Experiment:
    """Return the run of one seed of one method."""
    method = METHODS[name]
    return Experiment(
        name,
        seed,
        {**method.options, **extra},
        PICK_PLACE.name,
        POLICY,
        WARMUP,
        method.episodes(seed),
        looks,
        offline=demonstrations if method.demonstrations else no_transitions,
    )


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
    experiments = [
        experiment(name, seed, extra, tuple(options.looks))
        for name in options.methods
        for seed in (range(METHODS[name].seeds) if options.seeds is None else options.seeds)
    ]
    run_missing(experiments, options.out, options.jobs)
    write_report(options.out, {name: method.title for name, method in METHODS.items()})


if __name__ == '__main__':
    main()
