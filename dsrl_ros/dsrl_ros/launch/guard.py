"""A small process that outlives the launcher and ends every process that the launcher started.

It acts when the launcher closes the pipe between them or dies. Each node gets an interrupt, then a
request to terminate, then a kill that includes the node's own child processes.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import struct
import time
from pathlib import Path

# Time for a node to end after an interrupt, and after a request to terminate [s]; under 5 in all.
INTERRUPT_S = 3.0
TERMINATE_S = 1.0

_PID = struct.Struct('i')


class Guard:
    """Ends the process groups that it watches when it is closed, or when this process dies.

    Make it before any thread, because it forks.
    """

    def __init__(self) -> None:
        ours, self._pipe = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            try:
                # In a session of its own, Ctrl-C reaches only the launcher.
                os.setsid()
                _watch(ours)
            finally:
                os._exit(0)
        os.close(ours)

    def watch(self, pid: int) -> None:
        """Watch a process that leads a process group."""
        os.write(self._pipe, _PID.pack(pid))

    def close(self) -> None:
        """End every process and wait until all have ended."""
        os.close(self._pipe)
        os.waitpid(self._pid, 0)


def _watch(pipe: int) -> None:
    """Clean up after processes that end; when the pipe closes, end the rest."""
    alive: dict[int, int] = {}  # handle of a process to its id
    is_open = True
    while is_open:
        for ready in _ready([pipe, *alive], None):
            if ready != pipe:
                _clean_up(ready, alive)
            elif data := os.read(pipe, _PID.size):
                _add(_PID.unpack(data)[0], alive)
            else:
                is_open = False
    for handle, pid in alive.items():
        _send(handle, signal.SIGINT if _is_up(pid) else signal.SIGTERM)
    _clean_up_within(INTERRUPT_S, alive)
    for handle in alive:
        _send(handle, signal.SIGTERM)
    _clean_up_within(TERMINATE_S, alive)
    for handle in list(alive):
        _clean_up(handle, alive)


def _add(pid: int, alive: dict[int, int]) -> None:
    try:
        alive[os.pidfd_open(pid)] = pid
    except ProcessLookupError:
        # It has ended already; processes that it started share its group.
        _kill_group(pid)


def _ready(handles: list[int], timeout_s: float | None) -> list[int]:
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    return [handle for handle, _ in poll.poll(None if timeout_s is None else timeout_s * 1000.0)]


def _is_up(pid: int) -> bool:
    """Whether a node handles signals; one that still imports would print a traceback."""
    try:
        status = Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return False
    caught = next(line for line in status.splitlines() if line.startswith('SigCgt:'))
    return bool(int(caught.split()[1], 16) & 1 << signal.SIGTERM - 1)


def _clean_up_within(seconds: float, alive: dict[int, int]) -> None:
    """Clean up after those that end within this time; return early when none is left."""
    deadline = time.monotonic() + seconds
    while alive and (left := deadline - time.monotonic()) > 0:
        for ready in _ready(list(alive), left):
            _clean_up(ready, alive)


def _send(handle: int, request: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, request)


def _clean_up(handle: int, alive: dict[int, int]) -> None:
    """Kill what is left of a process group, its leader included."""
    _kill_group(alive.pop(handle))
    os.close(handle)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
