"""Transitions: the observations that they keep, and a delivery that does not depend on QoS."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from rclpy.node import Node
from rclpy.serialization import serialize_message

from dsrl_msgs import msg
from dsrl_ros.core.journal import Journal
from dsrl_ros.core.types import Observation
from dsrl_ros.learning.steering.images import small, stacked
from dsrl_ros.nodes.steering.sensors import StateSample
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.images import image_from_msg, image_to_msg
from dsrl_ros.ros.messages import floats_to_msg, run_from_bytes
from dsrl_ros.ros.stamps import stamp_to_ns
from dsrl_ros.ros.waiting import STEADY_CLOCK

JOURNAL = 'transitions.journal'
_RESEND_S = 1.0


def learner_view(
    message: msg.Observation,
    sample: StateSample,
    cameras: Sequence[str],
    image_shape: tuple[int, int, int] | None,
) -> tuple[Observation, msg.Observation]:
    """Return an observation as the actor reads it, and the same as its transition keeps it.

    Both hold the same pixels: the learner learns from what was acted on.

    Args:
        message: as the policy gets it; a transition of states alone keeps it as it is.
        sample: of the sensors, that the message was made from.
        cameras: of the learner, (I,), in order; none for a learner of states.
        image_shape: (3 I, height, width), of all cameras together.

    Raises:
        ShapeMismatchError: an image that cannot be read.
    """
    if not cameras and not message.images and sample.features is None:
        return Observation(sample.state), message
    height, width = (0, 0) if image_shape is None else image_shape[1:]
    images = {name: sample.images[name] for name in cameras}
    pictures = {n: small(image_from_msg(image, n), height, width) for n, image in images.items()}
    kept = msg.Observation(
        header=message.header,
        id=message.id,
        state_names=message.state_names,
        state=message.state,
        image_names=list(cameras),
        images=[
            image_to_msg(stamp_to_ns(image.header.stamp), name, pictures[name])
            for name, image in images.items()
        ],
    )
    if sample.features is not None:
        kept.features = floats_to_msg(sample.features)
    return Observation(sample.state, stacked(list(pictures.values())), sample.features), kept


class TransitionSender:
    """Numbers, journals and sends transitions; resends each until the trainer acknowledges it.

    Args:
        node: that owns publisher, subscription and timer.
        run: of the transitions, 32 hexadecimal digits.
        run_dir: holds the journal.
        info: what the learner expects.
    """

    def __init__(self, node: Node, run: str, run_dir: Path, info: msg.LearnerInfo) -> None:
        self._run = run
        self._info = info
        self._next_sequence = 0
        self._unacknowledged: deque[msg.Transition] = deque()
        # Written before it is sent: a transition outlives the death of this process.
        self._journal = Journal(run_dir / JOURNAL)
        self._publisher = node.create_publisher(msg.Transition, names.TRANSITION, qos.DECISION)
        node.create_subscription(
            msg.TransitionAck, names.TRANSITION_ACK, self._on_ack, qos.DECISION
        )
        node.create_timer(_RESEND_S, self._resend, clock=STEADY_CLOCK)
        self._acknowledged_since_resend = True

    @property
    def unacknowledged(self) -> int:
        """Number of transitions that the trainer has not acknowledged."""
        return len(self._unacknowledged)

    def send(self, transition: msg.Transition) -> None:
        """Number, discount, journal and publish a transition."""
        executed = transition.result.num_executed if self._info.discount_per_step else 1
        transition.discount = self._info.discount**executed
        transition.sequence = self._next_sequence
        self._next_sequence += 1
        self._journal.append(serialize_message(transition))
        self._unacknowledged.append(transition)
        self._publisher.publish(transition)

    def close(self) -> None:
        """Flush the journal to the disk."""
        self._journal.close()

    def _on_ack(self, ack: msg.TransitionAck) -> None:
        if run_from_bytes(ack.run) != self._run:
            return
        while self._unacknowledged and self._unacknowledged[0].sequence <= ack.sequence:
            self._unacknowledged.popleft()
        self._acknowledged_since_resend = True

    def _resend(self) -> None:
        """Resend what is not acknowledged, unless acknowledgements are still coming in."""
        if not self._acknowledged_since_resend:
            for transition in self._unacknowledged:
                self._publisher.publish(transition)
        self._acknowledged_since_resend = False
