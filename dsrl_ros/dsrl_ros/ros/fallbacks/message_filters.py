"""Replaces `message_filters`: `ApproximateTimeSynchronizer`, as used here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any


class ApproximateTimeSynchronizer:
    """Calls back with one message of each filter, their stamps within `slop`.

    Args:
        fs: the filters.
        queue_size: messages of each that wait for the others.
        slop: largest distance of two stamps [s].
    """

    def __init__(self, fs: Sequence[Any], queue_size: int, slop: float) -> None:
        self._queues: list[OrderedDict[int, Any]] = [OrderedDict() for _ in fs]
        self._queue_size = queue_size
        self._slop_ns = round(slop * 1e9)
        self._callbacks: list[Callable[..., None]] = []
        for index, source in enumerate(fs):
            source.registerCallback(partial(self._on_message, index))

    def registerCallback(self, callback: Callable[..., None]) -> None:  # noqa: N802
        """Call `callback` with every matched set, in the order of the filters."""
        self._callbacks.append(callback)

    def _on_message(self, index: int, message: Any) -> None:
        stamp = message.header.stamp
        newest_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        queue = self._queues[index]
        queue[newest_ns] = message
        if len(queue) > self._queue_size:
            queue.popitem(last=False)
        matched = []
        for other in self._queues:
            nearest = min(other, key=lambda s: abs(s - newest_ns), default=None)
            if nearest is None or abs(nearest - newest_ns) > self._slop_ns:
                return
            matched.append(nearest)
        if max(matched) - min(matched) > self._slop_ns:
            return
        messages = [queue.pop(s) for queue, s in zip(self._queues, matched, strict=True)]
        for callback in self._callbacks:
            callback(*messages)
