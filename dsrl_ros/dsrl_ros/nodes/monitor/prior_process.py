"""The scaled-prior baseline beside the run: `dsrl prior-check` as a child of low priority."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from dsrl_ros.core.statistics import SuccessRate


class PriorChild:
    """Measures the prior N(0, c^2 I) per scale while the graph learns.

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
        """Return success by layout and scale once the child has ended; None before.

        Raises:
            RuntimeError: the child failed; its error is in the log of this process.
        """
        if self._process.poll() is None:
            return None
        if self._process.returncode:
            raise RuntimeError(f'prior-check ended with code {self._process.returncode}')
        assert self._process.stdout is not None
        rates = {}
        for line in self._process.stdout.read().splitlines():
            entry = json.loads(line)
            key = entry['layout'], float(entry['scale'])
            rates[key] = SuccessRate(entry['successes'], entry['trials'])
        return rates

    def kill(self) -> None:
        """End the child if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
