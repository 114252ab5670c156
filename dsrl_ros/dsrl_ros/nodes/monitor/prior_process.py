"""Runs `dsrl prior-check` as a process of low priority while the graph learns."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from dsrl_msgs.msg import RunInfo
from dsrl_ros.core.config.monitor import MonitorConfig
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.core.types import NoiseLayout


def prior_arguments(run: RunInfo, config: MonitorConfig) -> list[str]:
    """Return the arguments of `dsrl prior-check` for the resets and the layout of a run."""
    layout = NoiseLayout(run.layout)
    arguments = {
        '--env': config.task,
        '--policy': config.policy,
        '--seed': run.seed,
        '--episodes': run.eval_episodes,
        '--first-episode': run.warmup_episodes + run.online_episodes,
        '--layouts': layout.name.lower(),
    }
    if layout == NoiseLayout.BASIS:
        arguments['--num-basis'] = run.rows
    words = [str(word) for pair in arguments.items() for word in pair]
    return [*words, '--also-full', '--scales', *map(str, config.prior_scales)]


class PriorProcess:
    """Measures the prior N(0, c^2 I) for each scale c.

    Args:
        arguments: of `dsrl prior-check`.
    """

    def __init__(self, arguments: list[str]) -> None:
        command = [sys.executable, '-m', 'dsrl_ros.cli.prior_check', *arguments]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.nice(19),  # the graph comes first
        )

    def poll(self) -> dict[tuple[str, float], SuccessRate] | None:
        """Return success by layout and scale when the process has ended; None before.

        Raises:
            RuntimeError: the process failed; its error is in the log of this node.
        """
        if self._process.poll() is None:
            return None
        if self._process.returncode:
            raise RuntimeError(f'prior-check ended with code {self._process.returncode}')
        assert self._process.stdout is not None
        return {
            (it['layout'], float(it['scale'])): SuccessRate(it['successes'], it['trials'])
            for it in map(json.loads, self._process.stdout)
        }

    def kill(self) -> None:
        """End the process if it still runs."""
        self._process.kill()
        self._process.wait()
