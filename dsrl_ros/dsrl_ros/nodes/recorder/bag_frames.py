"""Labelled camera images from the bag of an episode; its outcome gives the labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import Reader, ReaderError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from dsrl_ros.core.types import RewardSource
from dsrl_ros.ros import names
from dsrl_ros.ros.images import image_from_msg
from dsrl_ros.ros.messages import run_from_bytes
from dsrl_ros.ros.stamps import stamp_to_ns


@dataclass(frozen=True)
class Frame:
    """One labelled image.

    Attributes:
        run: of the episode, 32 hexadecimal digits.
        episode: its number.
        number: of the frame in its bag.
        success: the label.
        image: RGB, (H, W, 3).
    """

    run: str
    episode: int
    number: int
    success: bool
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Selection:
    """Which frames of an episode are taken.

    Attributes:
        num_last: frames at the end of a success, which show it.
        num_others: frames that do not, spread evenly over the rest.
        margin_ns: time before the end of a success whose frames have no known label, since the
            verdict may have come late [ns].
    """

    num_last: int
    num_others: int
    margin_ns: int


def choose(
    stamps_ns: Sequence[int], end_ns: int, success: bool, selection: Selection
) -> dict[int, bool]:
    """Choose frames of an episode and label them.

    Args:
        stamps_ns: of the frames, in order.
        end_ns: of the episode; later frames belong to no episode.
        success: how it ended.
        selection: which are taken.

    Returns:
        Label by number of the frame.
    """
    count = sum(stamp <= end_ns for stamp in stamps_ns)
    if not count:
        return {}
    last, others = range(0), count
    if success:
        last = range(max(0, count - selection.num_last), count)
        before = sum(stamp <= end_ns - selection.margin_ns for stamp in stamps_ns)
        others = min(before, last.start)
    num_others = selection.num_others
    spread = np.linspace(0, others - 1, min(num_others, others)).round().astype(int)
    return {**{int(i): False for i in spread}, **dict.fromkeys(last, True)}


def labelled_frames(bag: Path, selection: Selection) -> Iterator[Frame] | None:
    """Return the labelled images of a bag; None where its episode has no outcome.

    Such an episode was aborted by a person, or its bag is incomplete.

    Args:
        bag: folder of the episode.
        selection: which images are taken.

    Raises:
        ShapeMismatchError: an image in an encoding that is not known.
    """
    last, end_ns = None, 0
    try:
        for topic, message in _messages(bag, (names.REWARD, names.OBSERVATION)):
            if topic == names.REWARD:
                last = message
            else:
                end_ns = max(end_ns, stamp_to_ns(message.header.stamp))
    except (ReaderError, FileNotFoundError):  # the recorder was killed
        return None
    if last is None or not (last.terminated or last.truncated):
        return None
    if last.truncated and last.source == RewardSource.PERSON:
        return None
    return _frames(bag, last, end_ns, selection)


def _frames(bag: Path, reward: Any, end_ns: int, selection: Selection) -> Iterator[Frame]:
    """Yield the frames of an episode that ended with this reward, after this observation."""
    run = run_from_bytes(reward.id.run)
    stamps = [stamp_to_ns(m.header.stamp) for _, m in _messages(bag, (names.CAMERA,))]
    chosen = choose(stamps, end_ns, reward.success, selection)
    for number, (_, message) in enumerate(_messages(bag, (names.CAMERA,))):
        if number in chosen:
            image = image_from_msg(message)
            yield Frame(run, reward.id.episode, number, chosen[number], image)


def _messages(bag: Path, topics: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield topic, as in `ros.names`, and message, in the order in which they came.

    Messages are read by the definitions in the bag, which may be older than those of today.
    """
    with Reader(bag) as reader:
        known = {
            connection.id: topic
            for connection in reader.connections
            for topic in topics
            if connection.topic.endswith(f'/{topic}')
        }
        wanted = [c for c in reader.connections if c.id in known]
        if not wanted:
            return
        store = get_typestore(Stores.EMPTY)
        for connection in wanted:
            store.register(get_types_from_msg(connection.msgdef.data, connection.msgtype))
        for connection, _, data in reader.messages(connections=wanted):
            yield known[connection.id], store.deserialize_cdr(data, connection.msgtype)
