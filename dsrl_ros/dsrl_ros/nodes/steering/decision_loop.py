"""The decisions of one episode: observe, pick noise, infer, execute, be judged, and again.

Event-driven: every step is a callback of the node's executor, none waits. Everything is joined by
key; an answer with another key than the decision under way is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rclpy.action import ActionClient
from rclpy.node import Node

from dsrl_msgs import msg
from dsrl_msgs.action import InferChunk
from dsrl_ros.core.errors import PolicyOutputError
from dsrl_ros.core.types import DecisionKey, PolicySpec
from dsrl_ros.learning.steering.choosers import NoiseChooser
from dsrl_ros.learning.steering.observation import ObservationSpec
from dsrl_ros.nodes.steering.learner_observation import learner_view
from dsrl_ros.nodes.steering.patience import Patience
from dsrl_ros.nodes.steering.retry import Asked
from dsrl_ros.nodes.steering.sensors import StateSample
from dsrl_ros.nodes.steering.transition_sender import TransitionSender
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import key_from_msg, noise_to_msg, observation_to_msg
from dsrl_ros.ros.stamps import stamp_to_ns

# Noises tried instead of one the policy chokes on are drawn under keys no decision has.
_RETRY_STRIDE = 1_000_000


class Stage(Enum):
    """What the loop is waiting for, and from whom."""

    IDLE = 'nothing'
    OBSERVE = 'sensor samples as new as the end of the last chunk, from the robot or its twin'
    INFER = 'an action chunk, from the policy node'
    EXECUTE = 'the result of the chunk, from the driver node'
    JUDGE = 'the reward, from the reward node'


@dataclass
class EpisodeTally:
    """What happened in an episode so far.

    Attributes:
        num_decisions, num_steps, num_rejected: decisions, control steps, refused chunks.
        return_value: undiscounted sum of rewards.
        success, terminated, truncated: how it ended.
    """

    num_decisions: int = 0
    num_steps: int = 0
    num_rejected: int = 0
    return_value: float = 0.0
    success: bool = False
    terminated: bool = False
    truncated: bool = False


class DecisionLoop:
    """Runs one episode after the other, each started by `start`.

    Args:
        node: that owns publishers and subscriptions.
        policy: client of the policy node.
        spec: of the policy.
        cameras: that the learner sees, in order.
        stage_timeout_s: longest wait for one answer [s].
        attempts: noises tried for one decision when the policy answers absurdly.
        on_end: called with the tally when an episode is over.
    """

    def __init__(
        self,
        node: Node,
        policy: ActionClient,
        spec: PolicySpec,
        cameras: Sequence[str],
        stage_timeout_s: float,
        attempts: int,
        on_end: Callable[[EpisodeTally], None],
    ) -> None:
        self._node = node
        self._policy = policy
        self._spec = spec
        self._cameras = tuple(cameras)
        self._patience = Patience(stage_timeout_s)
        self._attempts = attempts
        self._on_end = on_end
        self._enter(Stage.IDLE)
        self._newest: StateSample | None = None
        self._observation_pub = node.create_publisher(
            msg.Observation, names.OBSERVATION, qos.DECISION
        )
        self._noise_pub = node.create_publisher(msg.Noise, names.NOISE, qos.DECISION)
        self._chunk_pub = node.create_publisher(msg.ActionChunk, names.ACTION_CHUNK, qos.DECISION)
        node.create_subscription(
            msg.ChunkResult, names.CHUNK_RESULT, self._on_result, qos.DECISION
        )
        node.create_subscription(msg.Reward, names.REWARD, self._on_reward, qos.DECISION)
        node.create_subscription(
            msg.RewardStatus, names.REWARD_STATUS, self._on_reward_status, qos.STATUS
        )

    def start(
        self,
        first: DecisionKey,
        chooser: NoiseChooser,
        fallback: NoiseChooser,
        sender: TransitionSender | None,
        not_before_ns: int,
        sees: ObservationSpec,
    ) -> None:
        """Begin an episode.

        Args:
            first: key of its first decision.
            chooser: picks the noise.
            fallback: picks it when the policy answers absurdly to the chooser's, and after a
                chunk that was refused: asked again of what it saw before, a deterministic actor
                would answer the same, until the refusals end the episode.
            sender: takes the transitions; None when they are not learned from.
            not_before_ns: the first observation is not older [ns].
            sees: what the learner sees of every observation.
        """
        self._key = first
        self._chooser, self._fallback = chooser, fallback
        self._sender = sender
        self._not_before_ns = not_before_ns
        self._sees = sees
        self._tally = EpisodeTally()
        self._refused = False
        self._result: msg.ChunkResult | None = None
        self._reward: msg.Reward | None = None
        self._enter(Stage.OBSERVE)
        self._observe()

    def on_state(self, sample: StateSample) -> None:
        """Take in a state of the sensors."""
        self._newest = sample
        if self._stage == Stage.OBSERVE:
            self._observe()

    @property
    def observing(self) -> bool:
        """Whether it waits for a state of the sensors."""
        return self._stage == Stage.OBSERVE

    def look(self) -> str:
        """Ask again for what is overdue; return what it is and from whom, empty while nothing is.

        The robot holds meanwhile, and the episode goes on where it is once the answer comes; what
        may have got lost is told in `nodes.steering.retry`.
        """
        if self._stage == Stage.IDLE or not self._patience.over:
            return ''
        if self._patience.asks_again():
            self._ask()
        return (
            f'decision {self._key}: got nothing for {self._patience.waited_s:.1f} s, expected '
            f'{self._stage.value}. Check that it lives; its log says why it does not answer.'
        )

    def _enter(self, stage: Stage, ask: Callable[[], None] = lambda: None) -> None:
        """Wait for something new, which `ask` asks for again."""
        self._stage, self._ask = stage, ask
        self._patience.begin()

    def _observe(self) -> None:
        sample = self._newest
        if sample is None or sample.oldest_ns < self._not_before_ns:
            return
        images = {name: sample.images[name] for name in self._spec.image_names}
        observation = observation_to_msg(
            self._key, sample.newest_ns, self._spec.state_names, sample.state, images
        )
        kept, self._learner_observation = learner_view(
            observation, sample, self._cameras, self._sees.image_shape
        )
        self._sees.check(self._learner_observation)
        over = self._tally.terminated or self._tally.truncated
        self._enter(Stage.IDLE)
        if not over:
            # First of all: the rest is done while the policy computes.
            self._infer(observation, sample, attempt=0)
        self._observation_pub.publish(observation)
        if self._sender is not None:
            if self._key.decision:
                self._sender.put(self._key.previous(), 'next_observation', kept)
            if not over:
                self._sender.put(self._key, 'observation', kept)
        if over:
            self._on_end(self._tally)

    def _infer(self, observation: msg.Observation, sample: StateSample, attempt: int) -> None:
        chooser = self._fallback if attempt or self._refused else self._chooser
        key = self._key
        number = key.decision + attempt * _RETRY_STRIDE
        chosen = chooser.choose(self._learner_observation, key.episode, number)
        noise = noise_to_msg(chosen, key, sample.newest_ns, self._spec.sha256)

        def on_answer(answer: Any) -> None:
            if answer is None:
                raise PolicyOutputError(f'decision {key}: the policy node refused the goal.')
            self._on_chunk(answer.result, observation, noise, sample, attempt)

        goal = InferChunk.Goal(observation=observation, noise=noise)
        self._enter(Stage.INFER, Asked(self._policy, goal, on_answer).again)

    def _on_chunk(
        self,
        answer: InferChunk.Result,
        observation: msg.Observation,
        noise: msg.Noise,
        sample: StateSample,
        attempt: int,
    ) -> None:
        if answer.error_code == InferChunk.Result.BAD_OUTPUT and attempt + 1 < self._attempts:
            self._node.get_logger().warning(
                f'decision {self._key}: {answer.error_message} Another noise is drawn from the '
                'prior.'
            )
            self._infer(observation, sample, attempt + 1)
            return
        if answer.error_code != InferChunk.Result.NONE:
            raise PolicyOutputError(
                f'decision {self._key}: policy error {answer.error_code}: {answer.error_message}'
            )

        def ask() -> None:
            # The driver executes it once, and says what became of it each time that it comes.
            self._chunk_pub.publish(answer.chunk)

        self._enter(Stage.EXECUTE, ask)
        ask()
        # Only the noise that the chunk came from is the noise of this decision.
        self._noise_pub.publish(noise)
        if self._sender is not None:
            self._sender.put(self._key, 'noise', noise)

    def _on_result(self, result: msg.ChunkResult) -> None:
        if key_from_msg(result.id) != self._key or self._stage != Stage.EXECUTE:
            return
        self._enter(Stage.JUDGE, self._ask)  # the reward comes again with the result
        self._result = result
        self._not_before_ns = stamp_to_ns(result.header.stamp)
        self._refused = rejected = result.outcome == msg.ChunkResult.OUTCOME_REJECTED
        self._tally.num_decisions += 1
        self._tally.num_steps += result.num_executed
        self._tally.num_rejected += rejected
        if rejected:
            self._node.get_logger().warning(f'decision {self._key}: refused: {result.message}')
        if self._sender is not None:
            self._sender.put(self._key, 'result', result)
        self._next_decision()

    def _on_reward(self, reward: msg.Reward) -> None:
        if key_from_msg(reward.id) != self._key or self._reward is not None:
            return
        self._reward = reward
        if self._sender is not None:
            self._sender.put(self._key, 'reward', reward)
        self._next_decision()

    def _on_reward_status(self, status: msg.RewardStatus) -> None:
        """Be patient while the reward node says that it waits for a person."""
        awaiting = status.state == msg.RewardStatus.STATE_AWAITING_PERSON
        if awaiting and self._stage == Stage.JUDGE and key_from_msg(status.id) == self._key:
            self._patience.begin()

    def _next_decision(self) -> None:
        """Go on once both the result and the reward are here, whichever came first."""
        reward = self._reward
        if self._result is None or reward is None:
            return
        self._tally.return_value += reward.value
        self._tally.success = reward.success
        self._tally.terminated = reward.terminated
        self._tally.truncated = reward.truncated
        self._result = self._reward = None
        self._key = self._key.next()
        self._enter(Stage.OBSERVE)
        self._observe()
