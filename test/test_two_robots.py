"""A Franka and a WidowX learn in one ROS domain; neither takes anything from the other."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from diagnostic_msgs.msg import DiagnosticArray
from graph_run import FRANKA, WIDOWX, Run, small_config, start_graph
from rclpy.node import Node
from ros_host import RosHost
from rosgraph_msgs.msg import Clock

from dsrl_ros.ros import names, qos
from dsrl_ros.ros.stamps import stamp_to_ns

SIDES = {'left': (FRANKA, 'pick_place'), 'right': (WIDOWX, 'widowx_drawer_closing')}
NODES = {'driver', 'monitor', 'policy', 'recorder', 'reward', 'steering', 'trainer', 'twin'}
# By custom of ROS, one for all.
SHARED = {names.DIAGNOSTICS, '/rosout', '/parameter_events'}
SECOND_NS = 1_000_000_000


class Observer(Node):
    """Sees both."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('observer', **node_options)
        self.now_ns = dict.fromkeys(SIDES, 0)
        self.owners: set[tuple[str, str]] = set()
        for side in SIDES:
            self.create_subscription(
                Clock, f'/{side}/{names.CLOCK}', lambda m, s=side: self._on_clock(s, m), qos.SENSOR
            )
        self.create_subscription(
            DiagnosticArray, names.DIAGNOSTICS, self._on_diagnostics, qos.DECISION
        )

    def _on_clock(self, side: str, message: Clock) -> None:
        self.now_ns[side] = stamp_to_ns(message.clock)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.hardware_id:
                self.owners.add((status.name.split('/')[1], status.hardware_id))

    def nodes_of(self, side: str) -> set[str]:
        """Return the names of the nodes of one side that can be seen."""
        return {n for n, namespace in self.get_node_names_and_namespaces() if namespace == side}

    def names_used_by(self, side: str) -> set[str]:
        """Return every topic and service that a node of one side offers or takes."""
        looks = (
            self.get_subscriber_names_and_types_by_node,
            self.get_publisher_names_and_types_by_node,
            self.get_service_names_and_types_by_node,
            self.get_client_names_and_types_by_node,
        )
        return {name for node in NODES for look in looks for name, _ in look(node, side)}


def robot_of(side: str) -> str:
    """Return the name of the robot on one side."""
    return f'{side}_arm'


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[dict[str, Run]]:
    """Yield a short run on either side."""
    counts = {'warmup_episodes': 1, 'episodes': 1, 'eval_episodes': 1}
    started = {}
    for seed, (side, (graph, task)) in enumerate(SIDES.items()):
        config = small_config(
            graph,
            monitor={'prior_scales': []},
            driver={'advance_timeout_s': 60.0},
            reward={'max_steps': 20},
        )
        started[side] = start_graph(
            tmp_path / side,
            config,
            graph=graph,
            task=task,
            namespace=side,
            robot=robot_of(side),
            seed=seed,
            **counts,
        )
    yield started
    for run in started.values():
        run.end()


def test_two_robots_in_one_domain(runs: dict[str, Run]) -> None:
    host = RosHost()
    try:
        observer: Observer = host.add(Observer)
        watch(host, observer, runs)
        host.spin_until(lambda: all(r.launcher.poll() is not None for r in runs.values()), 90.0)
        assert observer.owners == {(side, robot_of(side)) for side in SIDES}
    finally:
        host.close()
    ids = set()
    for side, run in runs.items():
        output = run.wait()
        assert run.launcher.returncode == 0, output
        summary = json.loads((run.folder / 'summary.json').read_text())
        assert summary['complete'] and summary['gradient_steps'] > 0
        ids.add(run_of(side, run))
    assert len(ids) == len(SIDES)


def watch(host: RosHost, observer: Observer, runs: dict[str, Run]) -> None:
    """See the names that both use, and that one clock stands still while the other goes on."""
    host.spin_until(lambda: all(observer.nodes_of(f'/{side}') >= NODES for side in SIDES), 60.0)
    host.spin_until(lambda: all(observer.now_ns[side] > 2 * SECOND_NS for side in SIDES), 60.0)
    for side in SIDES:
        used = observer.names_used_by(f'/{side}')
        assert f'/{side}/{names.TRANSITION}' in used
        assert {name for name in used if not name.startswith(f'/{side}/')} <= SHARED

    def right_goes_on() -> int:
        begin = observer.now_ns['right']
        host.spin_until(lambda: observer.now_ns['right'] > begin + SECOND_NS, 60.0)
        return observer.now_ns['left']

    twin = runs['left'].pid_of('twin')
    os.kill(twin, signal.SIGSTOP)
    try:
        assert right_goes_on() == right_goes_on()
    finally:
        os.kill(twin, signal.SIGCONT)


def run_of(side: str, run: Run) -> bytes:
    """Return the id of a run after a look at all that it has kept: nothing bears another."""
    transitions = run.transitions()
    assert transitions
    keys = [t.id for t in transitions]
    for episode in range(4):
        for topic, messages in run.bag(episode).items():
            assert topic.startswith(f'{side}/')
            keys += [message.id for message in messages if hasattr(message, 'id')]
            keys += [message for message in messages if hasattr(message, 'episode')]
            keys += [message for message in messages if topic.endswith(names.RUN_INFO)]
    owners = {(key.robot, bytes(key.run)) for key in keys}
    ((robot, run_id),) = owners
    assert robot == robot_of(side)
    return run_id
