"""The trainer: takes transitions, learns in a worker thread, sends weights, keeps checkpoints.

Owns the acknowledgements; the learning itself is `learning.run.worker`.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from rclpy.node import Node

from dsrl_msgs import msg
from dsrl_ros.core.config.trainer import TrainerConfig
from dsrl_ros.core.errors import CheckpointError, ConfigError
from dsrl_ros.core.factories import is_factory
from dsrl_ros.core.options import to_mapping
from dsrl_ros.core.types import PolicySpec, Transition
from dsrl_ros.learning.algorithms.build import build_actor_learner, require_actor
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.data.dataset import load_transitions
from dsrl_ros.learning.learner import ActorLearner
from dsrl_ros.learning.run.checkpoint import CheckpointStore, load_checkpoint
from dsrl_ros.learning.run.worker import LearningWorker, NewWeights
from dsrl_ros.nodes.trainer.remote_policy import RemotePolicy
from dsrl_ros.nodes.trainer.transitions import transition_from_msg
from dsrl_ros.policies import io
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.diagnostics import Diagnostics, Health, Level
from dsrl_ros.ros.messages import spec_from_msg
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.ros.waiting import STEADY_CLOCK

INLINE_BYTES = 1_000_000  # larger weights go by file


class TrainerNode(Node):
    """Starts to learn once it knows the run and the policy."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('trainer', **node_options)
        self._learner_config = declare_config(self, LearnerConfig, 'learner')
        self._config = declare_config(self, TrainerConfig)
        require_actor(self._learner_config)
        os.nice(self._config.niceness)
        torch.set_num_threads(1)  # beside a busy simulator two threads are slower than one
        # The worker shares the interpreter with the executor: hand the lock over sooner.
        sys.setswitchinterval(0.001)

        self._spec: PolicySpec | None = None
        self._run: msg.RunInfo | None = None
        self._worker: LearningWorker | None = None
        self._remote: RemotePolicy | None = None
        self._next_sequence = 0
        self._wake = self.create_guard_condition(self._send_weights)

        publisher, subscribe = self.create_publisher, self.create_subscription
        self._info_pub = publisher(msg.LearnerInfo, names.LEARNER_INFO, qos.LATCHED)
        self._weights_pub = publisher(msg.SteeringWeights, names.WEIGHTS, qos.WEIGHTS)
        self._ack_pub = publisher(msg.TransitionAck, names.TRANSITION_ACK, qos.DECISION)
        self._status_pub = publisher(msg.TrainerStatus, names.TRAINER_STATUS, qos.STATUS)
        subscribe(msg.PolicySpec, names.POLICY_SPEC, self._on_spec, qos.LATCHED)
        subscribe(msg.RunInfo, names.RUN_INFO, self._on_run, qos.LATCHED)
        subscribe(msg.Transition, names.TRANSITION, self._on_transition, qos.DECISION)
        self._status = msg.TrainerStatus(state=msg.TrainerStatus.STATE_WAITING)
        self._diagnostics = Diagnostics(self, 'learner', self._health, only=names.TRAINER_STATUS)
        self._status_timer = self.create_timer(
            self._config.status_period_s, self._publish_status, clock=STEADY_CLOCK
        )

    def destroy_node(self) -> None:
        """Stop learning, with a checkpoint of all that was learned."""
        if self._remote is not None:
            self._remote.close()  # nobody spins any more: no answer can come
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        super().destroy_node()

    def _on_spec(self, message: msg.PolicySpec) -> None:
        self._spec = spec = spec_from_msg(message)
        config = self._learner_config
        rows, action_dim = config.noise_shape(spec)
        self._info_pub.publish(
            msg.LearnerInfo(
                algorithm=config.algorithm,
                layout=int(config.layout),
                rows=rows,
                action_dim=action_dim,
                prior_scale=config.prior_scale,
                discount=config.discount,
                discount_per_step=config.discount_unit == 'step',
                policy_sha256=spec.sha256,
                config_yaml=yaml.safe_dump(to_mapping(config), sort_keys=False),
            )
        )
        self._start()

    def _on_run(self, run: msg.RunInfo) -> None:
        if self._run is not None and bytes(self._run.run) != bytes(run.run):
            raise ConfigError(
                'trainer: got a second run while one is under way, expected one run per trainer. '
                'Start the graph anew, or in a namespace of its own.'
            )
        self._run = run
        self._start()

    def _start(self) -> None:
        """Build the learner once both the policy and the run are known."""
        if self._spec is None or self._run is None or self._worker is not None:
            return
        spec = self._spec
        if self._run.policy_sha256 != spec.sha256:
            raise ConfigError(
                f'trainer: the run steers policy {self._run.policy_sha256[:12]}, but the policy '
                f'node serves {spec.sha256[:12]}. Start the graph anew.'
            )
        learner = build_actor_learner(
            self._frozen_policy(spec), self._learner_config, self._run.seed
        )
        offline: list[Transition] = []
        if self._config.resume_from:  # with the offline data in its replay
            self._resume(learner, Path(self._config.resume_from))
        elif self._config.offline:
            offline = load_transitions(Path(self._config.offline), spec, self._learner_config)
        run_dir = Path(self._run.run_dir)
        self._worker = LearningWorker(
            learner,
            lockstep=self._run.lockstep,
            store=CheckpointStore(run_dir / 'checkpoints', self._config.keep_checkpoints),
            checkpoint_every=self._config.checkpoint_every,
            on_change=self._wake.trigger,
            offline=offline,
        )
        self._worker.start()

    def _frozen_policy(self, spec: PolicySpec) -> FrozenPolicy:
        """Return the policy of the run, from its file or behind the policy node's service.

        One that a Python function makes may be large, or need a GPU: it is there once.
        """
        if not self._config.policy or is_factory(self._config.policy):
            self._remote = RemotePolicy(self, spec, self._config.policy_timeout_s)
            return self._remote
        policy = io.load(Path(self._config.policy))
        if policy.spec.sha256 != spec.sha256:
            raise ConfigError(
                f'policy: got {self._config.policy} of sha256 {policy.spec.sha256[:12]}, but the '
                f'policy node serves {spec.sha256[:12]}. Give both the same file.'
            )
        return policy

    def _resume(self, learner: ActorLearner, run_dir: Path) -> None:
        newest = CheckpointStore(run_dir / 'checkpoints').latest_complete()
        if newest is None:
            raise CheckpointError(
                f'resume_from: got {run_dir}, expected a run with a complete checkpoint in '
                'checkpoints/. Start without resume_from.'
            )
        load_checkpoint(newest, learner)
        self.get_logger().info(
            f'goes on from {newest}: {learner.num_transitions} transitions, '
            f'{learner.gradient_steps} gradient steps'
        )

    def _on_transition(self, message: msg.Transition) -> None:
        if self._run is None or self._worker is None:
            return  # it comes again: nothing is acknowledged before there is a learner
        if bytes(message.id.run) != bytes(self._run.run):
            return
        if message.sequence == self._next_sequence:
            self._worker.add(transition_from_msg(message))
            self._next_sequence += 1
        # One sent twice is acknowledged again; one that came too early comes again in its turn.
        self._ack_pub.publish(
            msg.TransitionAck(run=self._run.run, sequence=self._next_sequence - 1)
        )

    def _send_weights(self) -> None:
        if self._worker is None or self._run is None:
            return
        for weights in self._worker.take_weights():
            self._weights_pub.publish(self._weights_message(weights, self._run))

    def _weights_message(self, weights: NewWeights, run: msg.RunInfo) -> msg.SteeringWeights:
        message = msg.SteeringWeights(run=run.run, version=weights.version)
        message.trained_episodes = weights.trained_episodes
        message.policy_sha256 = run.policy_sha256
        message.sha256 = hashlib.sha256(weights.data).hexdigest()
        message.size = len(weights.data)
        if len(weights.data) <= INLINE_BYTES:
            message.data = weights.data
        else:
            path = Path(run.run_dir) / 'weights' / f'{weights.version:06d}.safetensors'
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(weights.data)
            message.path = str(path)
        return message

    def _publish_status(self) -> None:
        status = msg.TrainerStatus(state=msg.TrainerStatus.STATE_WAITING)
        if self._worker is not None:
            progress = self._worker.status
            if progress.fault:
                status.state = msg.TrainerStatus.STATE_FAULT
            elif progress.learning:
                status.state = msg.TrainerStatus.STATE_LEARNING
            status.message = progress.fault or progress.refusal
            status.transitions = progress.transitions
            status.gradient_steps = progress.gradient_steps
            status.gradient_steps_owed = progress.owed
            status.gradient_steps_per_second = progress.steps_per_second
            status.weights_version = self._worker.version
            status.metric_names = list(progress.metrics)
            status.metric_values = list(progress.metrics.values())
        self._status = status
        self._status_pub.publish(status)
        self._diagnostics.publish_if_changed()

    def _health(self) -> Health:
        status = self._status
        values = {
            'transitions': status.transitions,
            'gradient steps': status.gradient_steps,
            'gradient steps owed': status.gradient_steps_owed,
            'gradient steps per second': round(status.gradient_steps_per_second, 1),
            'weights version': status.weights_version,
        }
        if status.state == msg.TrainerStatus.STATE_FAULT:
            return Health(Level.ERROR, f'learning stopped: {status.message}', values)
        if status.message:
            return Health(Level.WARN, status.message, values)
        learning = status.state == msg.TrainerStatus.STATE_LEARNING
        return Health(Level.OK, 'learning' if learning else 'nothing to learn', values)


def main() -> None:
    """Run the trainer node."""
    run_node(TrainerNode)
