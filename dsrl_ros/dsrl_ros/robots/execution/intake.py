"""The chunks that have come: which one waits, which are under way, and how others ended."""

from __future__ import annotations

from collections import OrderedDict

from dsrl_ros.core.types import DecisionKey
from dsrl_ros.robots.execution.runner import ChunkEnd
from dsrl_ros.robots.motion.chunk import Chunk

_ENDS_KEPT = 64


class ChunkIntake:
    """Remembers chunks by their key, so that each key is executed once.

    Attributes:
        waiting: the newest chunk, until it begins; None while there is none.
    """

    def __init__(self) -> None:
        self.waiting: Chunk | None = None
        self._under_way: set[DecisionKey] = set()
        self._ends: OrderedDict[DecisionKey, ChunkEnd] = OrderedDict()

    def end_of(self, chunk: Chunk) -> ChunkEnd | None:
        """Return how a chunk of this key ended; None where none has, or long ago."""
        return self._ends.get(chunk.key)

    def is_under_way(self, chunk: Chunk) -> bool:
        """Return whether a chunk of this key waits or is being executed."""
        return chunk.key in self._under_way

    def wait(self, chunk: Chunk) -> None:
        """Make a new chunk the one that waits."""
        self._under_way.add(chunk.key)
        self.waiting = chunk

    def take(self) -> Chunk | None:
        """Return the waiting chunk, which waits no longer."""
        chunk, self.waiting = self.waiting, None
        return chunk

    def ended(self, end: ChunkEnd) -> None:
        """Remember how a chunk ended."""
        self._under_way.discard(end.chunk.key)
        self._ends[end.chunk.key] = end
        while len(self._ends) > _ENDS_KEPT:
            self._ends.popitem(last=False)
