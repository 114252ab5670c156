"""What happens when processes die: how long until the robot holds, and what is lost."""

from __future__ import annotations

import os
import signal
import time

from rclpy.serialization import deserialize_message

from bench.graph import running
from bench.rows import Row
from dsrl_msgs import msg
from dsrl_ros.core.journal import read_journal
from dsrl_ros.nodes.steering.transition_sender import JOURNAL

_TIMES = 5
_WATCH_S = 1.0  # far longer than a hold may take


def _hold_time(signal_number: int) -> float:
    """Take steering away while a chunk is executed in real time; return the time to hold [s].

    The last window that the driver sends is the one that brakes to rest: the commanded hold.
    """
    with running(seed=1, warmup_episodes=50, episodes=0, eval_episodes=0, real_time='true') as g:
        probe = g.probe
        executing = msg.DriverStatus.STATE_EXECUTING
        g.spin_while(lambda: len(probe.added) < 5 or probe.driver_state != executing)
        process = g.processes()['steering']
        os.kill(process, signal_number)
        begin = time.monotonic()
        while time.monotonic() - begin < _WATCH_S:
            g.executor.spin_once(timeout_sec=0.005)
        if signal_number == signal.SIGSTOP:
            os.kill(process, signal.SIGCONT)
        return max(0.0, probe.commanded[-1] - begin)


def _lost(node: str) -> int:
    """Kill a node during a run; return finished decisions that are not in the journal."""
    with running(seed=1, warmup_episodes=50, episodes=0, eval_episodes=0) as g:
        probe = g.probe
        g.spin_while(lambda: len(probe.episodes) < 3)
        # Counted before the kill: these episodes have finished, whatever happens from now on.
        finished = sum(episode.num_decisions for episode in probe.episodes)
        os.kill(g.processes()[node], signal.SIGKILL)
        g.launcher.wait(timeout=20)
        kept = {
            (key.episode, key.decision)
            for record in read_journal(g.folder / JOURNAL)
            for key in [deserialize_message(record, msg.Transition).id]
        }
    return max(0, finished - len(kept))


def measure_kill() -> list[Row]:
    """Kill and freeze steering; kill steering, trainer and recorder."""
    rows = []
    for name, number in (('killed', signal.SIGKILL), ('frozen', signal.SIGSTOP)):
        times = sorted(_hold_time(number) for _ in range(_TIMES))
        note = f'worst of {_TIMES}, real time'
        rows.append(Row(f'steering {name} to commanded hold', times[-1], 's', 0.2, note=note))
    lost = {node: _lost(node) for node in ('steering', 'trainer', 'recorder')}
    note = ', '.join(f'{node}: {count}' for node, count in lost.items())
    rows.append(Row('transitions lost by kill -9', float(sum(lost.values())), '', 0.0, note=note))
    return rows
