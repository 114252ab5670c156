"""Joins what belongs to one decision by its key, in whatever order it comes, and keeps transitions
until the learner has them. Knows nothing of what the parts are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dsrl_ros.core.types import DecisionKey

PARTS = ('observation', 'noise', 'result', 'reward', 'next_observation')


@dataclass
class TransitionJoiner:
    """Collects the parts of decisions; each decision comes out once, when it is whole.

    Attributes:
        duplicates: parts that came again, and were left out.
    """

    duplicates: int = 0
    _open: dict[DecisionKey, dict[str, Any]] = field(default_factory=dict)
    _done: DecisionKey | None = None

    def put(self, key: DecisionKey, part: str, value: Any) -> dict[str, Any] | None:
        """Take in one part.

        Args:
            key: of the decision; for a next observation, of the decision before it.
            part: one of `PARTS`.
            value: the part.

        Returns:
            All parts by name once the last has come, else None.
        """
        if self._done is not None and key <= self._done:
            self.duplicates += 1
            return None
        parts = self._open.setdefault(key, {})
        if part in parts:
            self.duplicates += 1
            return None
        parts[part] = value
        if len(parts) < len(PARTS):
            return None
        self._done = key
        del self._open[key]
        return parts

    def start_episode(self) -> None:
        """Forget what was never completed: its episode is over."""
        self._open.clear()


class Outbox:
    """Numbers transitions and keeps each until it is acknowledged."""

    def __init__(self) -> None:
        self._next = 0
        self._kept: OrderedDict[int, Any] = OrderedDict()

    @property
    def next_sequence(self) -> int:
        """Number of the next transition."""
        return self._next

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, message: Any) -> None:
        """Keep the next transition."""
        self._kept[self._next] = message
        self._next += 1

    def acknowledge(self, sequence: int) -> None:
        """Let go of every transition up to and including `sequence`."""
        while self._kept and next(iter(self._kept)) <= sequence:
            self._kept.popitem(last=False)

    def unacknowledged(self) -> Iterator[Any]:
        """Yield what must be sent again, oldest first."""
        return iter(list(self._kept.values()))
