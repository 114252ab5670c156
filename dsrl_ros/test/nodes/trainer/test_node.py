"""The trainer takes each transition once, acknowledges it, and answers episodes with weights."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from diagnostic_msgs.msg import DiagnosticStatus
from places import SHIPPED
from rclpy.node import Node
from toy import SPEC, transition

from dsrl_msgs import msg
from dsrl_msgs.srv import InferBatch
from dsrl_ros.core.errors import CheckpointError, ConfigError, PolicyUnavailableError
from dsrl_ros.core.types import (
    DecisionKey,
    Noise,
    NoiseLayout,
    NoiseSource,
    Observation,
)
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.data.dataset import load_transitions, save_transitions
from dsrl_ros.learning.run import worker
from dsrl_ros.learning.run.checkpoint import CheckpointStore
from dsrl_ros.learning.run.rollout import learn_offline
from dsrl_ros.learning.steering.actor import SteeringActor
from dsrl_ros.nodes.trainer.node import TrainerNode
from dsrl_ros.nodes.trainer.remote_policy import RemotePolicy
from dsrl_ros.ros import messages, names, qos

RUN = uuid.uuid4()
SMALL = {
    'learner.hidden_size': 16,
    'learner.num_layers': 1,
    'learner.batch_size': 8,
    'learner.utd': 2,
    'niceness': 0,
}


class Steering(Node):
    """Steering and policy as the trainer sees them."""

    def __init__(self, **node_options) -> None:
        super().__init__('steering', **node_options)
        self.acks: list[int] = []
        self.weights: list[msg.SteeringWeights] = []
        self.spec = self.create_publisher(msg.PolicySpec, names.POLICY_SPEC, qos.LATCHED)
        self.run = self.create_publisher(msg.RunInfo, names.RUN_INFO, qos.LATCHED)
        self.transitions = self.create_publisher(msg.Transition, names.TRANSITION, qos.DECISION)
        self.create_subscription(
            msg.TransitionAck,
            names.TRANSITION_ACK,
            lambda ack: self.acks.append(ack.sequence),
            qos.DECISION,
        )
        self.create_subscription(
            msg.SteeringWeights, names.WEIGHTS, self.weights.append, qos.LATCHED
        )

    def announce(self, run_dir, sha256: str = SPEC.sha256) -> None:
        self.spec.publish(messages.spec_to_msg(SPEC))
        self.run.publish(
            msg.RunInfo(
                run=list(RUN.bytes),
                seed=3,
                run_dir=str(run_dir),
                policy_sha256=sha256,
                lockstep=True,
            )
        )

    def send(self, sequence: int, episode: int, decision: int, last: bool) -> None:
        rng = np.random.default_rng(sequence)
        key = DecisionKey('robot', RUN.hex, episode, decision)
        rows = rng.standard_normal((2, 1)).astype(np.float32)
        noise = Noise(rows, NoiseLayout.FULL, NoiseSource.PRIOR)

        def observation(of: DecisionKey) -> msg.Observation:
            state = rng.standard_normal(2).astype(np.float32)
            return messages.observation_to_msg(of, 0, SPEC.state_names, state)

        identifier = messages.key_to_msg(key)

        message = msg.Transition(
            id=identifier,
            sequence=sequence,
            phase='online',
            observation=observation(key),
            noise=messages.noise_to_msg(noise, key, 0, SPEC.sha256),
            result=msg.ChunkResult(
                id=identifier,
                num_executed=2,
                action_dim=1,
                executed=messages.floats_to_msg(rows),
            ),
            reward=msg.Reward(id=identifier, value=float(last), terminated=last),
            discount=0.97,
            next_observation=observation(key.next()),
        )
        self.transitions.publish(message)


@pytest.fixture
def steering(ros, tmp_path):
    ros.add(TrainerNode, **SMALL)
    node = ros.add(Steering)
    ros.spin_until(lambda: node.transitions.get_subscription_count() == 1)
    node.announce(tmp_path)
    ros.spin_until(lambda: node.weights)
    return node


def test_the_first_weights_are_those_of_an_untrained_actor(steering):
    weights = steering.weights[0]
    data = bytes(weights.data)
    assert (weights.version, weights.trained_episodes) == (1, 0)
    assert weights.sha256 == hashlib.sha256(data).hexdigest()
    assert weights.size == len(data)
    assert SteeringActor.from_bytes(data, SPEC).act(
        Observation(np.zeros(2, np.float32))
    ).shape == (2, 1)


def test_a_finished_episode_is_answered_with_weights_that_have_seen_it(ros, steering):
    for decision in range(3):
        steering.send(decision, 0, decision, last=decision == 2)
    ros.spin_until(lambda: steering.acks and steering.acks[-1] == 2)
    ros.spin_until(lambda: any(w.trained_episodes == 1 for w in steering.weights))


def test_duplicates_and_gaps_are_acknowledged_without_being_learned_twice(ros, steering):
    steering.send(0, 0, 0, last=False)
    ros.spin_until(lambda: steering.acks == [0])
    steering.send(0, 0, 0, last=False)  # sent again: acknowledged again
    ros.spin_until(lambda: steering.acks == [0, 0])
    steering.send(2, 0, 2, last=True)  # 1 is missing: nothing new is acknowledged
    ros.spin_until(lambda: steering.acks == [0, 0, 0])
    steering.send(1, 0, 1, last=False)
    steering.send(2, 0, 2, last=True)
    ros.spin_until(lambda: steering.acks[-1] == 2)
    ros.spin_until(lambda: any(w.trained_episodes == 1 for w in steering.weights))


def test_what_was_learned_is_kept_when_the_node_ends_and_taken_up_again(ros, tmp_path):
    trainer = ros.add(TrainerNode, **SMALL)
    first = ros.add(Steering)
    ros.spin_until(lambda: first.transitions.get_subscription_count() == 1)
    first.announce(tmp_path)
    ros.spin_until(lambda: first.weights)
    first.send(0, 0, 0, last=True)
    ros.spin_until(lambda: any(w.trained_episodes == 1 for w in first.weights))
    learned = bytes(first.weights[-1].data)
    ros.remove(trainer)
    ros.remove(first)

    ros.add(TrainerNode, **SMALL, resume_from=str(tmp_path))
    second = ros.add(Steering)
    second.announce(tmp_path / 'next')
    ros.spin_until(lambda: second.weights)
    state = np.ones(2, np.float32)
    before = SteeringActor.from_bytes(learned, SPEC).act(Observation(state))
    after = SteeringActor.from_bytes(bytes(second.weights[0].data), SPEC).act(Observation(state))
    assert np.array_equal(before, after)


def test_it_learns_from_a_file_before_the_first_episode(ros, tmp_path):
    """Its first weights are those that the same steps without ROS lead to."""
    config = LearnerConfig(hidden_size=16, num_layers=1, batch_size=8, utd=2, offline_steps=30)
    path = tmp_path / 'demonstrations.safetensors'
    save_transitions(path, [transition(number) for number in range(10)], SPEC)
    ros.add(TrainerNode, **SMALL, **{'learner.offline_steps': 30}, offline=str(path))
    node = ros.add(Steering)
    node.announce(tmp_path / 'run')
    ros.spin_until(lambda: node.weights)
    learner = DsrlSac(SPEC, config, seed=3)
    learn_offline(learner, load_transitions(path, SPEC, config))
    assert learner.gradient_steps == 30
    assert bytes(node.weights[0].data) == learner.export_actor(1, 0).to_bytes()


def test_resuming_from_nothing_is_an_error_that_names_the_folder(ros, tmp_path):
    ros.add(TrainerNode, **SMALL, resume_from=str(tmp_path))
    steering = ros.add(Steering)
    steering.announce(tmp_path / 'run')
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        ros.spin_for(10.0)


class Policy(Node):
    """The policy node's batch service, answering with the noise itself."""

    def __init__(self, **node_options) -> None:
        super().__init__('policy', **node_options)
        self.samples = 0
        self.create_service(InferBatch, names.INFER_BATCH, self._answer)

    def _answer(self, request, response):
        self.samples += request.batch
        response.actions = request.noises
        response.horizon, response.action_dim = SPEC.horizon, SPEC.action_dim
        return response


