"""One sensor topic as the synchronizer reads it: thinned, and with history to look back at."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import Image

from dsrl_ros.nodes.steering.sensor_table import Sensor, Topic
from dsrl_ros.ros import qos
from dsrl_ros.ros.stamps import stamp_to_ns

try:
    import message_filters
except ImportError:  # no wheel carries it
    from dsrl_ros.ros.fallbacks import message_filters

# How long a sensor's messages wait for those of another, say a camera, that come later.
MEMORY_S = 0.5


class History:
    """The newest messages of a sensor, one per stamp, for sensors that look back.

    Args:
        span_ns: how far back it must know them [ns].
    """

    def __init__(self, span_ns: int) -> None:
        self._span_ns = span_ns
        self.clear()

    def __len__(self) -> int:
        return len(self._messages)

    def clear(self) -> None:
        """Forget everything."""
        self._stamps_ns: list[int] = []  # rising
        self._messages: list[Any] = []
        self._forgotten_ns = -1  # newest stamp that was dropped

    def at(self, stamp_ns: int, since_ns: int, tolerance_ns: int) -> Any | None:
        """Return the message nearest to a time; None where none is known.

        Args:
            stamp_ns: the time [ns].
            since_ns: start of the episode; its first message stands in for any time before [ns].
            tolerance_ns: largest distance of the message from the time [ns].
        """
        first = bisect_left(self._stamps_ns, since_ns)
        if first == len(self._messages):
            return None
        if stamp_ns <= self._stamps_ns[first] and self._forgotten_ns < since_ns:
            return self._messages[first]
        after = max(first, bisect_left(self._stamps_ns, stamp_ns))
        around = range(max(first, after - 1), min(after + 1, len(self._messages)))
        nearest = min(around, key=lambda i: abs(self._stamps_ns[i] - stamp_ns))
        off_ns = abs(self._stamps_ns[nearest] - stamp_ns)
        return self._messages[nearest] if off_ns <= tolerance_ns else None

    def add(self, message: Any) -> None:
        """Add the next message; one that a later one overtook is ignored."""
        stamp_ns = stamp_to_ns(message.header.stamp)
        newest_ns = self._stamps_ns[-1] if self._stamps_ns else -1
        if stamp_ns == newest_ns:  # sent again, as while time stands still
            self._messages[-1] = message
            return
        if stamp_ns < newest_ns - self._span_ns:  # time has restarted
            self.clear()
        elif stamp_ns < newest_ns:
            return
        self._stamps_ns.append(stamp_ns)
        self._messages.append(message)
        # One message older than the span stays: it may be the nearest to its end.
        past = bisect_left(self._stamps_ns, stamp_ns - self._span_ns) - 1
        if past > 0:
            self._forgotten_ns = self._stamps_ns[past - 1]
            del self._stamps_ns[:past], self._messages[:past]


class SensorStream:
    """One topic, as a filter that lets at most one message per period through.

    A message that is sent again with the same stamp is let through too. Two sensors may read one
    topic: now, and some time before.
    """

    def __init__(self, node: Node, topic: Topic, sensors: list[Sensor], period_s: float) -> None:
        self.topic = topic[1]
        self.names = ', '.join(sensor.name for sensor in sensors)
        self.newest_ns: int | None = None  # stamp of the newest message
        self.history: History | None = None
        self._period_ns = round(period_s * 1e9)
        self._last_ns: int | None = None  # of the last message that was let through
        self._callbacks: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        profile = qos.SENSOR
        if age_ns := max(sensor.age_ns for sensor in sensors):
            # A joined message lags behind the newest, as it waited for the others.
            self.history = History(age_ns + round(2e9 * MEMORY_S))
            profile = qos.SENSOR if topic[0] is Image else qos.LOOKED_BACK_AT
        subscriber = message_filters.Subscriber(node, *topic, qos_profile=profile)
        subscriber.registerCallback(self._on_message)

    def registerCallback(self, callback: Callable[..., None], *args: Any) -> None:  # noqa: N802
        """Call `callback` with every message that is let through, and with `args`."""
        self._callbacks.append((callback, args))

    def _on_message(self, message: Any) -> None:
        self.newest_ns = stamp_ns = stamp_to_ns(message.header.stamp)
        if self._last_ns is not None and 0 < stamp_ns - self._last_ns < self._period_ns:
            return
        self._last_ns = stamp_ns
        if self.history is not None:
            self.history.add(message)
        for callback, args in self._callbacks:
            callback(message, *args)
