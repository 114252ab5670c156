"""What a person says of an episode, at any time while it runs. Knows no ROS."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mark(Enum):
    """What a person may say."""

    SUCCESS = 'success'
    FAILURE = 'failure'
    ABORT = 'abort'


@dataclass(frozen=True)
class MarkAnswer:
    """What became of a mark.

    Attributes:
        accepted: it counts.
        message: for the person, in one sentence.
    """

    accepted: bool
    message: str


class PersonMarks:
    """The newest mark of the episode under way; between episodes there is none.

    A second press of the same key changes nothing, another key corrects the first one until the
    decision is judged, and a press that comes too late must not reach the next episode.
    """

    def __init__(self) -> None:
        self._mark: Mark | None = None
        self._episode: str | None = None
        self._ended = 'No episode has started yet'

    @property
    def mark(self) -> Mark | None:
        """What was said last of the episode under way."""
        return self._mark

    def start(self, episode: str) -> None:
        """Begin an episode; `episode` names it for people."""
        self._episode, self._mark = episode, None

    def end(self, how: str) -> None:
        """Take no more marks; `how` says how the episode ended, for people."""
        if self._episode is not None:
            self._ended = f'{self._episode} has ended: {how}'
        self._episode = None

    def put(self, mark: Mark) -> MarkAnswer:
        """Take in a mark, or say why not."""
        if self._episode is None:
            return MarkAnswer(
                False, f'{mark.value}: refused. {self._ended}. Mark while an episode runs.'
            )
        before, self._mark = self._mark, mark
        if before is mark:
            return MarkAnswer(True, f'{self._episode}: {mark.value}, as marked before.')
        instead = '' if before is None else f' instead of {before.value}'
        return MarkAnswer(True, f'{self._episode}: {mark.value}{instead}.')
