"""Runs the processes of one graph: starts them, waits for the first to end, ends them together."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.launch.guard import Guard
from dsrl_ros.launch.launch_file import NodeCall
from dsrl_ros.launch.substitutions import package_prefix

ASKED_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LAST_LINES = 15
# Exit codes of a node that was asked to end; a signal's, if it was not ready to handle it yet.
_CLEAN = (0, -signal.SIGINT, -signal.SIGTERM)


@dataclass
class _Running:
    """A process of a node."""

    call: NodeCall
    process: subprocess.Popen[bytes]
    log: Path


def run_graph(
    calls: Sequence[NodeCall],
    log_folder: Path,
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> int:
    """Run the nodes until a node that ends the run exits, or until a signal requests the end.

    Args:
        calls: the nodes.
        log_folder: for the `<name>.log` of each node.
        environment: of the nodes.
        say: prints a line for the user.

    Returns:
        Exit code of the run: 0 when a node ended it well, 1 when a node failed, 128 plus the
        signal that requested the end.

    Raises:
        ConfigError: an executable is missing; nothing has been started then.
    """
    commands = [command(call) for call in calls]
    log_folder.mkdir(parents=True, exist_ok=True)
    requests, heard = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    guard = Guard()
    before = {number: signal.signal(number, lambda *_: None) for number in ASKED_TO_END}
    waker = signal.set_wakeup_fd(heard)
    nodes: list[_Running] = []
    try:
        for call, words in zip(calls, commands, strict=True):
            log = log_folder / f'{call.name}.log'
            nodes.append(_Running(call, _start(call, words, log, environment), log))
            guard.watch(nodes[-1].process.pid)
        request = _wait(nodes, requests)
        if request is not None:
            say(f'{request.name}: ending {len(nodes)} nodes')
        ended = [node for node in nodes if node.process.poll() is not None]
    finally:
        guard.close()
        signal.set_wakeup_fd(waker)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(requests)
        os.close(heard)
    return _verdict(nodes, ended, request, say)


def command(call: NodeCall) -> list[str]:
    """Return the command line of a node, as ROS 2 launch would write it.

    Raises:
        ConfigError: the executable is missing.
    """
    prefix = package_prefix(call.package, call.name)
    executable = prefix / 'lib' / call.package / call.executable
    if not os.access(executable, os.X_OK):
        raise ConfigError(
            f'{call.name}: got no executable {executable}. Build the package {call.package!r}.'
        )
    # The node's output is its log; ROS would write a second one elsewhere.
    words = [str(executable), *call.words, '--ros-args', '--disable-external-lib-logs']
    words += ['-r', f'__node:={call.name}', '-r', f'__ns:={call.namespace}']
    for path in call.parameter_files:
        words += ['--params-file', str(path)]
    for name, value in call.parameters.items():
        words += ['-p', f'{name}:={json.dumps(value)}']
    for old, new in call.remappings.items():
        words += ['-r', f'{old}:={new}']
    return words


def _start(
    call: NodeCall, words: list[str], log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    with log.open('ab', buffering=0) as file:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=None if call.on_screen else file,
            stderr=file,
            env={**environment, 'PYTHONUNBUFFERED': '1'},
            # In a group of its own: Ctrl-C reaches only the launcher, which ends all in order.
            start_new_session=True,
        )


def _wait(nodes: Sequence[_Running], requests: int) -> signal.Signals | None:
    """Wait until a node that ends the run exits; return the signal if one comes first."""
    handles = {os.pidfd_open(node.process.pid): node for node in nodes}
    poll = select.poll()
    for handle in (requests, *handles):
        poll.register(handle, select.POLLIN)
    try:
        while True:
            for ready, _ in poll.poll():
                if ready == requests:
                    return signal.Signals(os.read(requests, 1)[0])
                if handles[ready].call.ends_run:
                    return None
                poll.unregister(ready)
    finally:
        for handle in handles:
            os.close(handle)


def _verdict(
    nodes: Sequence[_Running],
    ended: Sequence[_Running],
    request: signal.Signals | None,
    say: Callable[[str], None],
) -> int:
    """Report nodes that failed, before or after the end was requested; return the exit code."""
    for node in nodes:
        code = node.process.wait()
        if node in ended and code != 0:
            say(f'{node.call.name} died ({_cause(code)}); the last lines of {node.log}:')
            say(_tail(node.log))
        elif code not in _CLEAN:
            say(f'{node.call.name} did not end cleanly ({_cause(code)}); see {node.log}')
    if request is not None:
        return 128 + request
    return 1 if any(node.process.returncode for node in ended) else 0


def _cause(code: int) -> str:
    return f'exit code {code}' if code > 0 else f'signal {signal.Signals(-code).name}'


def _tail(log: Path) -> str:
    lines = log.read_text(errors='replace').splitlines()[-_LAST_LINES:]
    return '\n'.join(f'    {line}' for line in lines) or '    (nothing)'
