"""`python -m bench.steering`: learn to steer the twin without ROS, seed by seed, as a table.

Resets, noise and learner draw by the keys of a lockstep run of the graph, so that the figures
predict those of `make demo` without its time.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from dsrl_ros.core.options import parse
from dsrl_ros.learning.build import build_learner
from dsrl_ros.learning.choosers import NoiseChooser, PriorChooser
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.steered import Episode, evaluate, run_steering
from dsrl_ros.policies import io
from dsrl_ros.tasks.env import PickPlaceEnv

ROOT = Path(__file__).parents[1]
POLICY = ROOT / 'dsrl_bringup' / 'policies' / 'franka_pick_place.safetensors'
SCALES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Result:
    """What one seed gave.

    Attributes:
        seed: of the run.
        prior: success by scale c of N(0, c^2 I), on the evaluation resets.
        steered: success of the deterministic actor on the same resets, by online episodes.
        online: success of each online episode, in order.
        gradient_steps: taken.
        cpu_s: processor time of the run without its evaluations [s].
    """

    seed: int
    prior: dict[float, float]
    steered: dict[int, float]
    online: list[bool]
    gradient_steps: int
    cpu_s: float


def measure(
    policy_path: Path, config: LearnerConfig, options: argparse.Namespace, seed: int
) -> Result:
    """Run one seed."""
    policy, env = io.load(policy_path), PickPlaceEnv()
    learned = options.warmup + options.online
    evaluation_s = 0.0

    def success(chooser: NoiseChooser) -> float:
        nonlocal evaluation_s
        begin = time.process_time()
        rate = np.mean(
            evaluate(env, policy, chooser, config, seed, options.evaluation, learned), dtype=float
        )
        evaluation_s += time.process_time() - begin
        return float(rate)

    shape = config.noise_shape(policy.spec)
    prior = {c: success(PriorChooser(seed, config.layout, shape, c)) for c in SCALES}
    begin, evaluation_s = time.process_time(), 0.0
    steered: dict[int, float] = {}

    learner = build_learner(policy, config, seed)

    def look(number: int, _: Episode) -> None:
        online = number + 1 - options.warmup
        if online > 0 and online % options.every == 0:
            steered[online] = success(learner.chooser(None))

    episodes = run_steering(env, policy, learner, seed, options.warmup, options.online, look)
    return Result(
        seed=seed,
        prior=prior,
        steered=steered,
        online=[episode.success for episode in episodes if episode.phase == 'online'],
        gradient_steps=learner.gradient_steps,
        cpu_s=time.process_time() - begin - evaluation_s,
    )


def table(results: list[Result], evaluation: int) -> Table:
    """Return a line per seed."""
    at = sorted(results[0].steered)
    made = Table(title=f'Success over {evaluation} fresh resets', title_justify='left')
    for title in ('seed', 'base', 'best scale', *(f'after {n}' for n in at), 'steps', 'CPU [s]'):
        made.add_column(title, justify='right')
    for result in results:
        best = max(result.prior, key=lambda c: result.prior[c])
        made.add_row(
            str(result.seed),
            f'{result.prior[1.0]:.0%}',
            f'{result.prior[best]:.0%} (c = {best:g})',
            *(f'{result.steered[n]:.0%}' for n in at),
            str(result.gradient_steps),
            f'{result.cpu_s:.0f}',
        )
    learned = sum(result.steered[at[-1]] >= 0.9 for result in results)
    made.caption = f'at least 90 % after {at[-1]} episodes: {learned} of {len(results)} seeds'
    return made


def main() -> None:
    """Measure the seeds asked for, print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(prog='python -m bench.steering', description=__doc__)
    parser.add_argument(
        'options',
        nargs='*',
        default=['noise_layout:=repeated'],
        help='learner options as name:=value; by default those of the demo',
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2, 3, 4])
    parser.add_argument('--policy', type=Path, default=POLICY, help='policy (.safetensors)')
    parser.add_argument('--warmup', type=int, default=10, help='warm-up episodes')
    parser.add_argument('--online', type=int, default=40, help='online episodes')
    parser.add_argument('--evaluation', type=int, default=50, help='fresh resets')
    parser.add_argument('--every', type=int, default=10, help='online episodes between two looks')
    parser.add_argument('--out', type=Path, default=ROOT / 'bench' / 'out' / 'steering.json')
    options = parser.parse_args()
    pairs = [text.partition(':=') for text in options.options]
    config = LearnerConfig(
        **{name: parse(LearnerConfig, name, value, 'command line') for name, _, value in pairs}
    )
    torch.set_num_threads(1)
    results = []
    for seed in options.seeds:
        results.append(measure(options.policy, config, options, seed))
        options.out.parent.mkdir(exist_ok=True)
        options.out.write_text(json.dumps([vars(result) for result in results], indent=2) + '\n')
        Console(width=120).print(table(results, options.evaluation))


if __name__ == '__main__':
    main()
