"""How long an answer is waited for, and when it is asked for again."""

from __future__ import annotations

import time
from collections.abc import Callable


class Patience:
    """With one answer after another.

    It is asked for again after the longest wait, then after twice the time each: whoever is only
    slow must not be swamped.
    """

    def __init__(self, timeout_s: float, steady_s: Callable[[], float] = time.monotonic) -> None:
        """Begin to wait.

        Args:
            timeout_s: longest wait that is nothing to speak of [s].
            steady_s: a clock that never jumps [s].
        """
        self._timeout_s = timeout_s
        self._steady_s = steady_s
        self.begin()

    def begin(self) -> None:
        """Wait for something new, or for the same with good reason."""
        self._since_s = self._steady_s()
        self._ask_after_s = self._timeout_s

    @property
    def waited_s(self) -> float:
        """Since it began [s]."""
        return self._steady_s() - self._since_s

    @property
    def over(self) -> bool:
        """Whether what is waited for is overdue."""
        return self.waited_s > self._timeout_s

    def asks_again(self) -> bool:
        """Return whether now is the time to ask again: once each time."""
        waited_s = self.waited_s
        if waited_s <= self._ask_after_s:
            return False
        self._ask_after_s = 2 * waited_s
        return True
