"""The judging part of the reward node: evidence and marks in, a reward per decision out.

Decides nothing itself: `tasks.reward.rewards` does.
"""

from __future__ import annotations

import time
from functools import partial

from rclpy.node import Node
from std_srvs.srv import Trigger

from dsrl_msgs.msg import ChunkResult, Reward, RewardStatus
from dsrl_ros.core.config.reward import RewardConfig
from dsrl_ros.core.types import NO_RUN, DecisionKey, RewardSource
from dsrl_ros.nodes.reward.sources import listen
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import key_from_msg, key_to_msg
from dsrl_ros.ros.stamps import header, stamp_to_ns
from dsrl_ros.ros.waiting import STEADY_CLOCK
from dsrl_ros.tasks.reward.limits import EpisodeJudge
from dsrl_ros.tasks.reward.marks import Mark
from dsrl_ros.tasks.reward.rewards import ChunkEnd, Judgement, RewardJudge

MARKS = {
    names.MARK_SUCCESS: Mark.SUCCESS,
    names.MARK_FAILURE: Mark.FAILURE,
    names.ABORT_EPISODE: Mark.ABORT,
}
# While a person is waited for: how often time is looked at, and steering told to be patient.
_PATIENCE_S = 0.25


class Judging:
    """Answers every chunk result with a reward, and a person with what became of the mark.

    Args:
        node: that owns publishers, subscriptions and services.
        config: who judges, and the limits.

    Raises:
        DsrlError: a classifier that cannot be loaded.
    """

    def __init__(self, node: Node, config: RewardConfig) -> None:
        self._node = node
        self._listeners = listen(node, config, self._decide)
        self._judge = RewardJudge(
            EpisodeJudge(config.max_steps, config.max_rejects),
            tuple(RewardSource[name.upper()] for name in config.sources),
            {name: listener.evidence for name, listener in self._listeners.items()},
            need_all=config.success_when == 'all',
            person_timeout_s=config.person_timeout_s,
        )
        self._newest = DecisionKey('', NO_RUN, 0, 0)  # decision judged last, or awaited
        self._end_ns = 0
        self._timeout_s = config.status_timeout_s
        self._since_s = 0.0  # when the newest result came
        self._last: tuple[DecisionKey | None, Reward] = (None, Reward())  # judged last
        self._warned = self._awaiting = False
        self._asked = ''  # of a person, by a reset
        self._reward_pub = node.create_publisher(Reward, names.REWARD, qos.DECISION)
        self._status_pub = node.create_publisher(RewardStatus, names.REWARD_STATUS, qos.STATUS)
        node.create_subscription(ChunkResult, names.CHUNK_RESULT, self._on_result, qos.DECISION)
        node.create_timer(self._timeout_s / 2, self._warn_of_late, clock=STEADY_CLOCK)
        if 'person' in config.sources:
            for name, mark in MARKS.items():
                node.create_service(Trigger, name, partial(self._on_mark, mark))
            node.create_timer(_PATIENCE_S, self._wait_for_person, clock=STEADY_CLOCK)
        self._say('No episode has started yet.')

    def start(self, first: DecisionKey, stamp_ns: int) -> None:
        """Begin an episode once its start is there.

        Args:
            first: key of its first decision.
            stamp_ns: its first state is not older [ns].
        """
        self._newest, self._awaiting = first, False
        self._judge.start(first, stamp_ns)
        self._say(f'Episode {first.episode} runs.')

    def say_reset(self, asked: str) -> None:
        """Say what a reset asks a person for; nothing when it asks no more."""
        self._asked = asked
        self._say(asked or 'The reset goes on.')

    def _on_result(self, result: ChunkResult) -> None:
        key, end_ns = key_from_msg(result.id), stamp_to_ns(result.header.stamp)
        last, reward = self._last
        if key == last:
            self._reward_pub.publish(reward)  # who asks again has lost it
        elif self._judge.take(ChunkEnd(key, end_ns, result.num_executed)):
            self._newest, self._end_ns, self._since_s = key, end_ns, time.monotonic()
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
            self._say(f'Marked by a person. {answer.message}')
            self._decide()
        return response

    def _decide(self) -> None:
        while (found := self._judge.decide(time.monotonic())) is not None:
            self._warned = self._awaiting = False
            self._publish(found)
        if self._judge.deadline_s is not None and not self._awaiting:
            self._awaiting = True
            self._node.get_logger().info(self._asking())
            self._say(self._asking())

    def _publish(self, found: Judgement) -> None:
        verdict = found.verdict
        reward = Reward(header=header(found.stamp_ns), id=key_to_msg(found.key))
        reward.value = verdict.reward
        reward.terminated, reward.truncated = verdict.terminated, verdict.truncated
        reward.success, reward.source = verdict.success, int(found.source)
        self._last = found.key, reward
        self._reward_pub.publish(reward)
        if verdict.over:
            source = found.source.name.lower()
            self._say(f'Episode {found.key.episode}: {verdict.outcome}, by {source}.')

    def _wait_for_person(self) -> None:
        """Look at the time, and tell steering that somebody still thinks."""
        if self._judge.deadline_s is not None:
            self._say(self._asking())
            self._decide()

    def _asking(self) -> str:
        return f'Episode {self._newest.episode} has reached a limit: success or failure?'

    def _say(self, message: str) -> None:
        deadline_s = self._judge.deadline_s
        status = RewardStatus(
            header=header(self._end_ns), id=key_to_msg(self._newest), message=message
        )
        if deadline_s is not None:
            status.state = RewardStatus.STATE_AWAITING_PERSON
            status.remaining = max(0.0, deadline_s - time.monotonic())
        elif self._asked:
            status.state = RewardStatus.STATE_RESET_WAITS
        elif self._judge.running:
            status.state = RewardStatus.STATE_RUNNING
        self._status_pub.publish(status)

    def _warn_of_late(self) -> None:
        """Say once per decision which evidence is late; the decision waits for it."""
        key, late = self._judge.pending, self._judge.late()
        waited_s = time.monotonic() - self._since_s
        if key is None or not late or self._warned or waited_s < self._timeout_s:
            return
        self._warned = True
        awaited = ', '.join(f'{n.name.lower()} ({self._listeners[n].awaited})' for n in late)
        self._node.get_logger().warning(
            f'reward: got nothing as new as the end of chunk {key.episode}/{key.decision} for '
            f'{waited_s:.1f} s from {awaited}; the decision waits for it. Check that its '
            'publisher lives.'
        )
