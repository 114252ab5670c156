"""What one run has shown: the live panel, the closing table, summary.json, learning_curve.png."""

from __future__ import annotations

import importlib.metadata
import platform
import time
import uuid
from pathlib import Path

from rclpy.impl.rcutils_logger import RcutilsLogger

from dsrl_msgs.msg import RunInfo
from dsrl_ros import __version__
from dsrl_ros.console.panel import Panel, outcome_table
from dsrl_ros.core.config.monitor import MonitorConfig
from dsrl_ros.core.factories import is_factory
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.core.types import NoiseLayout
from dsrl_ros.learning.run.report import (
    EpisodeRecord,
    RunReport,
    layout_warning,
    plot_learning_curve,
    success_summary,
    write_json,
)
from dsrl_ros.nodes.monitor.prior_process import PriorProcess, prior_arguments

_PACKAGES = ('torch', 'numpy', 'mujoco', 'mink', 'safetensors', 'rosbags')


class RunView:
    """Follows one run from its announcement to its last episode.

    Args:
        run: the announcement.
        config: of the monitor.
        logger: of the node.

    Attributes:
        run: the announcement.
        panel: on the terminal; it holds the newest state of the learner.
        prior: measures the scaled prior; None when it is done, or not wanted.
    """

    def __init__(self, run: RunInfo, config: MonitorConfig, logger: RcutilsLogger) -> None:
        self.run = run
        self.prior: PriorProcess | None = None
        self._folder = Path(run.run_dir)
        self._layout = NoiseLayout(run.layout).name.lower()
        self._logger = logger
        self._report = RunReport()
        self._prior_rates: dict[float, SuccessRate] = {}
        self._full = SuccessRate(0, 0)  # the prior in the full layout at c = 1
        planned = {
            'warmup': run.warmup_episodes,
            'online': run.online_episodes,
            'eval_base': run.eval_episodes,
            'eval_steered': run.eval_episodes,
        }
        self.panel = Panel(planned, live=config.panel)
        self.panel.say(
            f'run {run.run_dir}\nseed {run.seed} (repeat with seed:={run.seed}), '
            f'algorithm {run.algorithm}, policy {run.policy_sha256[:12]}, '
            f'{"lockstep" if run.lockstep else "real time"}'
        )
        if config.prior_scales and config.policy and run.robot_mode == 'sim':
            if is_factory(config.policy):
                logger.info(
                    'the scaled prior is not measured: a policy in Python is loaded once. '
                    '`dsrl prior-check` measures it'
                )
            else:
                self.prior = PriorProcess(prior_arguments(run, config))

    @property
    def complete(self) -> bool:
        """Whether every planned episode has ended."""
        return len(self._report.episodes) >= sum(self.panel.planned.values())

    def add(self, record: EpisodeRecord) -> None:
        """Take in an episode that has ended."""
        self._report.add(record)
        self.panel.show(self._report, record)

    def refresh(self) -> bool:
        """Redraw the panel and read the prior's result; return whether the run has ended.

        At the end of a run it prints the closing table and draws the learning curve.
        """
        self.panel.show(self._report)
        if self.prior is not None:
            try:
                rates = self.prior.poll()
            except RuntimeError as error:
                self._logger.error(f'{error}: the scaled prior is not in the summary')
                rates = {}
            if rates is not None:
                self.prior = None
                self.add_prior(rates)
        ended = self.complete and self.prior is None
        if ended:
            self._print_outcome()
        return ended

    def add_prior(self, rates: dict[tuple[str, float], SuccessRate]) -> None:
        """Take in the prior's success by layout and scale; warn if the layout costs success."""
        self._prior_rates = {
            c: rate for (layout, c), rate in rates.items() if layout == self._layout
        }
        self._full = rates.get(('full', 1.0), self._full)
        rate = self._prior_rates.get(1.0)
        if rate and (text := layout_warning(self._layout, rate, self._full)):
            self.panel.say(f'[bold red]WARNING[/] {text}')

    def close(self) -> None:
        """Restore the terminal, end the prior's process and write summary.json."""
        self.panel.close()
        if self.prior is not None:
            self.prior.kill()
        summary = {
            'complete': self.complete,
            **success_summary(self._report, self._prior_rates, self._layout, self._full),
            'gradient_steps': self.panel.learner.gradient_steps,
            'wall_time_s': round(time.monotonic() - self.panel.started, 1),
            'seed': self.run.seed,
            'algorithm': self.run.algorithm,
            'lockstep': self.run.lockstep,
            'run': str(uuid.UUID(bytes=bytes(self.run.run))),
            'policy_sha256': self.run.policy_sha256,
            'versions': _versions(),
        }
        write_json(self._folder / 'summary.json', summary)

    def _print_outcome(self) -> None:
        self.panel.close()
        rows = [('base policy, N(0, I)', self._report.success('eval_base'))]
        if self._prior_rates:
            best = max(self._prior_rates, key=lambda c: self._prior_rates[c].rate)
            rows.append((f'best scaled prior, c = {best:g}', self._prior_rates[best]))
        rows.append(('steered, deterministic', self._report.success('eval_steered')))
        self.panel.say(outcome_table(rows))
        plot_learning_curve(
            self._folder / 'learning_curve.png',
            self._report,
            self._prior_rates,
            f'DSRL-{self.run.algorithm.upper()}, seed {self.run.seed}',
        )
        files = 'summary.json, learning_curve.png, episodes/, checkpoints/'
        self.panel.say(f'{self._folder}: {files}')


def _versions() -> dict[str, str]:
    found = {'dsrl_ros': __version__, 'python': platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = 'unknown'  # a system package without metadata
    return found
