"""The steering node: its topics, services and timers around the run."""

from __future__ import annotations

import secrets
import time
import uuid
from pathlib import Path
from typing import Any

import yaml
from rclpy.node import Node
from std_srvs.srv import Trigger

from dsrl_msgs import msg
from dsrl_ros.core.config.steering import SteeringConfig
from dsrl_ros.core.options import to_mapping
from dsrl_ros.core.types import PolicySpec
from dsrl_ros.learning.steering.plan import RunPlan
from dsrl_ros.learning.steering.weights_inbox import WeightsInbox
from dsrl_ros.nodes.steering.decision_loop import DecisionLoop
from dsrl_ros.nodes.steering.heartbeat import HeartbeatPublisher
from dsrl_ros.nodes.steering.peers import Peers
from dsrl_ros.nodes.steering.run import Run
from dsrl_ros.nodes.steering.sensor_table import SensorTable
from dsrl_ros.nodes.steering.sensors import ObservationSynchronizer
from dsrl_ros.nodes.steering.transition_sender import TransitionSender
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.diagnostics import Diagnostics, Health, Level
from dsrl_ros.ros.messages import run_to_bytes
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.ros.stamps import header
from dsrl_ros.ros.waiting import STEADY_CLOCK

_SEEDS = 2**31
_TICK_S = 0.1


class SteeringNode(Node):
    """Waits for its peers, then builds one run and keeps it going."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('steering', **node_options)
        self._config = declare_config(self, SteeringConfig)
        self._table = SensorTable(self._config.sensors, self._config.state_sources)
        self._run_id = uuid.uuid4().hex
        self._run: Run | None = None
        self._sender: TransitionSender | None = None
        self._beats = 0

        self._run_pub = self.create_publisher(msg.RunInfo, names.RUN_INFO, qos.LATCHED)
        self._episode_pub = self.create_publisher(
            msg.EpisodeResult, names.EPISODE_RESULT, qos.DECISION
        )
        self._heartbeat_pub = self.create_publisher(msg.Heartbeat, names.HEARTBEAT, qos.HEARTBEAT)
        self._heartbeat = HeartbeatPublisher(self, self._publish_heartbeat)
        self._peers = Peers(self, self._config)
        self.create_service(Trigger, names.RESUME, self._on_resume)
        self._diagnostics = Diagnostics(self, 'run', self._health, self._config.robot)
        self.create_timer(_TICK_S, self._tick, clock=STEADY_CLOCK)

    def destroy_node(self) -> None:
        """Stop the heartbeat and flush the journal to the disk."""
        self._heartbeat.stop()
        if self._sender is not None:
            self._sender.close()
            self._sender = None
        super().destroy_node()

    def _tick(self) -> None:
        if self._run is not None:
            self._run.tick()
        elif (ready := self._peers.ready()) is not None:
            self._run = self._start(*ready)
        self._diagnostics.publish_if_changed()

    def _start(self, spec: PolicySpec, learner: msg.LearnerInfo) -> Run:
        config = self._config
        seed = config.seed if config.seed >= 0 else secrets.randbelow(_SEEDS)
        plan = RunPlan(seed, config.warmup_episodes, config.online_episodes, config.eval_episodes)
        default = Path('runs') / time.strftime('%Y-%m-%d_%H-%M-%S')
        run_dir = Path(config.run_dir or default).absolute()
        run_dir.mkdir(parents=True, exist_ok=True)
        self._sender = TransitionSender(self, self._run_id, run_dir, learner)
        loop = DecisionLoop(self, self._peers.policy, spec, config, self._sender)
        sensors = ObservationSynchronizer(
            self,
            self._table,
            spec.state_names,
            tuple(dict.fromkeys((*spec.image_names, *config.learner_cameras))),
            config.sensor_slop_s,
            loop.on_state,
        )
        self._run_pub.publish(
            msg.RunInfo(
                robot=config.robot,
                run=run_to_bytes(self._run_id),
                seed=seed,
                run_dir=str(run_dir),
                algorithm=learner.algorithm,
                policy_sha256=spec.sha256,
                robot_mode=config.robot_mode,
                lockstep=not config.real_time,
                warmup_episodes=plan.warmup,
                online_episodes=plan.online,
                eval_episodes=plan.evaluation,
                rows=learner.rows,
                layout=learner.layout,
                config_yaml=yaml.safe_dump(to_mapping(config), sort_keys=False),
            )
        )
        self.get_logger().info(f'run {self._run_id}, seed {seed}, in {run_dir}')
        run = Run(
            self._run_id,
            config,
            plan,
            learner.prior_scale,
            WeightsInbox(spec),
            sensors,
            loop,
            self._peers.reset,
            self.resolve_service_name(names.RESUME),
            self._publish_result,
            self.get_logger(),
        )
        self.create_subscription(msg.SteeringWeights, names.WEIGHTS, run.on_weights, qos.WEIGHTS)
        self.create_subscription(
            msg.RewardStatus, names.REWARD_STATUS, run.on_reward_status, qos.STATUS
        )
        return run

    def _publish_result(self, result: msg.EpisodeResult) -> None:
        result.header = header(self.get_clock().now().nanoseconds)
        self._episode_pub.publish(result)

    def _on_resume(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Try a failed reset again."""
        response.success = self._run is not None and self._run.resume()
        if not response.success:
            response.message = 'resume: got a call while no reset has failed; nothing to do.'
        return response

    def _publish_heartbeat(self) -> None:
        self._beats += 1
        self._heartbeat_pub.publish(
            msg.Heartbeat(
                robot=self._config.robot, run=run_to_bytes(self._run_id), count=self._beats
            )
        )

    def _health(self) -> Health:
        run = self._run
        if run is None or self._sender is None:
            return Health(Level.OK, 'waiting for the other nodes')
        values: dict[str, object] = {'transitions not acknowledged': self._sender.unacknowledged}
        if (newest := run.inbox.newest()) is not None:
            values['weights version'] = newest.header.version
            values['exploration'] = newest.header.exploration  # share of the actor's spread
        if run.trouble:
            return Health(Level.ERROR, run.trouble, values)
        return Health(Level.OK, run.status, values)


def main() -> None:
    """Run the steering node."""
    run_node(SteeringNode)
