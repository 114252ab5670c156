"""The live panel of a run, and the table at its end. No ROS."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table

from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.learning.run.report import ROLLING, EpisodeRecord, RunReport

PHASE_TITLES = {
    'warmup': 'warm-up, prior noise',
    'online': 'learning online',
    'eval_base': 'evaluating the base policy',
    'eval_steered': 'evaluating the steered policy',
}


@dataclass
class LearnerState:
    """The newest state of the trainer.

    Attributes:
        gradient_steps: taken so far.
        gradient_steps_per_second: while learning.
        weights_version: newest published.
        message: the error that stopped it, if any.
    """

    gradient_steps: int = 0
    gradient_steps_per_second: float = 0.0
    weights_version: int = 0
    message: str = ''


@dataclass
class Panel:
    """Shows a run on a terminal as a panel, and elsewhere as a line per episode.

    Args:
        planned: episodes of each phase, in the order they are run.
        live: draw a panel if the output is a terminal.
        started: steady time at the start of the run [s].
    """

    planned: dict[str, int]
    live: bool = True
    started: float = field(default_factory=time.monotonic)
    learner: LearnerState = field(default_factory=LearnerState)

    def __post_init__(self) -> None:
        self._console = Console(file=sys.stdout, highlight=False)
        self._live: Live | None = None
        if self.live and self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()

    def show(self, report: RunReport, newest: EpisodeRecord | None = None) -> None:
        """Draw the state of the run; `newest` is an episode that just ended."""
        if self._live is not None:
            self._live.update(self._table(report), refresh=True)
        elif newest is not None:
            self._console.print(self._line(report, newest), soft_wrap=True)

    def say(self, text: object) -> None:
        """Print text that stays, above the panel if there is one."""
        self._console.print(text)

    def close(self) -> None:
        """Remove the panel; printed text stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def time_left_s(self, report: RunReport) -> float | None:
        """Return how long the rest takes at the pace so far [s]; None before the first episode."""
        done = len(report.episodes)
        if not done:
            return None
        left = sum(self.planned.values()) - done
        return (time.monotonic() - self.started) / done * left

    def _line(self, report: RunReport, newest: EpisodeRecord) -> str:
        rate = report.rolling(newest.phase)
        done = len(report.of(newest.phase))
        left = self.time_left_s(report)
        return (
            f'{newest.phase:<12} {done:>3}/{self.planned[newest.phase]:<3} '
            f'{"success" if newest.success else "  -    "} '
            f'last {ROLLING}: {_percent(rate):>5}  decisions {newest.num_decisions:>3}  '
            f'gradient steps {self.learner.gradient_steps:>6} '
            f'({self.learner.gradient_steps_per_second:4.0f}/s)  '
            f'weights v{newest.weights_version:<3} left {_minutes(left)}'
        )

    def _table(self, report: RunReport) -> Table:
        table = Table(title='DSRL', show_header=True, title_justify='left')
        table.add_column('phase')
        for title in ('episodes', 'success', f'last {ROLLING}'):
            table.add_column(title, justify='right')
        for phase, count in self.planned.items():
            table.add_row(
                PHASE_TITLES[phase],
                f'{len(report.of(phase))}/{count}',
                _percent(report.success(phase)),
                _percent(report.rolling(phase)),
            )
        decisions = sum(r.num_decisions for r in report.episodes.values())
        table.caption = (
            f'{decisions} decisions, {self.learner.gradient_steps} gradient steps '
            f'({self.learner.gradient_steps_per_second:.0f}/s), '
            f'weights v{self.learner.weights_version}, '
            f'time left {_minutes(self.time_left_s(report))}'
            + (f'\n{self.learner.message}' if self.learner.message else '')
        )
        return table


def outcome_table(rows: list[tuple[str, SuccessRate]]) -> Table:
    """Return the closing table: one row per policy with its success and interval."""
    table = Table(title='Success on the same fresh resets', title_justify='left')
    table.add_column('policy')
    table.add_column('success', justify='right')
    table.add_column('95 % interval', justify='right')
    for name, rate in rows:
        low, high = rate.interval
        table.add_row(
            name,
            f'{100 * rate.rate:.0f} % ({rate.successes}/{rate.trials})',
            f'{100 * low:.0f} to {100 * high:.0f} %',
        )
    return table


def _percent(rate: SuccessRate) -> str:
    return f'{100 * rate.rate:.0f} %' if rate.trials else '-'


def _minutes(seconds: float | None) -> str:
    return '-' if seconds is None else f'{int(seconds) // 60}:{int(seconds) % 60:02d}'
