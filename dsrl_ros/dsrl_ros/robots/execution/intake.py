"""Takes chunks in: each key is executed once, and none before the robot is known as of then."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from dsrl_ros.core.types import ChunkOutcome, DecisionKey
from dsrl_ros.robots.execution.runner import ChunkEnd, unexecuted
from dsrl_ros.robots.motion.chunk import Chunk

_ENDS_KEPT = 64


class ChunkIntake:
    """Holds the newest chunk until it can begin, and the ends of those that came before.

    Starting a chunk from a state older than its observation would make the outcome a matter of
    which message travels faster.
    """

    def __init__(
        self,
        ready: Callable[[Chunk], bool],
        begin: Callable[[Chunk], None],
        report: Callable[[ChunkEnd], None],
        now_ns: Callable[[], int],
    ) -> None:
        """Prepare.

        Args:
            ready: whether a chunk can begin.
            begin: executes a chunk; its end must be told to `ended`.
            report: is told the end of every chunk, once for each time that it came.
            now_ns: the robot's time [ns].
        """
        self._ready = ready
        self._begin = begin
        self._report = report
        self._now_ns = now_ns
        self._waiting: Chunk | None = None
        self._in_hand: set[DecisionKey] = set()
        self._ends: OrderedDict[DecisionKey, ChunkEnd] = OrderedDict()

    @property
    def waiting(self) -> bool:
        """Whether a chunk waits to begin."""
        return self._waiting is not None

    def receive(self, chunk: Chunk) -> None:
        """Take a chunk; one that came before is not executed again."""
        end = self._ends.get(chunk.key)
        if end is not None:
            self._report(end)
        elif chunk.key not in self._in_hand:
            if self._waiting is not None:
                self.give_up(ChunkOutcome.PREEMPTED, f'superseded by {chunk.key}')
            self._in_hand.add(chunk.key)
            self._waiting = chunk
            self.begin_if_ready()

    def begin_if_ready(self) -> None:
        """Begin the waiting chunk if it can begin now."""
        if self._waiting is not None and self._ready(self._waiting):
            self.begin_anyway()

    def begin_anyway(self) -> None:
        """Begin the waiting chunk, ready or not; the gate will judge it."""
        if self._waiting is not None:
            chunk, self._waiting = self._waiting, None
            self._begin(chunk)

    def give_up(self, outcome: ChunkOutcome, message: str) -> None:
        """End the waiting chunk unexecuted."""
        if self._waiting is not None:
            chunk, self._waiting = self._waiting, None
            self.ended(unexecuted(chunk, outcome, self._now_ns(), message))

    def ended(self, end: ChunkEnd) -> None:
        """Report the end of a chunk and remember it."""
        self._in_hand.discard(end.chunk.key)
        self._ends[end.chunk.key] = end
        while len(self._ends) > _ENDS_KEPT:
            self._ends.popitem(last=False)
        self._report(end)
