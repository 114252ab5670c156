"""Delivery of transitions that rests on no QoS: numbered, journaled, sent until acknowledged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.serialization import serialize_message

from dsrl_msgs import msg
from dsrl_ros.core.journal import Journal
from dsrl_ros.core.types import DecisionKey
from dsrl_ros.learning.steering.joining import Outbox, TransitionJoiner
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import key_to_msg, run_from_bytes
from dsrl_ros.ros.waiting import STEADY_CLOCK

JOURNAL = 'transitions.journal'


class TransitionSender:
    """Joins the parts of learned decisions into transitions and sees to their arrival.

    Args:
        node: that owns publisher and subscription.
        run: of the transitions, 32 hexadecimal digits.
        run_dir: holds the journal.
        info: what the learner expects.
        resend_period_s: time after which what is not acknowledged is sent again [s].
    """

    def __init__(
        self, node: Node, run: str, run_dir: Path, info: msg.LearnerInfo, resend_period_s: float
    ) -> None:
        self._run = run
        self._info = info
        self._joiner = TransitionJoiner()
        self._outbox = Outbox()
        self._phase = ''
        # Written before it is sent: a transition outlives the death of this process.
        self._journal = Journal(run_dir / JOURNAL)
        self._publisher = node.create_publisher(msg.Transition, names.TRANSITION, qos.DECISION)
        node.create_subscription(
            msg.TransitionAck, names.TRANSITION_ACK, self._on_ack, qos.DECISION
        )
        node.create_timer(resend_period_s, self._resend, clock=STEADY_CLOCK)
        self._acknowledged_since_resend = True

    @property
    def unacknowledged(self) -> int:
        """Transitions that the trainer is not known to have."""
        return len(self._outbox)

    def start_episode(self, phase: str) -> None:
        """Begin an episode whose transitions are learned from; what was incomplete is dropped."""
        self._phase = phase
        self._joiner.start_episode()

    def put(self, key: DecisionKey, part: str, message: Any) -> None:
        """Take in one part of a decision; send the transition once it is whole."""
        parts = self._joiner.put(key, part, message)
        if parts is None:
            return
        executed = parts['result'].num_executed if self._info.discount_per_step else 1
        transition = msg.Transition(
            id=key_to_msg(key),
            sequence=self._outbox.next_sequence,
            phase=self._phase,
            discount=self._info.discount**executed,
            **parts,
        )
        self._journal.append(serialize_message(transition))
        self._outbox.add(transition)
        self._publisher.publish(transition)

    def close(self) -> None:
        """Put the journal on the disk."""
        self._journal.close()

    def _on_ack(self, ack: msg.TransitionAck) -> None:
        if run_from_bytes(ack.run) == self._run:
            self._outbox.acknowledge(ack.sequence)
            self._acknowledged_since_resend = True

    def _resend(self) -> None:
        """Send again what is not acknowledged, unless acknowledgements are still coming in."""
        if not self._acknowledged_since_resend:
            for transition in self._outbox.unacknowledged():
                self._publisher.publish(transition)
        self._acknowledged_since_resend = False
