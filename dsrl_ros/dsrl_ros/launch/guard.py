"""A small process that outlives the launcher and ends what the launcher started.

Whether the launcher closes the line or is killed, the same hand ends every node: interrupt, then
terminate, then kill, with whatever the node has started itself.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import struct
import time
from pathlib import Path

# Seconds that a node has after an interrupt and after a request to terminate. Kept under 5 in all.
INTERRUPT_S = 3.0
TERMINATE_S = 1.0

_PID = struct.Struct('i')


class Guard:
    """Ends the process groups it is told of when this object is closed or this process dies.

    Made before any thread, because it forks.
    """

    def __init__(self) -> None:
        ours, self._line = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._line)
            try:
                # Out of reach of the terminal's Ctrl-C, which is meant for the launcher.
                os.setsid()
                _watch(ours)
            finally:
                os._exit(0)
        os.close(ours)

    def take(self, pid: int) -> None:
        """Answer for a process that leads a group of its own."""
        os.write(self._line, _PID.pack(pid))

    def close(self) -> None:
        """End every process and wait until it is done."""
        os.close(self._line)
        os.waitpid(self._pid, 0)


def _watch(line: int) -> None:
    """Follow processes until the line closes; bury those that end before, then end the rest."""
    alive: dict[int, int] = {}  # handle of a process to its id
    open_line = True
    while open_line:
        for ready in _ready([line, *alive], None):
            if ready != line:
                _bury(ready, alive)
            elif data := os.read(line, _PID.size):
                _take(_PID.unpack(data)[0], alive)
            else:
                open_line = False
    for handle, pid in alive.items():
        _ask(handle, signal.SIGINT if _is_up(pid) else signal.SIGTERM)
    _bury_within(INTERRUPT_S, alive)
    for handle in alive:
        _ask(handle, signal.SIGTERM)
    _bury_within(TERMINATE_S, alive)
    for handle in list(alive):
        _bury(handle, alive)


def _take(pid: int, alive: dict[int, int]) -> None:
    try:
        alive[os.pidfd_open(pid)] = pid
    except ProcessLookupError:
        # Over before this line: what it may have started itself shares its group.
        _kill_group(pid)


def _ready(handles: list[int], timeout_s: float | None) -> list[int]:
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    return [handle for handle, _ in poll.poll(None if timeout_s is None else timeout_s * 1000.0)]


def _is_up(pid: int) -> bool:
    """Whether a node handles signals. One that still imports would die of an interrupt halfway."""
    try:
        status = Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return False
    caught = next(line for line in status.splitlines() if line.startswith('SigCgt:'))
    return bool(int(caught.split()[1], 16) & 1 << signal.SIGTERM - 1)


def _bury_within(seconds: float, alive: dict[int, int]) -> None:
    """Bury those that end within this time; return as soon as none is left."""
    deadline = time.monotonic() + seconds
    while alive and (left := deadline - time.monotonic()) > 0:
        for ready in _ready(list(alive), left):
            _bury(ready, alive)


def _ask(handle: int, request: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, request)


def _bury(handle: int, alive: dict[int, int]) -> None:
    """Kill what is left of a group, its leader included."""
    _kill_group(alive.pop(handle))
    os.close(handle)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
