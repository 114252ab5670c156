"""What the user sees: the live panel, the closing table, summary.json and learning_curve.png.

Its exit ends the run. Watches only: nothing of the loop or of learning waits for it.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
import uuid
from pathlib import Path
from typing import Any

from rclpy.node import Node

from dsrl_msgs.msg import EpisodeResult, RunInfo, TrainerStatus
from dsrl_ros import __version__
from dsrl_ros.console.panel import LearnerState, Panel, outcome_table
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
from dsrl_ros.nodes.monitor.prior_process import PriorChild
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.ros.waiting import STEADY_CLOCK

_PACKAGES = ('torch', 'numpy', 'mujoco', 'mink', 'safetensors', 'rosbags')


class MonitorNode(Node):
    """Follows one run from its announcement to its last episode."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('monitor', **node_options)
        self._config = declare_config(self, MonitorConfig)
        self._run: RunInfo | None = None
        self._report = RunReport()
        self._panel: Panel | None = None
        self._prior: PriorChild | None = None
        self._prior_rates: dict[float, SuccessRate] = {}
        self._full = SuccessRate(0, 0)  # the prior in the full layout at c = 1
        self._learner = LearnerState()
        self._started = time.monotonic()

        self.create_subscription(RunInfo, names.RUN_INFO, self._on_run, qos.LATCHED)
        self.create_subscription(
            EpisodeResult, names.EPISODE_RESULT, self._on_episode, qos.DECISION
        )
        self.create_subscription(TrainerStatus, names.TRAINER_STATUS, self._on_trainer, qos.STATUS)
        self._timer = self.create_timer(0.5, self._tick, clock=STEADY_CLOCK)

    def destroy_node(self) -> None:
        """Leave the terminal as it was, and what is known so far on the disk."""
        if self._panel is not None:
            self._panel.close()
        if self._prior is not None:
            self._prior.kill()
        if self._run is not None:
            self._write_summary(self._run)
        super().destroy_node()

    def _on_run(self, run: RunInfo) -> None:
        if self._run is not None:
            return
        self._run = run
        self._started = time.monotonic()
        planned = {
            'warmup': run.warmup_episodes,
            'online': run.online_episodes,
            'eval_base': run.eval_episodes,
            'eval_steered': run.eval_episodes,
        }
        self._panel = Panel(planned, live=self._config.panel)
        self._panel.say(
            f'run {run.run_dir}\nseed {run.seed} (repeat with seed:={run.seed}), '
            f'algorithm {run.algorithm}, policy {run.policy_sha256[:12]}, '
            f'{"lockstep" if run.lockstep else "real time"}'
        )
        if self._config.prior_scales and self._config.policy and run.robot_mode == 'sim':
            if is_factory(self._config.policy):
                self.get_logger().info(
                    'the scaled prior is not measured: a policy in Python is loaded once. '
                    '`dsrl prior-check` measures it'
                )
            else:
                self._prior = PriorChild(self._prior_arguments(run))

    def _prior_arguments(self, run: RunInfo) -> list[str]:
        layout = NoiseLayout(run.layout)
        arguments = {
            '--env': self._config.task,
            '--policy': self._config.policy,
            '--seed': run.seed,
            '--episodes': run.eval_episodes,
            '--first-episode': run.warmup_episodes + run.online_episodes,
            '--layouts': layout.name.lower(),
        }
        if layout == NoiseLayout.BASIS:
            arguments['--num-basis'] = run.rows
        words = [str(word) for pair in arguments.items() for word in pair]
        return [*words, '--also-full', '--scales', *map(str, self._config.prior_scales)]

    def _on_episode(self, result: EpisodeResult) -> None:
        if self._run is None or self._panel is None or bytes(result.run) != bytes(self._run.run):
            return
        record = EpisodeRecord(
            episode=result.episode,
            phase=result.phase,
            reset_seed=result.reset_seed,
            success=result.success,
            num_decisions=result.num_decisions,
            num_steps=result.num_steps,
            num_rejected=result.num_rejected,
            weights_version=result.weights_version,
            duration_s=result.duration,
        )
        self._report.add(record)
        self._panel.show(self._report, record)

    def _on_trainer(self, status: TrainerStatus) -> None:
        if status.message and status.message != self._learner.message:
            self.get_logger().error(f'trainer: {status.message}')
        self._learner = LearnerState(
            status.gradient_steps,
            status.gradient_steps_per_second or self._learner.gradient_steps_per_second,
            status.weights_version,
            status.message,
        )
        if self._panel is not None:
            self._panel.learner = self._learner

    def _tick(self) -> None:
        if self._run is None or self._panel is None:
            return
        self._panel.show(self._report)
        if self._prior is not None:
            try:
                rates = self._prior.poll()
            except RuntimeError as error:
                self.get_logger().error(f'{error}: the scaled prior is not in the summary')
                rates = {}
            if rates is not None:
                self._prior = None
                self._on_prior(NoiseLayout(self._run.layout).name.lower(), rates, self._panel)
        finished = len(self._report.episodes) >= sum(self._panel.planned.values())
        if finished and self._prior is None:
            self._close(self._run, self._panel)
            raise SystemExit(0)

    def _on_prior(
        self, layout: str, rates: dict[tuple[str, float], SuccessRate], panel: Panel
    ) -> None:
        """Keep what the prior reaches; say so when the layout takes success away."""
        self._prior_rates = {scale: rate for (of, scale), rate in rates.items() if of == layout}
        self._full = rates.get(('full', 1.0), self._full)
        if 1.0 in self._prior_rates:
            text = layout_warning(layout, self._prior_rates[1.0], self._full)
            if text is not None:
                panel.say(f'[bold red]WARNING[/] {text}')

    def _close(self, run: RunInfo, panel: Panel) -> None:
        panel.close()
        rows = [('base policy, N(0, I)', self._report.success('eval_base'))]
        if self._prior_rates:
            best = max(self._prior_rates, key=lambda c: self._prior_rates[c].rate)
            rows.append((f'best scaled prior, c = {best:g}', self._prior_rates[best]))
        rows.append(('steered, deterministic', self._report.success('eval_steered')))
        panel.say(outcome_table(rows))
        plot_learning_curve(
            Path(run.run_dir) / 'learning_curve.png',
            self._report,
            self._prior_rates,
            f'DSRL-{run.algorithm.upper()}, seed {run.seed}',
        )
        panel.say(f'{run.run_dir}: summary.json, learning_curve.png, episodes/, checkpoints/')

    def _write_summary(self, run: RunInfo) -> None:
        layout = NoiseLayout(run.layout).name.lower()
        summary = {
            'complete': self._panel is not None
            and len(self._report.episodes) >= sum(self._panel.planned.values()),
            **success_summary(self._report, self._prior_rates, layout, self._full),
            'gradient_steps': self._learner.gradient_steps,
            'wall_time_s': round(time.monotonic() - self._started, 1),
            'seed': run.seed,
            'algorithm': run.algorithm,
            'lockstep': run.lockstep,
            'run': str(uuid.UUID(bytes=bytes(run.run))),
            'policy_sha256': run.policy_sha256,
            'versions': _versions(),
        }
        write_json(Path(run.run_dir) / 'summary.json', summary)


def _versions() -> dict[str, str]:
    found = {'dsrl_ros': __version__, 'python': platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = 'unknown'  # a system package without metadata
    return found


def main() -> None:
    """Run the monitor node."""
    run_node(MonitorNode, niceness=10)
