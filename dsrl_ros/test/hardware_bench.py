"""A driver of hardware, and who stands above it: steering, policy, and a person."""

from __future__ import annotations

from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from driver_bench import SPEC
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from dsrl_msgs.msg import ActionChunk, ChunkResult, DriverStatus, Heartbeat
from dsrl_msgs.msg import PolicySpec as PolicySpecMsg
from dsrl_ros.core.types import DecisionKey
from dsrl_ros.nodes.driver.node import DriverNode
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import floats_to_msg, key_to_msg, spec_to_msg
from dsrl_ros.ros.stamps import header

REAL = {
    'robot_mode': 'real',
    'real_time': True,
    'gate.clear_cooldown_s': 0.0,
    'gate.max_age_s': 2.0,
    'heartbeat_timeout_s': 2.0,
    # One thread does the work of five processes here.
    'hardware.late_s': 1.0,
    'hardware.state_silence_s': 0.5,
    'hardware.target_ttl_s': 0.2,
    'hardware.recover_timeout_s': 0.5,
}
FORWARD = np.tile(np.float32([0.006, 0.0, 0.0, 0.0]), (4, 1))
STILL = np.zeros((4, 4), dtype=np.float32)
OPENING, CLOSING = 1.0, -1.0
NUM_EXECUTE = 2  # short chunks: here time is real


def gripping(value: float) -> np.ndarray:
    rows = STILL.copy()
    rows[:, 3] = value
    return rows


class Peer(Node):
    """Steering and policy as the driver sees them, and a person who looks at diagnostics."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('steering', **node_options)
        self.results: list[ChunkResult] = []
        self.trajectories: list[JointTrajectory] = []
        self.targets: list[PoseStamped] = []
        self.joint: JointState | None = None
        self.status = DriverStatus()
        self.seen: dict[str, DiagnosticStatus] = {}
        self.decision = 0
        self.specs = self.create_publisher(PolicySpecMsg, names.POLICY_SPEC, qos.LATCHED)
        self.specs.publish(spec_to_msg(SPEC))
        self.chunks = self.create_publisher(ActionChunk, names.ACTION_CHUNK, qos.DECISION)
        self.heartbeats = self.create_publisher(Heartbeat, names.HEARTBEAT, qos.HEARTBEAT)
        self.clear = self.create_client(Trigger, names.CLEAR)
        self.recover = self.create_client(Trigger, names.RECOVER)
        listen = self.create_subscription
        listen(ChunkResult, names.CHUNK_RESULT, self.results.append, qos.DECISION)
        listen(DriverStatus, names.DRIVER_STATUS, self._on_status, qos.STATUS)
        listen(DiagnosticArray, names.DIAGNOSTICS, self._on_diagnostics, qos.DECISION)
        listen(JointTrajectory, names.TRAJECTORY, self.trajectories.append, qos.DECISION)
        self.create_timer(0.1, lambda: self.heartbeats.publish(Heartbeat(robot='fr3')))

    def _on_status(self, status: DriverStatus) -> None:
        self.status = status

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        own = self.get_namespace()
        for entry in message.status:
            if entry.name.startswith(f'{own}/'):
                self.seen[entry.name.partition(': ')[2]] = entry

    def chunk(self, rows: np.ndarray) -> ActionChunk:
        key = DecisionKey('fr3', 'a' * 32, 0, self.decision)
        self.decision += 1
        return ActionChunk(
            header=header(self.get_clock().now().nanoseconds),
            id=key_to_msg(key),
            control_mode=int(SPEC.control_mode),
            action_names=list(SPEC.action_names),
            horizon=4,
            num_execute=NUM_EXECUTE,
            step_period=SPEC.step_period_s,
            data=floats_to_msg(rows),
        )


class HardwareBench:
    """Driver and peer, up and holding; stand-ins for a robot are made before it."""

    def __init__(
        self,
        ros: Any,
        **driver_options: Any,
    ) -> None:
        self.ros = ros
        self.peer: Peer = ros.add(Peer)
        self.driver = ros.add(DriverNode, **{**REAL, **driver_options})

    def up(self) -> Any:
        peer = self.peer
        self.ros.spin_until(
            lambda: (
                peer.status.state == DriverStatus.STATE_HOLDING
                and peer.clear.service_is_ready()
                and peer.recover.service_is_ready()
                and peer.chunks.get_subscription_count() == 1
                and peer.count_publishers(names.CHUNK_RESULT) == 1
            )
        )
        return self

    def ready(self) -> Any:
        """Wait until the robot takes chunks."""
        self.up()
        self.ros.spin_until(lambda: self.driver.driver.linked)
        return self

    def send(self, rows: np.ndarray) -> None:
        self.peer.chunks.publish(self.peer.chunk(rows))

    def run(self, rows: np.ndarray) -> ChunkResult:
        count = len(self.peer.results)
        self.send(rows)
        self.ros.spin_until(lambda: len(self.peer.results) > count)
        return self.peer.results[-1]

    def call(self, client: Any) -> Trigger.Response:
        answer = client.call_async(Trigger.Request())
        self.ros.spin_until(answer.done)
        return answer.result()

    def latched(self) -> str:
        """Return what has latched the driver, when it has."""
        self.ros.spin_until(lambda: self.peer.status.state == DriverStatus.STATE_LATCHED)
        return self.peer.status.message

    def holding(self) -> None:
        self.ros.spin_until(lambda: self.peer.status.state == DriverStatus.STATE_HOLDING)

    def diagnosed(self, entry: str, what: str) -> None:
        """Wait until diagnostics name something."""
        self.ros.spin_until(
            lambda: entry in self.peer.seen and what in self.peer.seen[entry].message
        )
