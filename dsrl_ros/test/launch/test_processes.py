"""Nodes started together end together: at Ctrl-C, at a death, at the death of the launcher."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

# A node that ends when it is asked to, as every node of the suite does.
GOOD = """
import signal, sys, threading
asked = threading.Event()
signal.signal(signal.SIGINT, lambda *_: asked.set())
signal.signal(signal.SIGTERM, lambda *_: asked.set())
print('good is up', flush=True)
asked.wait()
"""
# A node that hears nothing, and whose child hears nothing.
DEAF = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    print('child', child, flush=True)
while True:
    signal.pause()
"""
# A node that is still importing: Python would end it with a traceback if it were interrupted.
STARTING = """
import threading
print('starting', flush=True)
threading.Event().wait()
"""
DIES = "import sys; print('this is why', file=sys.stderr); sys.exit(3)"
FINISHES = "print('finished')"
FAKES = {
    'good': GOOD,
    'deaf': DEAF,
    'starting': STARTING,
    'dies': DIES,
    'finishes': FINISHES,
}
WAIT_S = 20.0


@pytest.fixture
def launch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts `dsrl launch` on a graph of fake nodes.

    Their output is below `run/logs`.
    """
    index = tmp_path / 'share/ament_index/resource_index/packages/fakes'
    index.parent.mkdir(parents=True)
    index.touch()
    scripts = tmp_path / 'lib/fakes'
    scripts.mkdir(parents=True)
    for name, code in FAKES.items():
        (scripts / name).write_text(f'#!{sys.executable}\n{code}')
        (scripts / name).chmod(0o755)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))

    def start(*executables: str, **arguments: str) -> subprocess.Popen[str]:
        graph = tmp_path / 'graph.launch.yaml'
        graph.write_text(
            'launch:\n'
            '- arg: {name: run_dir, default: ""}\n'
            '- arg: {name: namespace, default: ""}\n'
            + ''.join(
                f'- node: {{pkg: fakes, exec: {name}, name: {name}, on_exit: shutdown}}\n'
                for name in executables
            )
        )
        given = {'run_dir': str(tmp_path / 'run'), **arguments}
        words = [f'{name}:={value}' for name, value in given.items()]
        return subprocess.Popen(
            [sys.executable, '-m', 'dsrl_ros.cli.main', 'launch', str(graph), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def wait_for_line(log: Path, text: str) -> str:
    """Return the first line of a file that contains `text`, once it is there."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if log.exists():
            for line in log.read_text().splitlines():
                if text in line:
                    return line
        select.select([], [], [], 0.01)
    pytest.fail(f'no line with {text!r} in {log}')


def watch(*pids: int) -> list[int]:
    """Return handles that become readable when their process ends."""
    return [os.pidfd_open(pid) for pid in pids]


def assert_all_end(handles: list[int], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    for handle in handles:
        left = max(0.0, deadline - time.monotonic())
        assert select.select([handle], [], [], left)[0], f'still there after {timeout_s} s'
        os.close(handle)


def leader_of(pid: int) -> int:
    return os.getpgid(pid)


def test_ctrl_c_ends_everything_within_5_seconds(
    tmp_path: Path, launch: Callable[..., subprocess.Popen[str]]
) -> None:
    """Even a node that ignores every request ends, with the processes it has started."""
    launcher = launch('good', 'deaf')
    wait_for_line(tmp_path / 'run/logs/good.log', 'good is up')
    child = int(wait_for_line(tmp_path / 'run/logs/deaf.log', 'child').split()[1])
    handles = watch(child, leader_of(child))
    begin = time.monotonic()
    launcher.send_signal(signal.SIGINT)
    output, _ = launcher.communicate(timeout=WAIT_S)
    assert time.monotonic() - begin < 5.0
    assert_all_end(handles, 0.0)
    assert launcher.returncode == 128 + signal.SIGINT
    assert 'deaf did not end cleanly (signal SIGKILL)' in output
    assert 'good did not' not in output


def test_nodes_that_listen_end_at_once(
    tmp_path: Path, launch: Callable[..., subprocess.Popen[str]]
) -> None:
    """Nobody waits for a timeout where every node ends when it is asked to."""
    launcher = launch('good')
    wait_for_line(tmp_path / 'run/logs/good.log', 'good is up')
    begin = time.monotonic()
    launcher.send_signal(signal.SIGTERM)
    output, _ = launcher.communicate(timeout=WAIT_S)
    assert time.monotonic() - begin < 2.0
    assert launcher.returncode == 128 + signal.SIGTERM
    assert 'cleanly' not in output


def test_nodes_that_are_still_starting_end_at_once_and_in_silence(
    tmp_path: Path, launch: Callable[..., subprocess.Popen[str]]
) -> None:
    """Ctrl-C right after the start is no reason for a page of tracebacks."""
    launcher = launch('starting')
    wait_for_line(tmp_path / 'run/logs/starting.log', 'starting')
    begin = time.monotonic()
    launcher.send_signal(signal.SIGINT)
    output, _ = launcher.communicate(timeout=WAIT_S)
    assert time.monotonic() - begin < 2.0
    assert 'cleanly' not in output
    assert (tmp_path / 'run/logs/starting.log').read_text() == 'starting\n'


def test_killing_the_launcher_leaves_no_process(
    tmp_path: Path, launch: Callable[..., subprocess.Popen[str]]
) -> None:
    """Not even `kill -9` of the launcher leaves a node behind, or a node's own child."""
    launcher = launch('good', 'deaf')
    wait_for_line(tmp_path / 'run/logs/good.log', 'good is up')
    child = int(wait_for_line(tmp_path / 'run/logs/deaf.log', 'child').split()[1])
    children = Path(f'/proc/{launcher.pid}/task/{launcher.pid}/children').read_text().split()
    handles = watch(child, *map(int, children))
    assert len(handles) == 4  # the child, the guard and two nodes
    launcher.kill()
    launcher.wait()
    assert_all_end(handles, 5.0)


def test_the_death_of_a_node_ends_the_run_and_is_explained(
    tmp_path: Path, launch: Callable[..., subprocess.Popen[str]]
) -> None:
    """The message names the node, its exit code and its last words; the exit code says failure."""
    launcher = launch('good', 'dies')
    output, _ = launcher.communicate(timeout=WAIT_S)
    assert launcher.returncode == 1
    assert 'dies died (exit code 3)' in output
    assert 'this is why' in output


def test_a_node_that_finishes_ends_the_run_well(
    launch: Callable[..., subprocess.Popen[str]],
) -> None:
    """The run is over when a node that it stands on is done."""
    launcher = launch('good', 'finishes')
    launcher.communicate(timeout=WAIT_S)
    assert launcher.returncode == 0


def test_a_second_graph_in_the_same_namespace_is_refused(
    tmp_path: Path, launch: Callable[..., subprocess.Popen[str]], ros_domain_id: int
) -> None:
    """Two graphs never mix; in another namespace the second one may run."""
    first = launch('good')
    wait_for_line(tmp_path / 'run/logs/good.log', 'good is up')
    second = launch('finishes', run_dir=str(tmp_path / 'second'))
    output, _ = second.communicate(timeout=WAIT_S)
    assert second.returncode == 1
    assert f'namespace / of ROS domain {ros_domain_id}: got a graph that runs there' in output
    assert not (tmp_path / 'second').exists()
    third = launch('finishes', run_dir=str(tmp_path / 'third'), namespace='left')
    third.communicate(timeout=WAIT_S)
    assert third.returncode == 0
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=WAIT_S)
