"""Memory that a gradient step frees is there for the next one."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Takes and frees 40 MiB ten times, as gradient steps do, and prints the page faults of the last.
STEPS = """
import resource
for _ in range(10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    taken = [bytes([1]) * (1 << 20) for _ in range(40)]
    del taken
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults)
"""
KEEP = (
    'from dsrl_ros.learning.algorithms.td_learner import keep_freed_memory; keep_freed_memory()\n'
)


def page_faults(program: str) -> int:
    done = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='another malloc than glibc')
def test_freed_memory_is_not_given_back_and_asked_for_again_page_by_page() -> None:
    assert page_faults(STEPS) > 1000
    assert page_faults(KEEP + STEPS) < 100
