"""What a run has shown so far: its episodes, the summary, the learning curve."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_ros.core.statistics import SuccessRate, difference_interval

ROLLING = 10  # episodes in the rolling success of panel and curve


@dataclass(frozen=True)
class EpisodeRecord:
    """How one episode ended.

    Attributes:
        episode: from 0 within the run, all phases.
        phase: one of `learning.steering.plan.Phase`.
        reset_seed: of its start.
        success: judged by the reward source.
        num_decisions, num_steps, num_rejected: decisions, control steps, refused chunks.
        weights_version: of the actor used, 0 without one.
        duration_s: wall time [s].
    """

    episode: int
    phase: str
    reset_seed: int
    success: bool
    num_decisions: int
    num_steps: int
    num_rejected: int
    weights_version: int
    duration_s: float


@dataclass
class RunReport:
    """Collects the episodes of one run; an episode reported twice counts once."""

    episodes: dict[int, EpisodeRecord] = field(default_factory=dict)

    def add(self, record: EpisodeRecord) -> None:
        """Take in one finished episode."""
        self.episodes[record.episode] = record

    def of(self, phase: str) -> list[EpisodeRecord]:
        """Return the episodes of a phase, in order."""
        return [r for _, r in sorted(self.episodes.items()) if r.phase == phase]

    def success(self, phase: str) -> SuccessRate:
        """Return how often a phase succeeded."""
        return SuccessRate.of(r.success for r in self.of(phase))

    def rolling(self, phase: str) -> SuccessRate:
        """Return the success over the newest `ROLLING` episodes of a phase."""
        return SuccessRate.of(r.success for r in self.of(phase)[-ROLLING:])

    def counts(self) -> dict[str, int]:
        """Return the totals over warm-up and online episodes, which are what learning saw."""
        learned = self.of('warmup') + self.of('online')
        return {
            'warmup_episodes': len(self.of('warmup')),
            'online_episodes': len(self.of('online')),
            'eval_episodes': len(self.of('eval_steered')),
            'env_steps': sum(r.num_steps for r in learned),
            'decisions': sum(r.num_decisions for r in learned),
            'rejected_chunks': sum(r.num_rejected for r in self.episodes.values()),
        }


def layout_warning(layout: str, rate: SuccessRate, full: SuccessRate) -> str | None:
    """Return what to say when a noise layout clearly takes the base policy's success away.

    Noise repeated over a chunk is out of distribution for some policies, fine-tuned ones above
    all: their success then falls to nothing, and learning starts from there.

    Args:
        layout: the one chosen.
        rate: of the base policy in that layout at c = 1.
        full: the same in the full layout, on the same resets.

    Returns:
        The warning; None unless the 95 % interval of the difference lies above 0.
    """
    if difference_interval(full, rate)[0] <= 0:
        return None
    return (
        f'noise layout {layout} takes success away from the base policy: {rate} with it, {full} '
        'with full noise, on the same resets. Learning would start from the lower one. '
        f'Use noise_layout:=full{"" if layout == "basis" else " or noise_layout:=basis"}.'
    )


def success_summary(
    report: RunReport,
    prior_rates: dict[float, SuccessRate],
    layout: str,
    full: SuccessRate,
) -> dict[str, Any]:
    """Return what a run has shown as values for JSON: plain rates, and intervals beside them.

    Args:
        report: the run.
        prior_rates: success of the prior per scale, in the layout chosen.
        layout: the one chosen.
        full: success of the prior in the full layout at c = 1; without trials if not measured.
    """
    base = report.success('eval_base')

    def each(value: Callable[[SuccessRate], Any]) -> dict[str, Any]:
        return {
            'base_success': value(base),
            'scaled_prior_success': {f'{c:g}': value(r) for c, r in sorted(prior_rates.items())},
            'steered_success': value(report.success('eval_steered')),
            'full_layout_success': value(full),
        }

    return {
        **each(lambda rate: rate.rate if rate.trials else None),  # JSON has no NaN
        'intervals_95': each(lambda rate: rate.interval),
        'noise_layout': layout,
        'layout_warning': layout_warning(layout, prior_rates.get(1.0, base), full),
        **report.counts(),
        'online_success': [r.success for r in report.of('online')],
    }


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write `value` so that a reader sees the old file or the new one, never half of it."""
    partial = path.with_name(path.name + '.partial')
    partial.write_text(json.dumps(value, indent=2, allow_nan=False) + '\n')
    os.replace(partial, path)


def plot_learning_curve(
    path: Path,
    report: RunReport,
    prior_rates: dict[float, SuccessRate],
    title: str,
) -> None:
    """Draw success over the online episodes beside base, best scaled prior and steered.

    Args:
        path: PNG to write.
        report: the run.
        prior_rates: success per scale of the prior; may be empty.
        title: above the plot.
    """
    outcomes = np.array([r.success for r in report.of('online')], dtype=float)
    levels = [('base policy, N(0, I)', report.success('eval_base'), 'C7')]
    if prior_rates:
        best = max(prior_rates, key=lambda c: prior_rates[c].rate)
        levels.append((f'best scaled prior, c = {best:g}', prior_rates[best], 'C1'))
    levels.append(('steered, deterministic', report.success('eval_steered'), 'C2'))
    with _curve_plot(path, title) as axes:
        if outcomes.size:
            episodes = np.arange(1, outcomes.size + 1)
            label = f'online, last {ROLLING} episodes'
            means = [outcomes[max(0, i - ROLLING) : i].mean() for i in episodes]
            axes.plot(episodes, means, color='C0', label=label)
            axes.plot(episodes, outcomes, '|', color='C0', alpha=0.5)
        for label, rate, colour in levels:
            if rate.trials:
                shown = f'{label}: {rate.rate:.0%}'
                axes.axhline(rate.rate, color=colour, linestyle='--', label=shown)
                axes.axhspan(*rate.interval, color=colour, alpha=0.1, linewidth=0)


def plot_methods(path: Path, methods: Mapping[str, Sequence[Sequence[bool]]], title: str) -> None:
    """Draw the learning curves of several methods, each with the interval over its runs.

    Args:
        path: PNG to write.
        methods: by name, for each run the success of its online episodes; of runs of unequal
            length as many episodes are drawn as all of them have.
        title: above the plot.
    """
    with _curve_plot(path, title, f'success, last {ROLLING} episodes, 95 % interval') as axes:
        for colour, (name, runs) in enumerate(methods.items()):
            length = min(len(run) for run in runs)
            outcomes = np.array([run[:length] for run in runs])  # (runs, episodes)
            ends = np.arange(1, length + 1)
            rates = [SuccessRate.of(outcomes[:, max(0, i - ROLLING) : i].flat) for i in ends]
            label = f'{name} ({len(runs)} run{"s" if len(runs) > 1 else ""})'
            axes.plot(ends, [rate.rate for rate in rates], color=f'C{colour}', label=label)
            low, high = np.reshape([rate.interval for rate in rates], (-1, 2)).T
            axes.fill_between(ends, low, high, color=f'C{colour}', alpha=0.15, linewidth=0)


@contextlib.contextmanager
def _curve_plot(path: Path, title: str, ylabel: str = 'success') -> Iterator[Any]:
    """Give axes for success over online episodes, and write what is drawn as PNG to `path`."""
    import matplotlib  # not at import time: it costs half a second and only the end needs it

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout='constrained')
    yield axes
    axes.set(xlabel='online episodes', ylabel=ylabel, ylim=(-0.03, 1.03), title=title)
    axes.legend(loc='lower right', fontsize='small')
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
