"""What a sensor said a while ago, for policies that look back."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from dsrl_ros.bridge.convert import stamp_to_ns


class History:
    """The newest messages of a sensor.

    Args:
        source: filter whose messages it keeps.
        span_ns: how far back it must know them [ns].
    """

    def __init__(self, source: Any, span_ns: int) -> None:
        self._span_ns = span_ns
        self._stamps_ns: list[int] = []  # rising
        self._messages: list[Any] = []
        source.registerCallback(self._on_message)

    def at(self, stamp_ns: int, since_ns: int) -> Any:
        """Return the message nearest to a time among those since another; None without any.

        Args:
            stamp_ns: the time asked for [ns].
            since_ns: of an episode, its start: what was before it is left out [ns].
        """
        first = bisect_left(self._stamps_ns, since_ns)
        if first == len(self._messages):
            return None
        after = max(first, bisect_left(self._stamps_ns, stamp_ns))
        around = range(max(first, after - 1), min(after + 1, len(self._messages)))
        return self._messages[min(around, key=lambda i: abs(self._stamps_ns[i] - stamp_ns))]

    def _on_message(self, message: Any) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        if self._stamps_ns and stamp_ns < self._stamps_ns[-1]:  # time has begun anew
            self._stamps_ns.clear()
            self._messages.clear()
        self._stamps_ns.append(stamp_ns)
        self._messages.append(message)
        # One that is older than the span stays: it may be the nearest to its end.
        known = bisect_left(self._stamps_ns, stamp_ns - self._span_ns)
        del self._stamps_ns[: max(0, known - 1)], self._messages[: max(0, known - 1)]
