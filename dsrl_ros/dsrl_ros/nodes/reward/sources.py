"""Who judges success, as the reward node hears it: one listener per source that messages come of.

Each turns its messages into evidence; what evidence counts for which decision is decided in
`tasks.reward.rewards`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Bool

from dsrl_msgs.msg import TaskStatus
from dsrl_ros.core.config.reward import RewardConfig
from dsrl_ros.core.errors import DsrlError
from dsrl_ros.core.types import RewardSource
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.images import image_from_msg
from dsrl_ros.ros.stamps import stamp_to_ns
from dsrl_ros.tasks.reward.evidence import ArrivingEvidence, Evidence, StampedEvidence


class Listener(Protocol):
    """A source of evidence."""

    @property
    def evidence(self) -> Evidence:
        """What it has said."""
        ...

    @property
    def awaited(self) -> str:
        """What is expected of it and where, for a warning."""
        ...


class StatusListener:
    """Task statuses, which bear a stamp: of the simulation, or of a detector."""

    def __init__(self, node: Node, topic: str, changed: Callable[[], None]) -> None:
        self.evidence = StampedEvidence()
        self.awaited = f'a task status on {node.resolve_topic_name(topic)}'
        self._changed = changed
        profile = qos.DECISION if topic == names.TASK_STATUS else qos.DETECTOR
        node.create_subscription(TaskStatus, topic, self._on_status, profile)

    def _on_status(self, status: TaskStatus) -> None:
        self.evidence.add(stamp_to_ns(status.header.stamp), status.success)
        self._changed()


class BoolListener:
    """The plainest detector: true or false, again and again, without a stamp."""

    def __init__(self, node: Node, changed: Callable[[], None]) -> None:
        self.evidence = ArrivingEvidence()
        self.awaited = f'a Bool after the end of the chunk on {_full(node, names.SUCCESS)}'
        self._changed = changed
        node.create_subscription(Bool, names.SUCCESS, self._on_bool, qos.DETECTOR)

    def _on_bool(self, message: Bool) -> None:
        self.evidence.add(message.data)
        self._changed()


class CameraListener:
    """A camera, and the classifier that looks at its images."""

    def __init__(self, node: Node, config: RewardConfig, changed: Callable[[], None]) -> None:
        # Imported when asked for: others need no images.
        from dsrl_ros.learning.success_classifier.classifier import SuccessClassifier

        self._classifier = SuccessClassifier.load(Path(config.classifier).expanduser())
        self._threshold = config.classifier_threshold
        self._logger = node.get_logger()
        self._changed = changed
        self.evidence = StampedEvidence(round(config.classifier_hold_s * 1e9))
        self.awaited = f'an image on {_full(node, names.CAMERA)}'
        node.create_subscription(Image, names.CAMERA, self._on_image, qos.SENSOR)

    def _on_image(self, message: Image) -> None:
        try:
            probability = self._classifier.probability(image_from_msg(message))
        except DsrlError as error:
            self._logger.error(str(error), throttle_duration_sec=10.0)
            return
        self.evidence.add(stamp_to_ns(message.header.stamp), probability >= self._threshold)
        self._changed()


def listen(
    node: Node, config: RewardConfig, changed: Callable[[], None]
) -> dict[RewardSource, Listener]:
    """Subscribe to every source of `config` that messages come of; a person calls services.

    Args:
        node: that owns the subscriptions.
        config: names the sources.
        changed: called after every word.

    Raises:
        DsrlError: a classifier that cannot be loaded.
    """
    found: dict[RewardSource, Listener] = {}
    for name in config.sources:
        if name == 'simulator':
            found[RewardSource.SIMULATOR] = StatusListener(node, names.TASK_STATUS, changed)
        elif name == 'topic' and config.detector == 'bool':
            found[RewardSource.TOPIC] = BoolListener(node, changed)
        elif name == 'topic':
            found[RewardSource.TOPIC] = StatusListener(node, names.SUCCESS, changed)
        elif name == 'classifier':
            found[RewardSource.CLASSIFIER] = CameraListener(node, config, changed)
    return found


def _full(node: Node, topic: str) -> str:
    return str(node.resolve_topic_name(topic))
