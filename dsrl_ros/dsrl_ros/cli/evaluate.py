"""`dsrl eval`: steered, base and best scaled prior of a run on resets it has never seen."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from dsrl_ros.cli import run_options
from dsrl_ros.console.panel import outcome_table
from dsrl_ros.console.progress import Bars
from dsrl_ros.core.errors import CheckpointError
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.learning.algorithms.build import acting_policy, build_learner
from dsrl_ros.learning.run.checkpoint import CheckpointStore, load_checkpoint
from dsrl_ros.learning.run.report import write_json
from dsrl_ros.learning.run.rollout import evaluate
from dsrl_ros.learning.run.training_run import SCALES
from dsrl_ros.learning.steering.choosers import NoiseChooser, PriorChooser
from dsrl_ros.policies.bounded import BoundedPolicy


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        DsrlError: no run, or one without a checkpoint.
    """
    parser = argparse.ArgumentParser(prog='dsrl eval', description=__doc__)
    parser.add_argument('--run', type=Path, required=True, help='folder of a run of `dsrl train`')
    parser.add_argument('--episodes', type=int, default=50, help='fresh resets [50]')
    parser.add_argument('--seed', type=int, help="of the resets [the run's + 1]")
    parser.add_argument('--scales', type=float, nargs='+', default=SCALES, help='of the prior')
    given = parser.parse_args(arguments)
    options, config = run_options.load_options(given.run)
    seed = options.seed + 1 if given.seed is None else given.seed
    torch.set_num_threads(1)
    policy = BoundedPolicy(run_options.load_policy(options))
    env = run_options.make_env(options, policy.spec, config)
    learner = build_learner(policy, config, options.seed)
    newest = CheckpointStore(given.run / 'checkpoints').latest_complete()
    if newest is None:
        raise CheckpointError(f'{given.run}: no checkpoint, expected one. Train first.')
    episodes = load_checkpoint(newest, learner).trained_episodes

    with Bars() as bars:

        def success(name: str, chooser: NoiseChooser, steered: bool = False) -> SuccessRate:
            bars.begin(name, given.episodes)
            outcomes = evaluate(
                env,
                acting_policy(policy, config) if steered else policy,
                chooser,
                config,
                seed,
                given.episodes,
                on_episode=lambda done: bars.episode(done, {}),
            )
            return SuccessRate.of(outcomes)

        shape = config.noise_shape(policy.spec)
        prior = {
            c: success(f'prior, c = {c:g}', PriorChooser(seed, config.layout, shape, c))
            for c in sorted({1.0, *given.scales})
        }
        best = max(prior, key=lambda c: prior[c].rate)
        rates = {
            f'base policy, {config.noise_layout} noise': prior[1.0],
            f'best scaled prior, c = {best:g}': prior[best],
            f'steered ({config.algorithm}), {episodes} episodes': success(
                'steered', learner.chooser(None), steered=True
            ),
        }
    bars.say(outcome_table(list(rates.items())))
    path = given.run / f'eval_seed{seed}.json'
    write_json(
        path,
        {
            'seed': seed,
            'trained_episodes': episodes,
            'bad_answers': policy.num_bad,
            'success': {
                name: {
                    'successes': rate.successes,
                    'trials': rate.trials,
                    'interval_95': rate.interval,
                }
                for name, rate in rates.items()
            },
        },
    )
    bars.say(path)
    return 0
