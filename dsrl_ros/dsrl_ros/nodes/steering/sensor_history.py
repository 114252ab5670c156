"""What a sensor said a while ago, for policies that look back."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from dsrl_ros.ros.stamps import stamp_to_ns


class History:
    """The newest messages of a sensor, one of each stamp.

    Args:
        source: filter whose messages it keeps.
        span_ns: how far back it must know them [ns].
    """

    def __init__(self, source: Any, span_ns: int) -> None:
        self._span_ns = span_ns
        self.clear()
        source.registerCallback(self._on_message)

    def clear(self) -> None:
        """Forget everything."""
        self._stamps_ns: list[int] = []  # rising
        self._messages: list[Any] = []
        self._forgotten_ns = -1  # newest stamp that was let go

    def at(self, stamp_ns: int, since_ns: int, tolerance_ns: int) -> Any | None:
        """Return the message nearest to a time; None where none is known.

        Args:
            stamp_ns: the time asked for [ns].
            since_ns: of an episode, its start. The first message since then stands in for what
                was before it [ns].
            tolerance_ns: largest distance from the time asked for [ns].
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

    def _on_message(self, message: Any) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        newest_ns = self._stamps_ns[-1] if self._stamps_ns else -1
        if stamp_ns == newest_ns:  # sent again, as while time stands still
            self._messages[-1] = message
            return
        if stamp_ns < newest_ns - self._span_ns:  # time has begun anew
            self.clear()
        elif stamp_ns < newest_ns:  # overtaken by a later one
            return
        self._stamps_ns.append(stamp_ns)
        self._messages.append(message)
        # One that is older than the span stays: it may be the nearest to its end.
        past = bisect_left(self._stamps_ns, stamp_ns - self._span_ns) - 1
        if past > 0:
            self._forgotten_ns = self._stamps_ns[past - 1]
            del self._stamps_ns[:past], self._messages[:past]
