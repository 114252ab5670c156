"""The decisions of one episode: observe, choose noise, infer, execute, get the reward, repeat.

Event-driven: every step is a callback of the node's executor, and none waits. Messages are joined
by key; one with the key of another decision is ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any

from rclpy.action import ActionClient
from rclpy.node import Node

from dsrl_msgs import msg
from dsrl_msgs.action import InferChunk
from dsrl_ros.core.config.steering import SteeringConfig
from dsrl_ros.core.errors import PolicyOutputError
from dsrl_ros.core.types import DecisionKey, Observation, PolicySpec
from dsrl_ros.learning.steering.choosers import NoiseChooser
from dsrl_ros.learning.steering.observation import ObservationSpec
from dsrl_ros.learning.steering.plan import Phase
from dsrl_ros.nodes.steering.retry import RetryingGoal, RetryTimer
from dsrl_ros.nodes.steering.sensors import StateSample
from dsrl_ros.nodes.steering.transition_sender import TransitionSender, learner_view
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import key_from_msg, key_to_msg, noise_to_msg, observation_to_msg
from dsrl_ros.ros.stamps import stamp_to_ns

_ATTEMPTS = 4  # noises tried for one decision when the policy's answers are out of range
# The noises of later attempts are drawn under keys that no decision has.
_ATTEMPT_STRIDE = 1_000_000


class DecisionStage(Enum):
    """What the loop waits for, and from which node."""

    IDLE = 'nothing'
    OBSERVE = 'sensor samples as new as the end of the last chunk, from the robot or its twin'
    INFER = 'an action chunk, from the policy node'
    EXECUTE = 'the result of the chunk, from the driver node'
    REWARD = 'the reward, from the reward node'


class DecisionLoop:
    """Runs one episode after the other, each started by `start`.

    Args:
        node: that owns publishers and subscriptions.
        policy: client of the policy node.
        spec: of the policy.
        config: of the node; gives the learner's cameras and the timeout of a stage.
        sender: takes the transitions that are learned from.
    """

    def __init__(
        self,
        node: Node,
        policy: ActionClient,
        spec: PolicySpec,
        config: SteeringConfig,
        sender: TransitionSender,
    ) -> None:
        self._node = node
        self._policy = policy
        self._spec = spec
        self._cameras = config.learner_cameras
        self._sender = sender
        self._timer = RetryTimer(config.stage_timeout_s)
        self._stage = DecisionStage.IDLE
        self._newest: StateSample | None = None
        publisher, subscribe = node.create_publisher, node.create_subscription
        self._observation_pub = publisher(msg.Observation, names.OBSERVATION, qos.DECISION)
        self._noise_pub = publisher(msg.Noise, names.NOISE, qos.DECISION)
        self._chunk_pub = publisher(msg.ActionChunk, names.ACTION_CHUNK, qos.DECISION)
        subscribe(msg.ChunkResult, names.CHUNK_RESULT, self._on_result, qos.DECISION)
        subscribe(msg.Reward, names.REWARD, self._on_reward, qos.DECISION)
        subscribe(msg.RewardStatus, names.REWARD_STATUS, self._on_reward_status, qos.STATUS)

    def start(
        self,
        first: DecisionKey,
        phase: Phase,
        chooser: NoiseChooser,
        fallback: NoiseChooser,
        not_before_ns: int,
        sees: ObservationSpec,
        on_end: Callable[[msg.EpisodeResult], None],
    ) -> None:
        """Begin an episode.

        Args:
            first: key of its first decision.
            phase: of the run; decides whether transitions are sent.
            chooser: chooses the noise.
            fallback: chooses it after an answer of the policy that is out of range, and after a
                rejected chunk: given the same observation again, a deterministic actor would give
                the same noise until the rejections end the episode.
            not_before_ns: earliest stamp of the first observation [ns].
            sees: what the learner sees of every observation.
            on_end: called when the episode is over, with counts, return and outcome filled in.
        """
        self._key, self._phase = first, phase
        self._chooser, self._fallback = chooser, fallback
        self._not_before_ns = not_before_ns
        self._sees = sees
        self._on_end = on_end
        self._tally = msg.EpisodeResult()  # what happened so far
        self._rejected = False
        self._parts: dict[str, Any] = {}  # of the decision's transition, as they come
        self._enter(DecisionStage.OBSERVE)
        self._observe()

    def on_state(self, sample: StateSample) -> None:
        """Take the newest state of the sensors."""
        self._newest = sample
        if self.observing:
            self._observe()

    @property
    def observing(self) -> bool:
        """Whether it waits for a state of the sensors."""
        return self._stage is DecisionStage.OBSERVE

    def retry_overdue(self) -> str:
        """Ask again for what is overdue; return what it is and from whom, or an empty string.

        The robot holds meanwhile, and the episode continues when the answer comes.
        `nodes.steering.retry` explains what may have been lost.
        """
        if self._stage is DecisionStage.IDLE or not self._timer.check():
            return ''
        return (
            f'decision {self._key}: got nothing for {self._timer.waited_s:.1f} s, expected '
            f'{self._stage.value}. Check that it runs; its log says why it does not answer.'
        )

    def _enter(self, stage: DecisionStage, retry: Callable[[], None] | None = None) -> None:
        """Wait for something new, which `retry` asks for again."""
        self._stage = stage
        self._timer.begin(retry)

    def _observe(self) -> None:
        sample = self._newest
        if sample is None or sample.oldest_ns < self._not_before_ns:
            return
        spec, stamp_ns = self._spec, sample.newest_ns
        images = {name: sample.images[name] for name in spec.image_names}
        message = observation_to_msg(self._key, stamp_ns, spec.state_names, sample.state, images)
        observation, kept = learner_view(message, sample, self._cameras, self._sees.image_shape)
        self._sees.check(observation)
        over = self._tally.terminated or self._tally.truncated
        parts, self._parts = self._parts, {'observation': kept}
        self._enter(DecisionStage.IDLE)
        if not over:
            # First, so that the rest is done while the policy computes.
            self._infer(message, observation, attempt=0)
        self._observation_pub.publish(message)
        if parts and self._phase.learned:
            key = key_to_msg(self._key.previous())
            self._sender.send(
                msg.Transition(id=key, phase=self._phase.value, next_observation=kept, **parts)
            )
        if over:
            self._on_end(self._tally)

    def _infer(self, message: msg.Observation, observation: Observation, attempt: int) -> None:
        chooser = self._fallback if attempt or self._rejected else self._chooser
        key = self._key
        number = key.decision + attempt * _ATTEMPT_STRIDE
        chosen = chooser.choose(observation, key.episode, number)
        stamp_ns = stamp_to_ns(message.header.stamp)
        noise = noise_to_msg(chosen, key, stamp_ns, self._spec.sha256)

        def on_answer(answer: Any) -> None:
            if answer is None:
                raise PolicyOutputError(f'decision {key}: the policy node rejected the goal.')
            result: InferChunk.Result = answer.result
            if result.error_code == InferChunk.Result.BAD_OUTPUT and attempt + 1 < _ATTEMPTS:
                self._node.get_logger().warning(
                    f'decision {key}: {result.error_message} Retrying with noise from the prior.'
                )
                self._infer(message, observation, attempt + 1)
            elif result.error_code != InferChunk.Result.NONE:
                raise PolicyOutputError(
                    f'decision {key}: policy error {result.error_code}: {result.error_message}'
                )
            else:
                self._execute(result.chunk, noise)

        goal = InferChunk.Goal(observation=message, noise=noise)
        self._enter(DecisionStage.INFER, RetryingGoal(self._policy, goal, on_answer).retry)

    def _execute(self, chunk: msg.ActionChunk, noise: msg.Noise) -> None:
        # The driver executes it once, and answers with the result each time that it comes.
        publish = partial(self._chunk_pub.publish, chunk)
        self._enter(DecisionStage.EXECUTE, publish)
        publish()
        # Only the noise that the chunk came from is the noise of this decision.
        self._noise_pub.publish(noise)
        self._parts['noise'] = noise

    def _on_result(self, result: msg.ChunkResult) -> None:
        if self._stage is not DecisionStage.EXECUTE or key_from_msg(result.id) != self._key:
            return
        self._stage = DecisionStage.REWARD
        self._timer.restart()  # the chunk asks for both: the reward comes again with the result
        self._not_before_ns = stamp_to_ns(result.header.stamp)
        self._rejected = rejected = result.outcome == msg.ChunkResult.OUTCOME_REJECTED
        self._tally.num_decisions += 1
        self._tally.num_steps += result.num_executed
        self._tally.num_rejected += rejected
        if rejected:
            self._node.get_logger().warning(f'decision {self._key}: rejected: {result.message}')
        self._parts['result'] = result
        self._end_decision()

    def _on_reward(self, reward: msg.Reward) -> None:
        if self._stage is DecisionStage.IDLE or key_from_msg(reward.id) != self._key:
            return
        self._parts.setdefault('reward', reward)
        self._end_decision()

    def _on_reward_status(self, status: msg.RewardStatus) -> None:
        """Restart the wait while the reward node reports that it waits for a person."""
        if (
            status.state == msg.RewardStatus.STATE_AWAITING_PERSON
            and self._stage is DecisionStage.REWARD
            and key_from_msg(status.id) == self._key
        ):
            self._timer.restart()

    def _end_decision(self) -> None:
        """Go on to the next decision once result and reward are here, whichever came first."""
        if not {'result', 'reward'} <= self._parts.keys():
            return
        reward: msg.Reward = self._parts['reward']
        self._tally.return_value += reward.value
        self._tally.success = reward.success
        self._tally.terminated = reward.terminated
        self._tally.truncated = reward.truncated
        self._key = self._key.next()
        self._enter(DecisionStage.OBSERVE)
        self._observe()
