"""What the sources of success have reported, and for which decisions it counts. Knows no ROS.

A decision is judged by evidence as new as the end of its chunk: older evidence does not show what
the chunk has done.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class StampedEvidence:
    """Reports with a stamp: the time that they are true of.

    Args:
        hold_ns: how long every report must have said 'done', by the stamps [ns].

    Attributes:
        stamp_ns: of the newest report [ns]; None before the first.
    """

    def __init__(self, hold_ns: int = 0) -> None:
        self._hold_ns = hold_ns
        self.stamp_ns: int | None = None
        self._since_ns: int | None = None  # first of the unbroken reports of 'done'

    @property
    def success(self) -> bool:
        """Whether the task has been done for the hold time."""
        if self._since_ns is None or self.stamp_ns is None:
            return False
        return self.stamp_ns - self._since_ns >= self._hold_ns

    def add(self, stamp_ns: int, done: bool) -> None:
        """Take a report; the last to arrive counts, even if the clock was put back."""
        went_back = self.stamp_ns is not None and stamp_ns < self.stamp_ns
        if not done:
            self._since_ns = None
        elif self._since_ns is None or went_back:
            self._since_ns = stamp_ns
        self.stamp_ns = stamp_ns

    def start(self, stamp_ns: int) -> None:
        """Begin an episode, whose first state is not older; earlier reports no longer hold."""
        if self._since_ns is None or self.stamp_ns is None or self._since_ns >= stamp_ns:
            return
        self._since_ns = self.stamp_ns if self.stamp_ns >= stamp_ns else None

    def chunk_ended(self) -> None:
        """Do nothing: the stamps decide what counts."""

    def counts(self, end_ns: int) -> bool:
        """Return whether the newest report is as new as `end_ns`."""
        return self.stamp_ns is not None and self.stamp_ns >= end_ns


class ArrivingEvidence:
    """Reports without a stamp: each counts for the chunks whose result arrived before it.

    The order of arrival needs no clock that sender and receiver share. It also holds in simulated
    time, where the clock does not move between two chunks.

    Attributes:
        success: whether the task is done, by the newest report.
        stamp_ns: None, as the reports have no stamp.
    """

    success = False
    stamp_ns = None

    def __init__(self) -> None:
        self._reported = False  # since the last result

    def add(self, done: bool) -> None:
        """Take a report."""
        self._reported, self.success = True, done

    def start(self, _: int) -> None:
        """Begin an episode: reports from before it do not count."""
        self._reported = False

    def chunk_ended(self) -> None:
        """Note that later reports are about the chunk that has just ended."""
        self._reported = False

    def counts(self, _: int) -> bool:
        """Return whether a report has arrived since the last result."""
        return self._reported


Evidence = StampedEvidence | ArrivingEvidence
"""The reports of one source."""


class Mark(Enum):
    """A person's verdict on an episode."""

    SUCCESS = 'success'
    FAILURE = 'failure'
    ABORT = 'abort'


@dataclass(frozen=True)
class MarkAnswer:
    """Whether a mark counts.

    Attributes:
        accepted: it counts.
        message: for the person, in one sentence.
    """

    accepted: bool
    message: str


class PersonMarks:
    """The newest mark of the current episode; between episodes there is none.

    The same mark twice changes nothing. Another mark corrects the first one until the decision is
    judged. A mark that comes too late must not reach the next episode.

    Attributes:
        mark: the newest of the current episode; None before the first.
    """

    def __init__(self) -> None:
        self.mark: Mark | None = None
        self._episode: str | None = None
        self._ended = 'No episode has started yet'

    def start(self, episode: str) -> None:
        """Begin an episode; `episode` names it for people."""
        self._episode, self.mark = episode, None

    def end(self, how: str) -> None:
        """Refuse marks from now on; `how` is how the episode ended, for people."""
        if self._episode is not None:
            self._ended = f'{self._episode} has ended: {how}'
        self._episode = None

    def put(self, mark: Mark) -> MarkAnswer:
        """Take a mark, or refuse it with the reason."""
        if self._episode is None:
            return MarkAnswer(
                False, f'{mark.value}: refused. {self._ended}. Mark while an episode runs.'
            )
        before, self.mark = self.mark, mark
        if before is mark:
            return MarkAnswer(True, f'{self._episode}: {mark.value}, as marked before.')
        instead = '' if before is None else f' instead of {before.value}'
        return MarkAnswer(True, f'{self._episode}: {mark.value}{instead}.')
