"""`dsrl prior-check`: how often the frozen policy succeeds by noise layout and scale, without ROS.

Noise is drawn from N(0, c^2 I). Resets and noise come from the keys of a run of the graph, so
scale 1 repeats its base result, in its layout and from its `--first-episode` on. A table on a
terminal, elsewhere a JSON line per measurement.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from rich.console import Console
from rich.table import Table

from dsrl_ros.cli import run_options
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.run.report import layout_warning
from dsrl_ros.learning.run.rollout import ChunkEnv, evaluate
from dsrl_ros.learning.steering.choosers import PriorChooser
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.policies.bounded import BoundedPolicy

LAYOUTS = ('full', 'repeated', 'basis')


@dataclass(frozen=True)
class Measurement:
    """The success of one prior; its fields are those of a JSON line.

    Attributes:
        layout, scale: of the noise.
        successes, trials: episodes.
        interval_95: of the success.
        bad_answers: of the policy, not finite or absurd; the middle of its limits was executed.
        answers: of the policy.
    """

    layout: str
    scale: float
    successes: int
    trials: int
    interval_95: tuple[float, float]
    bad_answers: int
    answers: int


def measure(
    env: ChunkEnv,
    policy: FrozenPolicy,
    config: LearnerConfig,
    scale: float,
    seed: int,
    episodes: int,
    first_episode: int = 0,
) -> Measurement:
    """Measure the prior N(0, scale^2 I) in the layout of `config`; see `steered.evaluate`."""
    bounded = BoundedPolicy(policy)
    chooser = PriorChooser(seed, config.layout, config.noise_shape(policy.spec), scale)
    successes = sum(evaluate(env, bounded, chooser, config, seed, episodes, first_episode))
    rate = SuccessRate(successes, episodes)
    return Measurement(
        config.noise_layout,
        scale,
        successes,
        episodes,
        rate.interval,
        bounded.num_bad,
        bounded.num_samples,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print each result as soon as it is known; return the exit code.

    Raises:
        DsrlError: an option, the policy or the environment is wrong.
    """
    parser = argparse.ArgumentParser(prog='dsrl prior-check', description=__doc__)
    taken = ('env', 'policy', 'seed', 'max_steps', 'end_on_success', 'success_return')
    run_options.add_arguments(parser, run_options.RunOptions, taken)
    parser.add_argument('--episodes', type=int, default=50, help='evaluation resets [50]')
    parser.add_argument(
        '--first-episode', type=int, default=0, help='number of the first evaluation episode'
    )
    parser.add_argument('--scales', type=float, nargs='+', default=[0.0, 0.25, 0.5, 0.75, 1.0])
    parser.add_argument('--layouts', choices=LAYOUTS, nargs='+', default=['full'])
    parser.add_argument(
        '--also-full', action='store_true', help='measure the full layout at scale 1, too'
    )
    parser.add_argument('--num-basis', type=int, default=3, help='rows of the basis layout')
    given = vars(parser.parse_args(arguments))

    torch.set_num_threads(1)
    options = run_options.run_options({name: given[name] for name in given if name != 'episodes'})
    policy = run_options.load_policy(options)
    env = run_options.make_env(options, policy.spec, LearnerConfig())
    wanted = [(layout, scale) for layout in given['layouts'] for scale in given['scales']]
    if given['also_full'] and ('full', 1.0) not in wanted:
        wanted.append(('full', 1.0))
    console = Console(highlight=False)
    made: list[Measurement] = []
    for layout, scale in wanted:
        config = LearnerConfig(noise_layout=layout, num_basis=given['num_basis'])
        made.append(
            measure(
                env,
                policy,
                config,
                scale,
                options.seed,
                given['episodes'],
                given['first_episode'],
            )
        )
        if console.is_terminal:
            console.print(f'{layout}, c = {scale:g}: {_rate(made[-1])}')
        else:
            print(json.dumps(asdict(made[-1])), flush=True)
    if console.is_terminal:
        console.print(table(made))
        for text in warnings(made):
            console.print(f'[bold red]WARNING[/] {text}', soft_wrap=True)
    return 0


def table(made: Sequence[Measurement]) -> Table:
    """Return the results for people."""
    shown = Table(title='Success of the frozen policy', title_justify='left')
    shown.add_column('layout')
    for title in ('scale c', 'success', '95 % interval', 'bad answers'):
        shown.add_column(title, justify='right')
    for one in made:
        low, high = one.interval_95
        shown.add_row(
            one.layout,
            f'{one.scale:g}',
            f'{_rate(one).rate:.0%} ({one.successes}/{one.trials})',
            f'{100 * low:.0f} to {100 * high:.0f} %',
            f'{one.bad_answers} of {one.answers}',
        )
    return shown


def warnings(made: Sequence[Measurement]) -> list[str]:
    """Return a sentence for each layout that takes success away, compared at scale 1."""
    at_one = {one.layout: _rate(one) for one in made if one.scale == 1.0}
    full = at_one.pop('full', SuccessRate(0, 0))
    said = [layout_warning(layout, rate, full) for layout, rate in at_one.items()]
    return [text for text in said if text is not None]


def _rate(one: Measurement) -> SuccessRate:
    return SuccessRate(one.successes, one.trials)


if __name__ == '__main__':
    main(sys.argv[1:])
