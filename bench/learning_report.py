"""The results of `bench.learning` as a table, a Markdown file and a plot. Runs nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from bench.runs import DETERMINISTIC, EXPLORING
from dsrl_ros.core.statistics import SuccessRate

GOAL = 0.9  # success at which a run counts as having learned
WINDOW, FURTHER = 20, 100  # episodes of the rolling success, and for how many more it is kept
SHOWN = 50  # online episodes in the plot

Result = Mapping[str, Any]


def load(folder: Path) -> dict[str, list[Result]]:
    """Return the results by method, in the order of their seeds."""
    by_method: dict[str, list[Result]] = defaultdict(list)
    for path in sorted(folder.glob('*.json')):
        result = json.loads(path.read_text())
        by_method[result['method']].append(result)
    return {name: sorted(rs, key=lambda r: r['seed']) for name, rs in by_method.items()}


def reached(result: Result, choice: str) -> Mapping[str, int] | None:
    """Return the first look at which `choice` has at least `GOAL` success, or None."""
    for look in result['looks']:
        if look[choice] >= GOAL * result['trials']:
            found: Mapping[str, int] = look
            return found
    return None


def pooled(results: Sequence[Result], online: int, choice: str) -> SuccessRate:
    """Return the success of a choice, of all seeds together, at one look."""
    successes = trials = 0
    for result in results:
        for look in result['looks']:
            if look['online'] == online:
                successes += look[choice]
                trials += result['trials']
    return SuccessRate(successes, trials)


def lowest_after_goal(result: Result) -> float | None:
    """Return the lowest rolling success in the episodes after it first was above `GOAL`.

    None when it never was, or fewer than `FURTHER` episodes follow.
    """
    outcomes = np.array(result['online'], dtype=np.int64)
    if len(outcomes) < WINDOW:
        return None
    rolling = np.convolve(outcomes, np.ones(WINDOW, dtype=np.int64), mode='valid')
    above = np.flatnonzero(rolling > GOAL * WINDOW)
    if not len(above) or len(rolling) < above[0] + 1 + FURTHER:
        return None
    return int(rolling[above[0] : above[0] + 1 + FURTHER].min()) / WINDOW


def lines(by_method: Mapping[str, Sequence[Result]], titles: Mapping[str, str]) -> list[str]:
    """Return the table as lines of Markdown."""
    rows = [
        '| method | seeds | exploring: after 0 | 8 | 20 | 50 online episodes | deterministic: 50 '
        '| 90 % exploring after episodes | after control steps | CPU per run |',
        '|---|---|---|---|---|---|---|---|---|---|',
    ]
    for name, title in titles.items():
        results = by_method.get(name)
        if not results:
            continue
        found = [reached(result, EXPLORING) for result in results]
        cells = [
            title,
            str(len(results)),
            *(percent(pooled(results, online, EXPLORING)) for online in (0, 8, 20, 50)),
            percent(pooled(results, 50, DETERMINISTIC)),
            ', '.join('-' if f is None else str(f['online']) for f in found),
            ', '.join('-' if f is None else str(f['steps']) for f in found),
            f'{np.median([result["cpu_s"] for result in results]) / 60:.1f} min',
        ]
        rows.append(f'| {" | ".join(cells)} |')
    return rows


def percent(rate: SuccessRate) -> str:
    """Return a rate with its interval; a dash without trials."""
    if not rate.trials:
        return '-'
    low, high = rate.interval
    return f'{rate.rate:.0%} ({low:.0%} to {high:.0%})'


def summary(by_method: Mapping[str, Sequence[Result]]) -> list[str]:
    """Return what the table is to show, in words."""
    said = []
    for slower, faster in (('sac', 'na'), ('sac_repeated', 'na_repeated')):
        said += [
            f'{faster} beside {slower}, 90 % {choice}: '
            f'{_compared(by_method, slower, faster, choice)}.'
            for choice in (EXPLORING, DETERMINISTIC)
            if slower in by_method and faster in by_method
        ]
    for name, results in by_method.items():
        kept = [(result['seed'], lowest_after_goal(result)) for result in results]
        said += [
            f'{name}, seed {seed}: at least {lowest:.0%} of any {WINDOW} episodes in the '
            f'{FURTHER} after the first {WINDOW} above {GOAL:.0%}.'
            for seed, lowest in kept
            if lowest is not None
        ]
    said.append(provenance(by_method))
    return [line + '\n' for line in said]


def provenance(by_method: Mapping[str, Sequence[Result]]) -> str:
    """Say what the runs took, and by which code they were made."""
    results = [result for of_method in by_method.values() for result in of_method]
    hours = sum(result['cpu_s'] for result in results) / 3600
    commits = sorted({result['commit'] for result in results})
    return f'{hours:.1f} core-hours, commit {", ".join(commits)}.'


def _compared(
    by_method: Mapping[str, Sequence[Result]], slower: str, faster: str, choice: str
) -> str:
    """Say with how many control steps one method reaches the goal, beside the other."""
    steps: list[dict[int, int]] = []
    for name in (slower, faster):
        found = {result['seed']: reached(result, choice) for result in by_method[name]}
        steps.append({seed: look['steps'] for seed, look in found.items() if look is not None})
    both = sorted(set(steps[0]) & set(steps[1]))
    counts = (
        f'reached by {len(steps[1])} of {len(by_method[faster])} seeds '
        f'({slower}: {len(steps[0])} of {len(by_method[slower])})'
    )
    if not both:
        return counts
    ratios = sorted(steps[1][seed] / steps[0][seed] for seed in both)
    return (
        f'{counts}, with {np.median(ratios):.2f} times the control steps where both do '
        f'({ratios[0]:.2f} to {ratios[-1]:.2f})'
    )


def plot(
    path: Path,
    by_method: Mapping[str, Sequence[Result]],
    titles: Mapping[str, str],
    choice: str = EXPLORING,
    shown: int = SHOWN,
) -> None:
    """Draw success against online episodes: the mean over seeds, and the range of the seeds.

    Args:
        path: of the image.
        by_method: the results.
        titles: of the methods, in the order of the legend.
        choice: whose success.
        shown: online episodes.
    """
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 4.5), layout='constrained')
    for number, (name, title) in enumerate(titles.items()):
        results = by_method.get(name, ())
        if not results:
            continue
        colour = f'C{number}'
        if len(results[0]['looks']) == 1:
            axes.axhline(
                pooled(results, 0, choice).rate, color=colour, linestyle='--', label=title
            )
            continue
        online = [look['online'] for look in results[0]['looks'] if look['online'] <= shown]
        rates = np.array(
            [[look[choice] / r['trials'] for look in r['looks'][: len(online)]] for r in results]
        )
        axes.plot(online, rates.mean(axis=0), color=colour, label=f'{title} ({len(results)})')
        axes.fill_between(
            online, rates.min(axis=0), rates.max(axis=0), color=colour, alpha=0.12, linewidth=0
        )
    axes.axhline(GOAL, color='0.7', linewidth=0.8)
    axes.set(
        xlabel='online episodes',
        ylabel=f'success on fresh resets, {choice}',
        ylim=(-0.03, 1.03),
    )
    axes.legend(loc='center left', bbox_to_anchor=(1.0, 0.5), fontsize='small')
    figure.savefig(path, dpi=120)
    plt.close(figure)


def write_report(folder: Path, titles: Mapping[str, str]) -> None:
    """Print the table; write `table.md` and `curves.png` into the folder."""
    by_method = load(folder)
    write_table(folder, [*lines(by_method, titles), '', *summary(by_method)])
    plot(folder / 'curves.png', by_method, titles)


def write_table(folder: Path, rows: Sequence[str]) -> None:
    """Print lines of Markdown, and write them to `table.md` in the folder."""
    text = '\n'.join(rows)
    Console(width=200).print(text, markup=False, highlight=False)
    (folder / 'table.md').write_text(text + '\n')
