"""What executing one chunk brings, in every environment of the suite."""

from __future__ import annotations

from typing import NamedTuple

from dsrl_ros.core.types import Array


class ChunkStep(NamedTuple):
    """The outcome of one chunk.

    Attributes:
        state: observation at its end, (O,).
        reward: of the chunk.
        terminated: the task has ended, no value follows.
        truncated: a limit is reached and the task has not ended.
        executed: (n, A), the actions really executed.
    """

    state: Array
    reward: float
    terminated: bool
    truncated: bool
    executed: Array
