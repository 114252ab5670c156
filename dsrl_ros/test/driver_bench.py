"""The driver on the twin, and who stands above it."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from dsrl_msgs.msg import (
    ActionChunk,
    ChunkResult,
    DriverStatus,
    Heartbeat,
    TaskStatus,
)
from dsrl_msgs.msg import PolicySpec as PolicySpecMsg
from dsrl_msgs.srv import SetScene
from dsrl_ros.core.types import ControlMode, DecisionKey, PolicySpec
from dsrl_ros.nodes.driver.node import DriverNode
from dsrl_ros.nodes.twin.node import TwinNode
from dsrl_ros.robots.motion.planner import LONGEST_SPAN_NS
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import floats_to_msg, key_to_msg, spec_to_msg
from dsrl_ros.ros.stamps import stamp_to_ns
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE

MS = 1_000_000

STEP_NS = PICK_PLACE.step_period_ns

SEGMENTS_PER_CHUNK = 4 * -(-STEP_NS // LONGEST_SPAN_NS)

SPEC = PolicySpec(
    name='test',
    state_names=PICK_PLACE.state_names,
    action_names=PICK_PLACE.action_names,
    horizon=4,
    num_execute=4,
    step_period_s=STEP_NS * 1e-9,
    control_mode=ControlMode.EE_DELTA,
    noise_bound=6.0,
    action_low=PICK_PLACE.action_low,
    action_high=PICK_PLACE.action_high,
    state_mean=(0.0,) * len(PICK_PLACE.state_names),
    state_std=(1.0,) * len(PICK_PLACE.state_names),
    sampler='ddim',
    denoising_steps=4,
    sha256='0' * 64,
)

STILL = np.zeros((4, 4), dtype=np.float32)


class Steering(Node):
    """Steering, policy and reward node as the driver sees them."""

    def __init__(self, spec: PolicySpec = SPEC, **node_options) -> None:
        super().__init__('steering', **node_options)
        self.spec = spec
        self.results: list[ChunkResult] = []
        self.statuses: list[DriverStatus] = []
        self.joints: list[JointState] = []
        self.trajectories: list[JointTrajectory] = []
        self.task: list[TaskStatus] = []
        self.decision = 0
        self.specs = self.create_publisher(PolicySpecMsg, names.POLICY_SPEC, qos.LATCHED)
        self.specs.publish(spec_to_msg(spec))
        self.chunks = self.create_publisher(ActionChunk, names.ACTION_CHUNK, qos.DECISION)
        self.estop_signal = self.create_publisher(Bool, names.ESTOP_SIGNAL, qos.DECISION)
        self.heartbeats = self.create_publisher(Heartbeat, names.HEARTBEAT, qos.HEARTBEAT)
        self.set_scene = self.create_client(SetScene, names.SET_SCENE)
        self.estop = self.create_client(Trigger, names.ESTOP)
        self.clear = self.create_client(Trigger, names.CLEAR)
        listen = self.create_subscription
        listen(ChunkResult, names.CHUNK_RESULT, self.results.append, qos.DECISION)
        listen(DriverStatus, names.DRIVER_STATUS, self.statuses.append, qos.STATUS)
        listen(JointState, names.JOINT_STATES, self.joints.append, qos.SENSOR)
        listen(JointTrajectory, names.TRAJECTORY, self.trajectories.append, qos.DECISION)
        listen(TaskStatus, names.TASK_STATUS, self.task.append, qos.DECISION)
        self.beat = self.create_timer(0.05, self._beat)

    def _beat(self) -> None:
        self.heartbeats.publish(Heartbeat(robot='fr3'))

    def state(self) -> int:
        return self.statuses[-1].state if self.statuses else DriverStatus.STATE_UNSET

    def chunk(self, rows: np.ndarray = STILL, **changes) -> ActionChunk:
        """Return the chunk that answers the newest observation, as decision `self.decision`."""
        key = DecisionKey('fr3', 'a' * 32, 0, self.decision)
        self.decision += 1
        message = ActionChunk(
            header=self.task[-1].header,
            id=key_to_msg(key),
            control_mode=int(self.spec.control_mode),
            action_names=list(self.spec.action_names),
            horizon=4,
            num_execute=4,
            step_period=self.spec.step_period_s,
            data=floats_to_msg(np.asarray(rows)),
        )
        for name, value in changes.items():
            setattr(message, name, value)
        return message


class Bench:
    """Twin, driver and their peer, up and holding."""

    def __init__(self, ros, driver_options=None, spec=SPEC, **twin_options) -> None:
        self.ros = ros
        self.twin = ros.add(TwinNode, **twin_options)
        self.peer = ros.add(Steering, spec)
        self.driver = ros.add(DriverNode, **(driver_options or {}))
        ros.spin_until(lambda: self.peer.state() == DriverStatus.STATE_HOLDING)
        ros.spin_until(
            lambda: (
                self.peer.set_scene.service_is_ready()
                and self.peer.clear.service_is_ready()
                and self.peer.estop.service_is_ready()
                and self.peer.chunks.get_subscription_count() == 1
                and self.peer.count_publishers(names.CHUNK_RESULT) == 1
                and self.peer.estop_signal.get_subscription_count() == 1
                and self.peer.task
            )
        )

    def call(self, client, request):
        future = client.call_async(request)
        self.ros.spin_until(future.done)
        return future.result()

    def reset(self, seed: int) -> int:
        answer = self.call(self.peer.set_scene, SetScene.Request(seed=seed))
        assert answer.success
        stamp_ns = stamp_to_ns(answer.stamp)
        self.spin_until_seen(stamp_ns)
        return stamp_ns

    def spin_until_seen(self, stamp_ns: int) -> None:
        """Spin until the newest states the peer knows are at least as new as `stamp_ns`."""
        peer = self.peer
        self.ros.spin_until(
            lambda: (
                stamp_to_ns(peer.joints[-1].header.stamp) >= stamp_ns
                and stamp_to_ns(peer.task[-1].header.stamp) >= stamp_ns
            )
        )

    def execute(self, message: ActionChunk) -> ChunkResult:
        count = len(self.peer.results)
        self.peer.chunks.publish(message)
        self.ros.spin_until(lambda: len(self.peer.results) > count)
        result = self.peer.results[-1]
        self.spin_until_seen(stamp_to_ns(result.header.stamp))
        return result

    def run(self, rows: np.ndarray = STILL) -> ChunkResult:
        return self.execute(self.peer.chunk(rows))
