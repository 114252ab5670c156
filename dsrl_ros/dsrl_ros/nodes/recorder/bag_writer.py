"""One rosbag2 per episode, written without rosbag2: MCAP through `rosbags`, bytes as received.

Owns which message belongs to which episode, and the audit of the messages in an episode's bag.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from dsrl_msgs import msg
from dsrl_ros.ros import names

AUDIT = 'dsrl_audit'  # key of the audit in the custom data of a bag's metadata.yaml

# A bag must hold one message of each of these topics per decision.
PER_DECISION = {
    names.OBSERVATION: msg.Observation,
    names.NOISE: msg.Noise,
    names.ACTION_CHUNK: msg.ActionChunk,
    names.CHUNK_RESULT: msg.ChunkResult,
    names.REWARD: msg.Reward,
    names.TRANSITION: msg.Transition,
}
_LEARNED_PHASES = ('warmup', 'online')  # only their transitions are sent


def typestore() -> Typestore:
    """Return the types of this ROS distribution and of `dsrl_msgs`, for reading and writing bags.

    Raises:
        PackageNotFoundError: `dsrl_msgs` is not built, or its install is not sourced.
    """
    distribution = os.environ.get('ROS_DISTRO', 'jazzy').upper()
    store = get_typestore(Stores[f'ROS2_{distribution}'])
    types = {}
    for path in sorted(Path(get_package_share_directory('dsrl_msgs'), 'msg').glob('*.msg')):
        types.update(get_types_from_msg(path.read_text(), f'dsrl_msgs/msg/{path.stem}'))
    store.register(types)
    return store


class Definitions:
    """Message definitions and type hashes as a bag holds them, each computed once."""

    def __init__(self) -> None:
        self._store = typestore()
        self._known: dict[str, tuple[str, str]] = {}

    def of(self, type_name: str) -> tuple[str, str]:
        """Return (definition, RIHS01 hash) of a type named like 'std_msgs/msg/Bool'."""
        if type_name not in self._known:
            definition, _ = self._store.generate_msgdef(type_name, ros_version=2)
            self._known[type_name] = (definition, self._store.hash_rihs01(type_name))
        return self._known[type_name]


@dataclass(frozen=True)
class Received:
    """One message as it was received.

    Attributes:
        topic: as named in `ros.names`.
        full_name: resolved, as it goes into the bag.
        type_name: like 'std_msgs/msg/Bool'.
        data: CDR bytes.
        stamp_ns: when it was received [ns], wall time.
    """

    topic: str
    full_name: str
    type_name: str
    data: bytes
    stamp_ns: int


class _Bag:
    """The bag of one episode."""

    def __init__(self, path: Path, definitions: Definitions) -> None:
        self._definitions = definitions
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._connections: dict[str, Connection] = {}
        self.counts: Counter[str] = Counter()  # a repeated message counts once
        self._parts: set[tuple[str, int | None]] = set()  # by topic and decision
        self.expected: dict[str, int] | None = None  # known once the episode has ended
        self.ended_ns = 0

    def write(self, message: Received, decision: int | None = None) -> None:
        connection = self._connections.get(message.full_name)
        if connection is None:
            definition, digest = self._definitions.of(message.type_name)
            connection = self._writer.add_connection(
                message.full_name, message.type_name, msgdef=definition, rihs01=digest
            )
            self._connections[message.full_name] = connection
        self._writer.write(connection, message.stamp_ns, message.data)
        part = message.topic, decision
        if decision is None or part not in self._parts:
            self.counts[message.topic] += 1
            self._parts.add(part)

    def missing(self) -> dict[str, int]:
        """Return how many messages of each topic are still to come."""
        return dict(Counter(self.expected) - self.counts)

    def close(self) -> None:
        audit = {'complete': self.expected is not None and not self.missing()}
        self._writer.set_custom_data(
            AUDIT, json.dumps({**audit, 'missing': self.missing(), 'counts': dict(self.counts)})
        )
        self._writer.close()


@dataclass
class EpisodeBags:
    """Sorts messages into the bags of their episodes.

    Args:
        folder: holds one bag per episode, named by its number.
        definitions: of the message types.
        grace_ns: how long a bag waits for missing messages after its episode [ns].
    """

    folder: Path
    definitions: Definitions
    grace_ns: int = 2_000_000_000
    _open: dict[int, _Bag] = field(default_factory=dict)
    _newest: int = -1
    _preface: dict[str, Received] = field(default_factory=dict)

    def add_preface(self, message: Received) -> None:
        """Keep a latched message: the newest of each topic begins every bag from now on."""
        self._preface[message.topic] = message
        for bag in self._open.values():
            bag.write(message)

    def add(self, message: Received, episode: int | None, decision: int | None = None) -> None:
        """Write a message into the bag of its episode.

        Args:
            message: as received.
            episode: its key's; None for a sensor's, which goes into the newest bag and, between
                two episodes, into none.
            decision: its key's; None where it has none.
        """
        if episode is None:
            episode = self._newest
        elif episode > self._newest:
            self._newest = episode
            self._open[episode] = bag = _Bag(self.folder / f'{episode:04d}', self.definitions)
            for earlier in self._preface.values():
                bag.write(earlier)
        if episode in self._open:
            self._open[episode].write(message, decision)

    def end(self, episode: int, phase: str, num_decisions: int, now_ns: int) -> None:
        """Note how long an episode was; its bag closes once it is complete."""
        bag = self._open.get(episode)
        if bag is None:
            return
        expected = dict.fromkeys(PER_DECISION, num_decisions)
        expected[names.OBSERVATION] += 1  # the last one, which has no decision
        if phase not in _LEARNED_PHASES:
            del expected[names.TRANSITION]
        bag.expected, bag.ended_ns = expected, now_ns

    def close_finished(self, now_ns: int) -> dict[int, dict[str, int]]:
        """Close the bags that are complete or out of grace.

        Returns:
            What is missing by topic, for each bag closed incomplete.
        """
        incomplete = {}
        for episode, bag in list(self._open.items()):
            missing = bag.missing()
            if bag.expected is None or (missing and now_ns - bag.ended_ns < self.grace_ns):
                continue
            bag.close()
            del self._open[episode]
            if missing:
                incomplete[episode] = missing
        return incomplete

    def close(self) -> None:
        """Close every bag as it is."""
        for bag in self._open.values():
            bag.close()
        self._open.clear()
