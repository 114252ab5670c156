"""The newest message of a topic, deserialized only when it is read.

A vendor's states come at 1 kHz, and Python needs half a millisecond to build one FrankaRobotState:
messages stay bytes, of which only the stamp is decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message

_HEADER = 4  # bytes that state the encoding; the second gives the byte order
_NS = 1_000_000_000


def stamp_of(data: bytes) -> int:
    """Return the stamp of a serialised message that begins with a header [ns]."""
    sec, nanosec = struct.unpack_from('<iI' if data[1] & 1 else '>iI', data, _HEADER)
    return int(sec * _NS + nanosec)


class LatestMessage:
    """The newest message of a topic, whose type begins with a `std_msgs/Header`.

    Attributes:
        stamp_ns: of that message [ns]; None before the first.
        name: of the topic, resolved.
    """

    def __init__(
        self,
        node: Node,
        kind: type,
        topic: str,
        profile: QoSProfile,
        came: Callable[[int], None] | None = None,
    ) -> None:
        """Subscribe.

        Args:
            node: that owns the subscription.
            kind: type of the messages.
            topic: name of the topic.
            profile: QoS.
            came: called with the stamp of each message [ns].
        """
        self._node = node
        self._kind = kind
        self._came = came
        self._data = b''
        self._read: Any = None
        self.stamp_ns: int | None = None
        self._subscription = node.create_subscription(
            kind, topic, self._on_bytes, profile, raw=True
        )
        self.name = self._subscription.topic_name

    def message(self) -> Any:
        """Return the newest message; None before the first."""
        if self._read is None and self._data:
            self._read = deserialize_message(self._data, self._kind)
        return self._read

    def destroy(self) -> None:
        """Unsubscribe."""
        self._node.destroy_subscription(self._subscription)

    def _on_bytes(self, data: bytes) -> None:
        self._data, self._read = data, None
        self.stamp_ns = stamp_of(data)
        if self._came is not None:
            self._came(self.stamp_ns)
