"""What a run has shown so far: its episodes, the summary, the learning curve."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        records = self.of(phase)
        return SuccessRate(sum(r.success for r in records), len(records))

    def rolling(self, phase: str) -> SuccessRate:
        """Return the success over the newest `ROLLING` episodes of a phase."""
        records = self.of(phase)[-ROLLING:]
        return SuccessRate(sum(r.success for r in records), len(records))

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
    rates = {f'{c:g}': rate for c, rate in sorted(prior_rates.items())}
    base, steered = report.success('eval_base'), report.success('eval_steered')
    return {
        'base_success': rate_or_none(base),
        'scaled_prior_success': {c: rate_or_none(rate) for c, rate in rates.items()},
        'steered_success': rate_or_none(steered),
        'full_layout_success': rate_or_none(full),
        'intervals_95': {
            'base_success': base.interval,
            'scaled_prior_success': {c: rate.interval for c, rate in rates.items()},
            'steered_success': steered.interval,
            'full_layout_success': full.interval,
        },
        'noise_layout': layout,
        'layout_warning': layout_warning(layout, prior_rates.get(1.0, base), full),
        **report.counts(),
        'online_success': [r.success for r in report.of('online')],
    }


def rate_or_none(rate: SuccessRate) -> float | None:
    """Return the rate for JSON, which has no NaN."""
    return rate.rate if rate.trials else None


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
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7, 4), layout='constrained')
    outcomes = np.array([r.success for r in report.of('online')], dtype=float)
    if outcomes.size:
        episodes = np.arange(1, outcomes.size + 1)
        axes.plot(
            episodes, rolling(outcomes), color='C0', label=f'online, last {ROLLING} episodes'
        )
        axes.plot(episodes, outcomes, '|', color='C0', alpha=0.5)
    levels = [('base policy, N(0, I)', report.success('eval_base'), 'C7')]
    if prior_rates:
        best = max(prior_rates, key=lambda c: prior_rates[c].rate)
        levels.append((f'best scaled prior, c = {best:g}', prior_rates[best], 'C1'))
    levels.append(('steered, deterministic', report.success('eval_steered'), 'C2'))
    for label, rate, colour in levels:
        if rate.trials:
            low, high = rate.interval
            axes.axhline(
                rate.rate, color=colour, linestyle='--', label=f'{label}: {rate.rate:.0%}'
            )
            axes.axhspan(low, high, color=colour, alpha=0.1, linewidth=0)
    _finish(axes, title)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def rolling(outcomes: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the mean over the last `ROLLING` entries up to each, (n,) to (n,)."""
    return np.array(
        [outcomes[max(0, i - ROLLING) : i].mean() for i in range(1, len(outcomes) + 1)]
    )


def plot_methods(path: Path, methods: Mapping[str, Sequence[Sequence[bool]]], title: str) -> None:
    """Draw the learning curves of several methods, each with the interval over its runs.

    Args:
        path: PNG to write.
        methods: by name, for each run the success of its online episodes; of runs of unequal
            length as many episodes are drawn as all of them have.
        title: above the plot.
    """
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7, 4), layout='constrained')
    for colour, (name, runs) in enumerate(methods.items()):
        length = min(len(run) for run in runs)
        outcomes = np.array([run[:length] for run in runs], dtype=float)  # (runs, episodes)
        rates = [
            SuccessRate(int(window.sum()), window.size)
            for i in range(1, length + 1)
            for window in [outcomes[:, max(0, i - ROLLING) : i]]
        ]
        episodes = np.arange(1, length + 1)
        label = f'{name} ({len(runs)} run{"s" if len(runs) > 1 else ""})'
        axes.plot(episodes, [rate.rate for rate in rates], color=f'C{colour}', label=label)
        bounds = np.array([rate.interval for rate in rates]).reshape(-1, 2)
        axes.fill_between(
            episodes, bounds[:, 0], bounds[:, 1], color=f'C{colour}', alpha=0.15, linewidth=0
        )
    _finish(axes, title)
    axes.set_ylabel(f'success, last {ROLLING} episodes, 95 % interval')
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _pyplot() -> Any:
    import matplotlib  # not at import time: it costs half a second and only the end needs it

    matplotlib.use('Agg')
    from matplotlib import pyplot

    return pyplot


def _finish(axes: Any, title: str) -> None:
    axes.set(xlabel='online episodes', ylabel='success', ylim=(-0.03, 1.03), title=title)
    axes.legend(loc='lower right', fontsize='small')