NA = {**SMALL, 'learner.algorithm': 'na', 'learner.noise_critic_steps': 1}


def test_dsrl_na_asks_the_policy_node_where_it_has_no_file(ros, tmp_path):
    ros.add(TrainerNode, **NA)
    policy, node = ros.add(Policy), ros.add(Steering)
    ros.spin_until(lambda: node.transitions.get_subscription_count() == 1)
    node.announce(tmp_path)
    ros.spin_until(lambda: node.weights)
    node.send(0, 0, 0, last=False)
    node.send(1, 0, 1, last=True)
    ros.spin_until(lambda: any(w.trained_episodes == 1 for w in node.weights))
    assert policy.samples > 0
    assert not np.array_equal(
        SteeringActor.from_bytes(bytes(node.weights[0].data), SPEC).act(
            Observation(np.ones(2, np.float32))
        ),
        SteeringActor.from_bytes(bytes(node.weights[-1].data), SPEC).act(
            Observation(np.ones(2, np.float32))
        ),
    )


def test_a_policy_that_does_not_answer_is_a_fault_and_the_weights_stay(ros, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, 'PAUSE_S', 0.0)
    ros.add(TrainerNode, **NA, policy_timeout_s=0.2)
    node = ros.add(Steering)
    statuses: list[msg.TrainerStatus] = []
    node.create_subscription(msg.TrainerStatus, names.TRAINER_STATUS, statuses.append, qos.STATUS)
    health = ros.health()
    ros.spin_until(lambda: node.transitions.get_subscription_count() == 1)
    node.announce(tmp_path)
    ros.spin_until(lambda: node.weights)
    node.send(0, 0, 0, last=True)
    ros.spin_until(lambda: any(s.state == msg.TrainerStatus.STATE_FAULT for s in statuses))
    assert ros.spin_until(lambda: health('learning stopped')).level == DiagnosticStatus.ERROR
    assert 'policy node runs' in statuses[-1].message
    ros.spin_until(lambda: any(w.trained_episodes == 1 for w in node.weights))


