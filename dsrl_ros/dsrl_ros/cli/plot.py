"""`dsrl plot`: learning curves of several runs; seeds of one method become one curve."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.learning.run.report import plot_methods
from dsrl_ros.learning.run.training_run import SUMMARY


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        ConfigError: a folder without a readable summary, or without online episodes.
    """
    parser = argparse.ArgumentParser(prog='dsrl plot', description=__doc__)
    parser.add_argument('runs', type=Path, nargs='+', help='folders of runs, with or without ROS')
    parser.add_argument('--out', type=Path, default=Path('learning_curves.png'), help='PNG')
    parser.add_argument('--title', default='', help='above the plot')
    given = parser.parse_args(arguments)
    methods: dict[str, list[list[bool]]] = {}
    for run in given.runs:
        method, outcomes = read_run(run)
        methods.setdefault(method, []).append(outcomes)
    plot_methods(given.out, methods, given.title)
    for method, outcomes_of in methods.items():
        print(f'{method}: {len(outcomes_of)} run{"s" if len(outcomes_of) > 1 else ""}')
    print(given.out)
    return 0


def read_run(run: Path) -> tuple[str, list[bool]]:
    """Return the method of a run, and the success of its online episodes.

    Raises:
        ConfigError: see `main`.
    """
    path = run / SUMMARY
    try:
        summary = json.loads(path.read_text())
        outcomes = [bool(success) for success in summary['online_success']]
        method = ', '.join(
            str(summary[key]) for key in ('algorithm', 'noise_layout') if key in summary
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f'{path}: {error!r}, expected the summary of a run. Give folders of runs.'
        ) from error
    if not outcomes:
        raise ConfigError(f'{path}: got no online episode, expected some to draw. Leave it out.')
    return method, outcomes
