"""`python -m bench.widowx`: the paper's WidowX tasks (5.4, C.4.2) on the twin, one policy for all.

For each task and seed: the base policy with noise from N(0, I), the best scaled prior, and
DSRL-SAC after so many online episodes, all on the same fresh resets; RLPD beside it on one task.
Each run is a process of its own and leaves a file; a run whose file is there is not repeated.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.learning_report import Result, load, percent, plot, provenance, write_table
from bench.runs import DETERMINISTIC, ROOT, Experiment, no_transitions, run_missing
from dsrl_ros.core.options import parse
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.core.types import Transition
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.run.rollout import rollout
from dsrl_ros.learning.steering.choosers import PriorChooser
from dsrl_ros.learning.steering.seeding import Stream, keyed_seed
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.tasks.env import TaskEnv

POLICY = ROOT / 'dsrl_bringup' / 'policies' / 'widowx_multitask.safetensors'
OUT = ROOT / 'bench' / 'out' / 'widowx'
PRIOR_EPISODES = 20  # in the replay before the first online one
ONLINE = 150
LOOKS = (50, 100, 150)  # online episodes after which the steered policy is looked at
SCALES = (0.0, 0.25, 0.5, 0.75, 1.0)
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Line:
    """A task and how it is learned: the lines of the table that differ by their seed alone.

    Attributes:
        task: name of the task.
        title: for people.
        options: of the learner (Table 10, but for the width); what is not said is the default.
    """

    task: str
    title: str
    options: dict[str, Any]

    @property
    def steers(self) -> bool:
        """Whether the frozen policy acts; RLPD starts from its episodes and acts without it."""
        return bool(self.options['algorithm'] != 'rlpd')


# The paper's policy gives one action at a time, so that its noise has one row: repeated over the
# chunk, ours has.
SHARED = {'hidden_size': 256, 'discount': 0.97, 'update_every': 2, 'noise_layout': 'repeated'}
SAC = {'algorithm': 'sac', **SHARED}
RLPD = {'algorithm': 'rlpd', 'offline_share': 0.5, 'offline_steps': 2000, **SHARED}
LINES = {
    'pick_place': Line(
        'widowx_pick_place', 'pick and place', {**SAC, 'noise_magnitude': 2.0, 'utd': 30}
    ),
    'drawer_closing': Line(
        'widowx_drawer_closing', 'drawer closing', {**SAC, 'noise_magnitude': 2.0, 'utd': 20}
    ),
    'block_stacking': Line(
        'widowx_block_stacking', 'block stacking', {**SAC, 'noise_magnitude': 1.5, 'utd': 20}
    ),
    'pick_place_rlpd': Line('widowx_pick_place', 'pick and place, RLPD', RLPD),
}


def prior_episodes(env: TaskEnv, policy: FrozenPolicy, experiment: Experiment) -> list[Transition]:
    """Give what the frozen policy does by itself: the offline half of RLPD's batches (C.4.2)."""
    config, seed = experiment.config, experiment.seed
    chooser = PriorChooser(seed, config.layout, config.noise_shape(policy.spec), 1.0)
    made: list[Transition] = []
    for i in range(PRIOR_EPISODES):
        number = experiment.online + i  # an episode of its own, after all others
        reset = keyed_seed(seed, Stream.RESET, number)
        made += rollout(env, policy, chooser, config, number, reset, 'offline', len(made))
    return made


def experiment(name: str, seed: int, extra: dict[str, Any], policy: Path) -> Experiment:
    """Return the run of one seed of one line."""
    line = LINES[name]
    return Experiment(
        name,
        seed,
        {**line.options, **extra},
        line.task,
        policy,
        warmup=PRIOR_EPISODES if line.steers else 0,
        online=ONLINE,
        looks=LOOKS,
        choices=(DETERMINISTIC,),
        scales=SCALES if line.steers else (),
        offline=no_transitions if line.steers else prior_episodes,
    )


def base(result: Result) -> SuccessRate:
    """Return the success of the frozen policy with noise from N(0, I)."""
    return _of(result, result['prior'].get('1'))


def best_scaled(result: Result) -> tuple[str, SuccessRate]:
    """Return the scale of the best prior and its success; of equals the one nearest to N(0, I)."""
    prior = result['prior']
    scale = max(prior, key=lambda c: (prior[c], float(c)))
    return scale, _of(result, prior[scale])


def steered(result: Result, online: int) -> SuccessRate:
    """Return the success after so many online episodes."""
    found = [look[DETERMINISTIC] for look in result['looks'] if look['online'] == online]
    return _of(result, found[0] if found else None)


def _of(result: Result, successes: int | None) -> SuccessRate:
    return SuccessRate(0, 0) if successes is None else SuccessRate(successes, result['trials'])


def table(by_line: Mapping[str, Sequence[Result]]) -> list[str]:
    """Return the table as lines of Markdown."""
    rows = [
        '| task | seed | base, N(0, I) | best scaled prior '
        + ''.join(f'| after {online} ' for online in LOOKS)
        + '| CPU |',
        f'|---|---|---|---|{"---|" * len(LOOKS)}---|',
    ]
    for name, line in LINES.items():
        for result in by_line.get(name, ()):
            scaled = '-'
            if result['prior']:
                scale, rate = best_scaled(result)
                scaled = f'{percent(rate)}, c = {scale}'
            cells = [
                line.title,
                str(result['seed']),
                percent(base(result)),
                scaled,
                *(percent(steered(result, online)) for online in LOOKS),
                f'{result["cpu_s"] / 60:.1f} min',
            ]
            rows.append(f'| {" | ".join(cells)} |')
    return rows


def with_base(result: Result) -> Result:
    """Return a result whose looks begin with the base policy, as nothing is learned yet."""
    if not result['prior']:
        return result
    first = {'online': 0, DETERMINISTIC: result['prior']['1']}
    return {**result, 'looks': [first, *result['looks']]}


def write_report(folder: Path) -> None:
    """Print the table; write `table.md` and `curves.png` into the folder."""
    by_line = load(folder)
    trials = max((result['trials'] for rs in by_line.values() for result in rs), default=0)
    about = (
        f'Success on {trials} fresh resets (95 % interval) after so many online episodes. '
        f'{provenance(by_line)}'
    )
    write_table(folder, [*table(by_line), '', about])
    curves = {name: [with_base(result) for result in rs] for name, rs in by_line.items()}
    titles = {name: line.title for name, line in LINES.items()}
    plot(folder / 'curves.png', curves, titles, DETERMINISTIC, ONLINE)


def main() -> None:
    """Run what is missing, then write table and plot."""
    parser = argparse.ArgumentParser(prog='python -m bench.widowx', description=__doc__)
    parser.add_argument('options', nargs='*', help='learner options for all runs, name:=value')
    parser.add_argument('--lines', nargs='+', choices=LINES, default=list(LINES))
    parser.add_argument('--seeds', type=int, nargs='+', default=SEEDS)
    parser.add_argument('--jobs', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--policy', type=Path, default=POLICY)
    parser.add_argument('--out', type=Path, default=OUT, help='folder of the results')
    given = parser.parse_args()
    pairs = [text.partition(':=') for text in given.options]
    extra = {n: parse(LearnerConfig, n, value, 'command line') for n, _, value in pairs}
    wanted = [
        experiment(name, seed, extra, given.policy) for name in given.lines for seed in given.seeds
    ]
    run_missing(wanted, given.out, given.jobs)
    write_report(given.out)


if __name__ == '__main__':
    main()
