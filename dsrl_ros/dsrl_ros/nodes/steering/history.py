"""The past of a sensor, for policies that look back."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from dsrl_ros.ros.stamps import stamp_to_ns


class History:
    """The newest messages of a sensor, one per stamp.

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
