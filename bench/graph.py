"""The running graph: what it adds to a decision, how fast it starts, how much memory it takes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from bench.rows import Row
from dsrl_msgs import msg
from dsrl_ros.ros import names, qos

_DOMAIN = 97
_DEADLINE_S = 300.0


class Probe(Node):
    """Listens to the loop from outside and notes when things arrive, on the steady clock."""

    def __init__(self, context: Context) -> None:
        super().__init__('bench_probe', context=context)
        self.observed: dict[tuple[int, int], float] = {}
        # (time added to a decision [s], the trainer was learning)
        self.added: list[tuple[float, bool]] = []
        self.episodes: list[msg.EpisodeResult] = []
        self.commanded: list[float] = []  # when each window reached the controller
        self.driver_state = 0
        self._learning = False
        for kind, topic, handler, profile in (
            (msg.Observation, names.OBSERVATION, self._on_observation, qos.DECISION),
            (msg.ActionChunk, names.ACTION_CHUNK, self._on_chunk, qos.DECISION),
            (msg.TrainerStatus, names.TRAINER_STATUS, self._on_trainer, qos.STATUS),
            (msg.DriverStatus, names.DRIVER_STATUS, self._on_driver, qos.STATUS),
            (msg.EpisodeResult, names.EPISODE_RESULT, self.episodes.append, qos.DECISION),
            (JointTrajectory, names.TRAJECTORY, self._on_window, qos.COMMAND),
        ):
            self.create_subscription(kind, topic, handler, profile)

    def _on_observation(self, observation: msg.Observation) -> None:
        key = (observation.id.episode, observation.id.decision)
        self.observed[key] = time.monotonic()

    def _on_chunk(self, chunk: msg.ActionChunk) -> None:
        begin = self.observed.get((chunk.id.episode, chunk.id.decision))
        if begin is not None:
            self.added.append((time.monotonic() - begin - chunk.inference_time, self._learning))

    def _on_window(self, _: JointTrajectory) -> None:
        self.commanded.append(time.monotonic())

    def _on_trainer(self, status: msg.TrainerStatus) -> None:
        self._learning = status.state == msg.TrainerStatus.STATE_LEARNING

    def _on_driver(self, status: msg.DriverStatus) -> None:
        self.driver_state = status.state


@dataclass
class Graph:
    """A graph under way, its folder, and the probe beside it."""

    launcher: subprocess.Popen[str]
    folder: Path
    probe: Probe
    executor: SingleThreadedExecutor
    started: float

    def spin_while(self, condition: object, timeout_s: float = _DEADLINE_S) -> None:
        """Spin the probe as long as `condition()` holds."""
        deadline = time.monotonic() + timeout_s
        while condition():  # type: ignore[operator]
            if time.monotonic() > deadline or self.launcher.poll() is not None:
                raise RuntimeError(f'the graph did not get there; see {self.folder}/logs')
            self.executor.spin_once(timeout_sec=0.05)

    def processes(self) -> dict[str, int]:
        """Return the process id of every node, by name."""
        found = {}
        pid = self.launcher.pid
        for child in Path(f'/proc/{pid}/task/{pid}/children').read_text().split():
            command = Path(f'/proc/{child}/cmdline').read_text()
            match = re.search(r'/(\w+)_node\0', command)
            if match:
                found[match[1]] = int(child)
        return found


@contextmanager
def running(**arguments: object) -> Iterator[Graph]:
    """Start the demo's graph in a domain of its own, with a probe; end it afterwards."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / 'run'
        # The probe knows no vendor's name.
        given = {**arguments, 'run_dir': folder, 'trajectory': names.TRAJECTORY}
        words = [f'{name}:={value}' for name, value in given.items()]
        environment = {**os.environ, 'ROS_DOMAIN_ID': str(_DOMAIN)}
        context = Context()
        rclpy.init(context=context, domain_id=_DOMAIN)
        probe = Probe(context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(probe)
        started = time.monotonic()
        launcher = subprocess.Popen(
            [sys.executable, '-m', 'dsrl_ros.cli.main', 'launch', 'franka_steer', *words],
            stdout=subprocess.DEVNULL,
            env=environment,
            text=True,
        )
        try:
            yield Graph(launcher, folder, probe, executor, started)
        finally:
            launcher.send_signal(signal.SIGINT)
            launcher.wait(timeout=20)
            probe.destroy_node()
            executor.shutdown()
            rclpy.try_shutdown(context=context)


def _memory_mib(process: int) -> float:
    """Return the proportional set size of a process [MiB]."""
    rollup = Path(f'/proc/{process}/smaps_rollup').read_text()
    return int(re.search(r'^Pss:\s+(\d+) kB', rollup, re.M)[1]) / 1024  # type: ignore[index]


def measure_graph() -> list[Row]:
    """Run a short demo and listen."""
    with running(seed=1, warmup_episodes=4, episodes=16, eval_episodes=10) as graph:
        probe = graph.probe
        graph.spin_while(lambda: not probe.added)
        start_s = time.monotonic() - graph.started
        graph.spin_while(lambda: len(probe.episodes) < 20)
        memory = sum(_memory_mib(process) for process in graph.processes().values())
        graph.spin_while(lambda: len(probe.episodes) < 40)
    rows = [
        Row('start of the whole graph to its first action chunk', start_s, 's', 10.0),
        Row('memory of the whole graph (sum of PSS)', memory, 'MiB', 2048.0),
    ]
    for learning, state, p50, p99 in ((False, 'idle', 4.0, 10.0), (True, 'busy', 6.0, 20.0)):
        added_ms = [1e3 * added for added, busy in probe.added if busy == learning]
        if not added_ms:
            continue
        note = f'{len(added_ms)} decisions, trainer {state}'
        half, most = np.percentile(added_ms, [50, 99])
        rows.append(Row(f'added to a decision, p50, trainer {state}', half, 'ms', p50, note=note))
        rows.append(Row(f'added to a decision, p99, trainer {state}', most, 'ms', p99, note=note))
    return rows
