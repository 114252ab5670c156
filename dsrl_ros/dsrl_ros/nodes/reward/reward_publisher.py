"""Publishes a reward for every chunk result, and the state of the reward node.

The rules are `tasks.reward.rewards`; this module carries messages in and out.
"""

from __future__ import annotations

import time
from functools import partial

from rclpy.node import Node
from std_srvs.srv import Trigger

from dsrl_msgs.msg import ChunkResult, Reward, RewardStatus
from dsrl_ros.core.config.reward import RewardConfig
from dsrl_ros.core.types import NO_RUN, DecisionKey, RewardSource
from dsrl_ros.nodes.reward.sources import subscribe
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import key_from_msg, key_to_msg
from dsrl_ros.ros.stamps import header, stamp_to_ns
from dsrl_ros.ros.waiting import STEADY_CLOCK
from dsrl_ros.tasks.reward.evidence import Mark
from dsrl_ros.tasks.reward.limits import EpisodeLimits
from dsrl_ros.tasks.reward.rewards import FinishedChunk, JudgedDecision, RewardJudge

MARKS = {
    names.MARK_SUCCESS: Mark.SUCCESS,
    names.MARK_FAILURE: Mark.FAILURE,
    names.ABORT_EPISODE: Mark.ABORT,
}
# While it waits for a person: how often it checks the time and keeps steering from giving up.
_WAIT_PERIOD_S = 0.25


class RewardPublisher:
    """Answers every chunk result with a reward, and a person's mark with whether it counts.

    Args:
        node: that owns publishers, subscriptions and services.
        config: sources of success, and the limits.

    Raises:
        DsrlError: a classifier that cannot be loaded.
    """

    def __init__(self, node: Node, config: RewardConfig) -> None:
        self._node = node
        self._sources = subscribe(node, config, self._decide)
        self._judge = RewardJudge(
            EpisodeLimits(config.max_steps, config.max_rejects),
            tuple(RewardSource[name.upper()] for name in config.sources),
            {name: source.evidence for name, source in self._sources.items()},
            need_all=config.success_when == 'all',
            person_timeout_s=config.person_timeout_s,
        )
        self._newest = DecisionKey('', NO_RUN, 0, 0)  # decision judged last, or pending
        self._end_ns = 0  # of its chunk
        self._arrived_s = 0.0  # when its result arrived
        self._last: tuple[DecisionKey | None, Reward] = (None, Reward())  # judged last
        self._warned = False  # of late evidence for the pending decision
        self._waiting = False  # for a person's verdict on the pending decision
        self._reset_request = ''  # to a person
        self._timeout_s = config.status_timeout_s
        self._reward_pub = node.create_publisher(Reward, names.REWARD, qos.DECISION)
        self._status_pub = node.create_publisher(RewardStatus, names.REWARD_STATUS, qos.STATUS)
        node.create_subscription(ChunkResult, names.CHUNK_RESULT, self._on_result, qos.DECISION)
        node.create_timer(self._timeout_s / 2, self._warn_if_late, clock=STEADY_CLOCK)
        if 'person' in config.sources:
            for name, mark in MARKS.items():
                node.create_service(Trigger, name, partial(self._on_mark, mark))
            node.create_timer(_WAIT_PERIOD_S, self._keep_waiting, clock=STEADY_CLOCK)
        self._publish_status('No episode has started yet.')

    def start(self, first: DecisionKey, stamp_ns: int) -> None:
        """Begin an episode after its reset.

        Args:
            first: key of its first decision.
            stamp_ns: its first state is not older [ns].
        """
        self._newest, self._waiting = first, False
        self._judge.start(first, stamp_ns)
        self._publish_status(f'Episode {first.episode} runs.')

    def show_reset_request(self, request: str) -> None:
        """Publish what a reset asks a person to do; empty when it no longer asks."""
        self._reset_request = request
        self._publish_status(request or 'The reset goes on.')

    def _on_result(self, result: ChunkResult) -> None:
        key, end_ns = key_from_msg(result.id), stamp_to_ns(result.header.stamp)
        last, reward = self._last
        if key == last:
            self._reward_pub.publish(reward)  # the sender has lost the first answer
        elif self._judge.take(FinishedChunk(key, end_ns, result.num_executed)):
            self._newest, self._end_ns, self._arrived_s = key, end_ns, time.monotonic()
            self._decide()
        elif key > self._newest:
            self._node.get_logger().warning(
                f'reward: got the result of chunk {key.episode}/{key.decision} after its episode '
                'had ended, expected a reset before it. It is not judged.'
            )

    def _on_mark(
        self, mark: Mark, _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        answer = self._judge.mark(mark)
        response.success, response.message = answer.accepted, answer.message
        self._node.get_logger().info(f'person: {answer.message}')
        if answer.accepted:
            self._publish_status(f'Marked by a person. {answer.message}')
            self._decide()
        return response

    def _decide(self) -> None:
        """Publish every reward that is due; begin to wait for a person where a rule says so."""
        while (judged := self._judge.decide(time.monotonic())) is not None:
            self._warned = self._waiting = False
            self._publish_reward(judged)
        if self._judge.deadline_s is not None and not self._waiting:
            self._waiting = True
            self._node.get_logger().info(self._question())
            self._publish_status(self._question())

    def _publish_reward(self, judged: JudgedDecision) -> None:
        key, verdict, source = judged.key, judged.verdict, judged.source
        reward = Reward(header=header(judged.stamp_ns), id=key_to_msg(key))
        reward.value = verdict.reward
        reward.terminated, reward.truncated = verdict.terminated, verdict.truncated
        reward.success, reward.source = verdict.success, int(source)
        self._last = key, reward
        self._reward_pub.publish(reward)
        if verdict.over:
            by = source.name.lower()
            self._publish_status(f'Episode {key.episode}: {verdict.outcome}, by {by}.')

    def _keep_waiting(self) -> None:
        """Check the time limit of a person's verdict, and report that the wait goes on."""
        if self._judge.deadline_s is not None:
            self._publish_status(self._question())
            self._decide()

    def _question(self) -> str:
        return f'Episode {self._newest.episode} has reached a limit: success or failure?'

    def _publish_status(self, message: str) -> None:
        deadline_s = self._judge.deadline_s
        status = RewardStatus(
            header=header(self._end_ns), id=key_to_msg(self._newest), message=message
        )
        if deadline_s is not None:
            status.state = RewardStatus.STATE_AWAITING_PERSON
            status.remaining = max(0.0, deadline_s - time.monotonic())
        elif self._reset_request:
            status.state = RewardStatus.STATE_RESET_WAITS
        elif self._judge.running:
            status.state = RewardStatus.STATE_RUNNING
        self._status_pub.publish(status)

    def _warn_if_late(self) -> None:
        """Warn once per decision of late evidence; the decision waits for it."""
        key, late = self._judge.pending, self._judge.late()
        waited_s = time.monotonic() - self._arrived_s
        if key is None or not late or self._warned or waited_s < self._timeout_s:
            return
        self._warned = True
        missing = ', '.join(f'{n.name.lower()} ({self._sources[n].expected})' for n in late)
        self._node.get_logger().warning(
            f'reward: got nothing as new as the end of chunk {key.episode}/{key.decision} for '
            f'{waited_s:.1f} s from {missing}; the decision waits for it. Check that its '
            'publisher is running.'
        )