def test_a_policy_file_of_another_policy_is_refused(ros, tmp_path):
    ros.add(TrainerNode, **NA, policy=str(SHIPPED))
    node = ros.add(Steering)
    node.announce(tmp_path)
    with pytest.raises(ConfigError, match='Give both the same file'):
        ros.spin_for(10.0)


def test_a_baseline_has_no_actor_to_send_and_is_refused_at_once(ros):
    with pytest.raises(ConfigError, match='expected sac or na'):
        ros.add(TrainerNode, **{**SMALL, 'learner.algorithm': 'best_of_n'})


class Call(threading.Thread):
    """Asks a policy in a thread of its own and keeps the error."""

    def __init__(self, policy: RemotePolicy) -> None:
        super().__init__(daemon=True)
        self.error: Exception | None = None
        self._policy = policy
        self.start()

    def run(self) -> None:
        try:
            self._policy(np.zeros((1, 2), np.float32), np.zeros((1, 2, 1), np.float32))
        except PolicyUnavailableError as error:
            self.error = error


def event_of_asking(policy: RemotePolicy) -> threading.Event:
    """Return an event that is set once the policy node has been asked."""
    asked = threading.Event()
    call_async = policy._client.call_async

    def call_and_tell(request):
        future = call_async(request)
        asked.set()
        return future

    policy._client.call_async = call_and_tell
    return asked


def test_closing_ends_the_call_that_waits_for_the_policy_node_and_any_later_one(ros):
    policy = RemotePolicy(ros.add(Node, 'learner'), SPEC, timeout_s=600.0)
    asked = event_of_asking(policy)
    waiting = Call(policy)
    assert asked.wait(10.0)
    assert waiting.is_alive()
    policy.close()
    waiting.join(10.0)
    later = Call(policy)
    later.join(10.0)
    assert waiting.error is not None and later.error is not None


def test_ending_does_not_wait_for_a_policy_node_that_has_gone(ros, tmp_path):
    """Its learner waits for an answer; the closing checkpoint is written all the same."""
    trainer = ros.add(TrainerNode, **NA, policy_timeout_s=20.0)
    node = ros.add(Steering)
    ros.spin_until(lambda: node.transitions.get_subscription_count() == 1)
    node.announce(tmp_path)
    ros.spin_until(lambda: node.weights)
    asked = event_of_asking(trainer._remote)
    node.send(0, 0, 0, last=True)
    ros.spin_until(asked.is_set)
    begin = time.monotonic()
    ros.remove(trainer)
    assert time.monotonic() - begin < 10.0
    assert CheckpointStore(tmp_path / 'checkpoints').latest_complete() is not None
