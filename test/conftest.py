"""What a failing test of the whole graph shows beside its traceback: the ends of the logs."""

from __future__ import annotations

import sys
from collections.abc import Generator

import pytest

_LINES, _COLUMNS = 4, 240


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add them to the report; where the tests run for others, nothing else is left of a run."""
    report = yield
    graphs = sys.modules.get('graph_run')  # is there if a test has imported it
    if report.failed and graphs is not None:
        for run in graphs.started[-1:]:
            for log in sorted(run.glob('logs/*.log')):
                lines = [line[:_COLUMNS] for line in log.read_text().splitlines()[-_LINES:]]
                if lines:
                    report.sections.append((f'end of {log.name}', '\n'.join(lines)))
    return report
