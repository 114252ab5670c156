"""What a source last said of the task, and for which decisions it counts. Knows no ROS.

A decision is judged by evidence as new as the end of its chunk: what was so before says nothing
of what the chunk has brought about.
"""

from __future__ import annotations

from typing import Protocol


class Evidence(Protocol):
    """The word of one source."""

    @property
    def success(self) -> bool:
        """Whether the task is done, by its newest word."""
        ...

    @property
    def stamp_ns(self) -> int | None:
        """What time its newest word is of [ns]; None before the first, or without a stamp."""
        ...

    def start(self, stamp_ns: int) -> None:
        """Begin an episode, whose first state is not older than `stamp_ns`."""
        ...

    def ask(self) -> None:
        """A chunk has ended; its result has just come."""
        ...

    def counts(self, end_ns: int) -> bool:
        """Return whether its newest word is as new as the end of the chunk at `end_ns`."""
        ...


class StampedEvidence:
    """Words that bear the time they are true of.

    Args:
        hold_ns: how long the task must have looked done without a break, by the stamps [ns].
    """

    def __init__(self, hold_ns: int = 0) -> None:
        self._hold_ns = hold_ns
        self._newest_ns: int | None = None
        self._since_ns: int | None = None  # when the words that say 'done' without a break began

    @property
    def success(self) -> bool:
        """Whether the task has looked done for the hold time."""
        if self._since_ns is None or self._newest_ns is None:
            return False
        return self._newest_ns - self._since_ns >= self._hold_ns

    @property
    def stamp_ns(self) -> int | None:
        """What time the newest word is of [ns]."""
        return self._newest_ns

    def add(self, stamp_ns: int, done: bool) -> None:
        """Take in a word; the newest that has come counts, should a clock have been put back."""
        went_back = self._newest_ns is not None and stamp_ns < self._newest_ns
        if not done:
            self._since_ns = None
        elif self._since_ns is None or went_back:
            self._since_ns = stamp_ns
        self._newest_ns = stamp_ns

    def start(self, stamp_ns: int) -> None:
        """Begin an episode: what was seen before it holds no longer."""
        if self._since_ns is None or self._newest_ns is None or self._since_ns >= stamp_ns:
            return
        self._since_ns = self._newest_ns if self._newest_ns >= stamp_ns else None

    def ask(self) -> None:
        """Nothing to do: the stamps tell what counts."""

    def counts(self, end_ns: int) -> bool:
        """Return whether the newest word is as new as `end_ns`."""
        return self._newest_ns is not None and self._newest_ns >= end_ns


class ArrivingEvidence:
    """Words without a stamp: each counts for the chunks whose result had come before it.

    The order of arrival needs no clock that sender and receiver share, and holds in simulated
    time too, where the clock stands still between two chunks.
    """

    def __init__(self) -> None:
        self._answered = False
        self._done = False

    @property
    def success(self) -> bool:
        """Whether the newest word says that the task is done."""
        return self._done

    @property
    def stamp_ns(self) -> int | None:
        """None: it has no stamp."""
        return None

    def add(self, done: bool) -> None:
        """Take in a word."""
        self._answered, self._done = True, done

    def start(self, stamp_ns: int) -> None:
        """Begin an episode: what was said before it does not count."""
        del stamp_ns
        self._answered = False

    def ask(self) -> None:
        """From here on a word is about the chunk that has just ended."""
        self._answered = False

    def counts(self, end_ns: int) -> bool:
        """Return whether a word has come since the last result."""
        del end_ns
        return self._answered
