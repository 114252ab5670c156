"""`python -m bench [section ...]`: measure, print, write `out/bench.json`."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.gate import measure_gate
from bench.graph import measure_graph
from bench.kill import measure_kill
from bench.learner import measure_learner
from bench.na import measure_na
from bench.replay import measure_replay
from bench.rows import Row

SECTIONS: dict[str, Callable[[], list[Row]]] = {
    'gate': measure_gate,
    'learner': measure_learner,
    'na': measure_na,
    'replay': measure_replay,
    'graph': measure_graph,
    'kill': measure_kill,
}
OUT = Path(__file__).parent / 'out'


def machine() -> dict[str, object]:
    """Say what the figures were measured on."""
    commit = subprocess.run(
        ['git', 'rev-parse', 'HEAD'], capture_output=True, text=True, check=False, cwd=OUT.parent
    ).stdout.strip()
    cores = os.sched_getaffinity(0)
    return {
        'commit': commit,
        'time': time.strftime('%Y-%m-%dT%H:%M:%S'),
        'cores': len(cores),
        'load': os.getloadavg()[0],
        'python': platform.python_version(),
    }


def show(rows: list[Row]) -> Table:
    """Return the rows as a table."""
    table = Table(title='Budgets', title_justify='left')
    for title in ('what', 'measured', 'budget', '', 'note'):
        table.add_column(title, justify='right' if title in ('measured', 'budget') else 'left')
    for row in rows:
        bound = '' if row.budget is None else f'{row.budget:g} {row.unit}'
        held = {None: '', True: 'held', False: 'missed'}[row.held]
        table.add_row(row.name, f'{row.value:.4g} {row.unit}', bound, held, row.note)
    return table


def main() -> None:
    """Measure the sections asked for, all by default."""
    parser = argparse.ArgumentParser(prog='python -m bench', description=__doc__)
    parser.add_argument('sections', nargs='*', help=f'any of {", ".join(SECTIONS)}; default all')
    parser.add_argument(
        '--device', choices=('cpu', 'cuda'), default='cpu', help='of the section learner'
    )
    arguments = parser.parse_args()
    sections = {**SECTIONS, 'learner': functools.partial(measure_learner, arguments.device)}
    chosen = arguments.sections or list(SECTIONS)
    unknown = sorted(set(chosen) - set(SECTIONS))
    if unknown:
        parser.error(f'got {", ".join(unknown)}, expected some of {", ".join(SECTIONS)}')
    about = machine()
    rows = [row for name in chosen for row in sections[name]()]
    Console(width=150).print(show(rows))
    OUT.mkdir(exist_ok=True)
    result = {**about, 'rows': [{**dataclasses.asdict(r), 'held': r.held} for r in rows]}
    (OUT / 'bench.json').write_text(json.dumps(result, indent=2) + '\n')


if __name__ == '__main__':
    main()
