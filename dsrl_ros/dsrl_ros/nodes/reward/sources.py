"""The sources of success whose reports arrive as messages: one subscription per source.

Each message becomes evidence; `tasks.reward.rewards` decides which evidence counts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

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


class Source(NamedTuple):
    """A source of success.

    Attributes:
        evidence: of its messages.
        expected: message and topic, for a warning.
    """

    evidence: Evidence
    expected: str


def subscribe(
    node: Node, config: RewardConfig, changed: Callable[[], None]
) -> dict[RewardSource, Source]:
    """Subscribe to every source of `config` but the person, who calls services.

    Args:
        node: that owns the subscriptions.
        config: names the sources.
        changed: called after every report.

    Raises:
        DsrlError: a classifier that cannot be loaded.
    """
    found: dict[RewardSource, Source] = {}
    for name in config.sources:
        if name == 'simulator':
            found[RewardSource.SIMULATOR] = _statuses(node, names.TASK_STATUS, changed)
        elif name == 'topic' and config.detector == 'bool':
            found[RewardSource.TOPIC] = _bools(node, changed)
        elif name == 'topic':
            found[RewardSource.TOPIC] = _statuses(node, names.SUCCESS, changed)
        elif name == 'classifier':
            found[RewardSource.CLASSIFIER] = _images(node, config, changed)
    return found


def _statuses(node: Node, topic: str, changed: Callable[[], None]) -> Source:
    """Subscribe to stamped task statuses, of the simulation or of a detector."""
    evidence = StampedEvidence()

    def on_status(status: TaskStatus) -> None:
        evidence.add(stamp_to_ns(status.header.stamp), status.success)
        changed()

    profile = qos.DECISION if topic == names.TASK_STATUS else qos.DETECTOR
    node.create_subscription(TaskStatus, topic, on_status, profile)
    return Source(evidence, f'a task status on {node.resolve_topic_name(topic)}')


def _bools(node: Node, changed: Callable[[], None]) -> Source:
    """Subscribe to the simplest detector: true or false, repeated, without a stamp."""
    evidence = ArrivingEvidence()

    def on_bool(message: Bool) -> None:
        evidence.add(message.data)
        changed()

    node.create_subscription(Bool, names.SUCCESS, on_bool, qos.DETECTOR)
    topic = node.resolve_topic_name(names.SUCCESS)
    return Source(evidence, f'a Bool after the end of the chunk on {topic}')


def _images(node: Node, config: RewardConfig, changed: Callable[[], None]) -> Source:
    """Subscribe to a camera and classify its images."""
    # Imported here: the other sources need no image library.
    from dsrl_ros.learning.success_classifier.classifier import SuccessClassifier

    classifier = SuccessClassifier.load(Path(config.classifier).expanduser())
    evidence = StampedEvidence(round(config.classifier_hold_s * 1e9))

    def on_image(message: Image) -> None:
        try:
            probability = classifier.probability(image_from_msg(message))
        except DsrlError as error:
            node.get_logger().error(str(error), throttle_duration_sec=10.0)
            return
        evidence.add(stamp_to_ns(message.header.stamp), probability >= config.classifier_threshold)
        changed()

    node.create_subscription(Image, names.CAMERA, on_image, qos.SENSOR)
    return Source(evidence, f'an image on {node.resolve_topic_name(names.CAMERA)}')
