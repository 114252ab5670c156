"""The recorder: one rosbag2 (MCAP) per episode, the bytes as received.

It is a process of its own, so that nothing else waits when it is slow or the disk is full.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory

from dsrl_msgs import msg
from dsrl_ros.core.config.recorder import RecorderConfig
from dsrl_ros.nodes.recorder.bag_writer import PER_DECISION, Definitions, EpisodeBags, Received
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.diagnostics import Diagnostics, Health, Level
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.ros.waiting import STEADY_CLOCK

_PREFACE = {names.POLICY_SPEC: msg.PolicySpec, names.RUN_INFO: msg.RunInfo}
_STATES = {names.TASK_STATUS: msg.TaskStatus}
_COMMANDS = {names.TRAJECTORY: JointTrajectory, names.GRIPPER_COMMAND: JointState}
_SENSORS = {
    names.JOINT_STATES: JointState,
    names.GRIPPER_STATES: JointState,
    names.TOOL_POSE: PoseStamped,
}


class RecorderNode(Node):
    """Follows one run and fills `episodes/` in its folder."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('recorder', **node_options)
        self._config = declare_config(self, RecorderConfig)
        self._bags: EpisodeBags | None = None
        self._stopped = ''  # why nothing is recorded any more
        self._incomplete = 0
        self._recorded: set[str] = set()
        self._waiting: list[Received] = []  # latched messages from before the run is known
        # A burst that this node is too slow for must not push out messages not yet taken.
        deep = QoSProfile(depth=1000, reliability=qos.DECISION.reliability)
        objects = {names.OBJECT_POSE.format(name=n): PoseStamped for n in self._config.objects}
        camera = {names.CAMERA: Image} if self._config.camera else {}

        for topic, kind in _PREFACE.items():
            self._record(topic, kind, qos.LATCHED, self._on_preface)
        # Joined by key: a message goes into the bag of its own episode, however late it comes.
        for topic, kind in PER_DECISION.items():
            self._record(topic, kind, deep, self._on_keyed)
        for topic, kind in {**_STATES, **_COMMANDS}.items():
            self._record(topic, kind, deep, self._on_state)
        for topic, kind in {**_SENSORS, **objects, **camera}.items():
            self._record(topic, kind, qos.SENSOR, self._on_state)
        self._record(names.EPISODE_RESULT, msg.EpisodeResult, deep, self._on_episode_result)
        self._timer = self.create_timer(0.2, self._close_finished, clock=STEADY_CLOCK)
        self._diagnostics = Diagnostics(self, 'bags', self._health)

    def destroy_node(self) -> None:
        """Close what is open, so that every bag can be read."""
        if self._bags is not None:
            self._bags.close()
            self._bags = None
        super().destroy_node()

    def _record(self, topic: str, kind: type, profile: QoSProfile, handler: Any) -> None:
        full_name = self.resolve_topic_name(topic)
        if full_name in self._recorded:  # a robot may have one topic for two of these names
            return
        self._recorded.add(full_name)
        package = kind.__module__.partition('.')[0]
        type_name = f'{package}/msg/{kind.__name__}'

        def on_bytes(data: bytes) -> None:
            handler(kind, Received(topic, full_name, type_name, bytes(data), time.time_ns()))

        self.create_subscription(kind, topic, on_bytes, profile, raw=True)

    def _on_preface(self, kind: type, received: Received) -> None:
        self._waiting.append(received)
        if kind is msg.RunInfo and self._bags is None:
            run_dir = Path(deserialize_message(received.data, kind).run_dir)
            self._bags = EpisodeBags(run_dir / 'episodes', Definitions())
        if self._bags is not None:
            for message in self._waiting:
                self._bags.add_preface(message)
            self._waiting.clear()

    def _on_keyed(self, kind: type, received: Received) -> None:
        key = deserialize_message(received.data, kind).id
        self._write(received, key.episode, key.decision)

    def _on_state(self, _: type, received: Received) -> None:
        self._write(received)

    def _on_episode_result(self, kind: type, received: Received) -> None:
        result = deserialize_message(received.data, kind)
        self._write(received, result.episode)
        if self._bags is not None:
            self._bags.end(result.episode, result.phase, result.num_decisions, time.time_ns())

    def _write(
        self, received: Received, episode: int | None = None, decision: int | None = None
    ) -> None:
        if self._bags is None:
            return
        try:
            self._bags.add(received, episode, decision)
        except OSError as error:
            self._give_up(error)

    def _close_finished(self) -> None:
        if self._bags is None:
            return
        try:
            incomplete = self._bags.close_finished(time.time_ns())
        except OSError as error:
            self._give_up(error)
            return
        self._incomplete += len(incomplete)
        for episode, missing in incomplete.items():
            self.get_logger().warning(
                f'episode {episode}: its bag lacks {missing}; the messages did not arrive in time'
            )

    def _give_up(self, error: OSError) -> None:
        """Stop recording and report it; the run itself goes on."""
        self._stopped = (
            f'recording stopped: {error}. The run goes on; free space and start a new run to '
            'record again.'
        )
        self.get_logger().error(self._stopped)
        self._bags = None
        self.destroy_timer(self._timer)
        self._diagnostics.publish_if_changed()

    def _health(self) -> Health:
        values = {'bags that lack messages': self._incomplete}
        if self._stopped:
            return Health(Level.ERROR, self._stopped, values)
        return Health(Level.OK, 'waiting for a run' if self._bags is None else 'recording', values)


def main() -> None:
    """Run the recorder node."""
    # It takes as much CPU time as the decisions that it records, and none of them waits for it.
    run_node(RecorderNode, niceness=10)
