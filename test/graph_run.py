"""A graph of real processes, started as a user starts it, and what it leaves behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader

from dsrl_msgs.msg import Transition
from dsrl_ros.core.journal import read_journal
from dsrl_ros.nodes.recorder.bag_writer import typestore

BRINGUP = Path(__file__).parents[1] / 'dsrl_bringup'
FRANKA, WIDOWX = 'franka_steer', 'widowx_steer'
# A learner that takes little time; all else as shipped.
SMALL = {
    '/**/trainer': {
        'checkpoint_every': 2,
        'learner': {'hidden_size': 32, 'num_layers': 2, 'batch_size': 32, 'utd': 4},
    },
    '/**/monitor': {'panel': False},
}
RUN_S = 180.0  # many times what such a run takes
started: list[Path] = []  # folders of the runs of this session


@dataclass
class Run:
    """One run of the graph, under way or over."""

    folder: Path
    launcher: subprocess.Popen[str]

    def wait(self) -> str:
        """Return what it printed, once it is over."""
        return self.launcher.communicate(timeout=RUN_S)[0]

    def end(self) -> None:
        """Ask it to end, unless it is over."""
        if self.launcher.poll() is None:
            self.launcher.send_signal(signal.SIGINT)
        self.launcher.communicate(timeout=10)

    def wait_for(self, path: str) -> Path:
        """Return a file or folder below its own, once it is there."""
        deadline = time.monotonic() + RUN_S
        while not (found := self.folder / path).exists():
            assert self.launcher.poll() is None, self.launcher.communicate()[0]
            assert time.monotonic() < deadline, f'no {path}'
            select.select([], [], [], 0.02)
        return found

    def pid_of(self, node: str) -> int:
        """Return the process of a node."""
        pid = self.launcher.pid
        for child in Path(f'/proc/{pid}/task/{pid}/children').read_text().split():
            if f'{node}_node' in Path(f'/proc/{child}/cmdline').read_text():
                return int(child)
        pytest.fail(f'{node} has no process')

    def transitions(self) -> list[Transition]:
        """Return what the journal holds."""
        journal = read_journal(self.folder / 'transitions.journal')
        return [deserialize_message(record, Transition) for record in journal]

    def bag(self, episode: int) -> dict[str, list[Any]]:
        """Return the messages of one episode by topic, without the first /."""
        store = typestore()
        found: dict[str, list[Any]] = {}
        with Reader(self.folder / f'episodes/{episode:04d}') as reader:
            for connection, _, data in reader.messages():
                topic = connection.topic.lstrip('/')
                message = store.deserialize_cdr(data, connection.msgtype)
                found.setdefault(topic, []).append(message)
        return found


def description_of(graph: str) -> Path:
    """Return the file of a launch description."""
    return BRINGUP / f'launch/{graph}.launch.yaml'


def small_config(graph: str = FRANKA, **changes: Mapping[str, Any]) -> str:
    """Return a graph's shipped configuration, `SMALL` laid over it, and `changes` by node."""
    config = yaml.safe_load((BRINGUP / f'config/{graph}.yaml').read_text())
    given = {f'/**/{node}': options for node, options in changes.items()}
    for layer in (SMALL, given):
        for node, options in layer.items():
            _lay(options, config.setdefault(node, {}).setdefault('ros__parameters', {}))
    return yaml.safe_dump(config)


def _lay(changes: Mapping[str, Any], over: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping):
            _lay(value, over.setdefault(key, {}))
        else:
            over[key] = value


def start_graph(
    folder: Path,
    config: str,
    environment: Mapping[str, str] | None = None,
    graph: str = FRANKA,
    **arguments: object,
) -> Run:
    """Start a graph by `dsrl launch`.

    Args:
        folder: of the run, new.
        config: text of the parameter file.
        environment: of the processes; that of this one unless given.
        graph: name of its launch description.
        arguments: of the launch.
    """
    started.append(folder)
    file = folder.with_suffix('.yaml')
    file.write_text(config)
    given = {'config': file, 'run_dir': folder, **arguments}
    words = [f'{name}:={value}' for name, value in given.items()]
    launcher = subprocess.Popen(
        [sys.executable, '-m', 'dsrl_ros.cli.main', 'launch', str(description_of(graph)), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ if environment is None else environment),
    )
    return Run(folder, launcher)
