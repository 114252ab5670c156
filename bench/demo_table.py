"""`python -m bench.demo_table [SEED ...]`: run the demo for each seed and print README's table.

Resumable: a seed whose run in bench/out/demo is complete is not run again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from dsrl_ros.core.statistics import SuccessRate

OUT = Path(__file__).parent / 'out' / 'demo'
_SOLVED = 9  # successes among the last 10 online episodes that count as learned


def run(seed: int, arguments: list[str]) -> dict[str, Any]:
    """Return the summary of the demo with this seed, running it if need be."""
    folder = OUT / f'{seed}'
    summary = folder / 'summary.json'
    if not summary.is_file() or not json.loads(summary.read_text())['complete']:
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, '-m', 'dsrl_ros.cli.main', 'launch', 'franka_steer']
        subprocess.run([*command, f'seed:={seed}', f'run_dir:={folder}', *arguments], check=True)
    return dict(json.loads(summary.read_text()))


def episodes_to_learn(outcomes: list[bool]) -> int | None:
    """Return the online episode that completed the first ten with `_SOLVED` successes."""
    for last in range(10, len(outcomes) + 1):
        if sum(outcomes[last - 10 : last]) >= _SOLVED:
            return last
    return None


def cell(rate: float, trials: int) -> str:
    """Return a success rate with its interval."""
    low, high = SuccessRate(round(rate * trials), trials).interval
    return f'{100 * rate:.0f} % ({100 * low:.0f} to {100 * high:.0f})'


def main() -> None:
    """Run the seeds and print the table in Markdown."""
    parser = argparse.ArgumentParser(prog='python -m bench.demo_table', description=__doc__)
    parser.add_argument('words', nargs='*', help='seeds (default 0 to 4) and launch arguments')
    words = parser.parse_args().words
    seeds = [int(word) for word in words if ':=' not in word] or list(range(5))
    arguments = [word for word in words if ':=' in word]
    print('| seed | base | best scaled prior | steered | 9 of 10 online after | wall time |')
    print('|---|---|---|---|---|---|')
    for seed in seeds:
        got = run(seed, arguments)
        trials = got['eval_episodes']
        priors = got['scaled_prior_success']
        best = max(priors, key=lambda scale: priors[scale])
        learned = episodes_to_learn(got['online_success'])
        row = (
            f'{seed}',
            cell(got['base_success'], trials),
            f'{cell(priors[best], trials)}, c = {best}',
            cell(got['steered_success'], trials),
            f'{learned} episodes' if learned else 'not reached',
            f'{got["wall_time_s"] / 60:.1f} min',
        )
        print('| ' + ' | '.join(row) + ' |', flush=True)


if __name__ == '__main__':
    main()
