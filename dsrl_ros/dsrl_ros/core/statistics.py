"""Success rates with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_Z95 = 1.959963984540054  # two-sided 95 % point of the normal distribution


@dataclass(frozen=True)
class SuccessRate:
    """Successes out of trials, with the Wilson score interval (Wilson 1927) at 95 %.

    Attributes:
        successes: how many succeeded.
        trials: out of how many.
    """

    successes: int
    trials: int

    @classmethod
    def of(cls, outcomes: Iterable[bool]) -> SuccessRate:
        """Count outcomes, True for a success."""
        counted = list(outcomes)
        return cls(int(sum(counted)), len(counted))

    @property
    def rate(self) -> float:
        """Share of successes; NaN without trials."""
        return self.successes / self.trials if self.trials else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the true rate; (0, 1) without trials."""
        n = self.trials
        if n == 0:
            return 0.0, 1.0
        p, z2 = self.rate, _Z95**2
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f'{100 * self.rate:.0f} % ({self.successes}/{self.trials}, '
            f'95 %: {100 * low:.0f} to {100 * high:.0f} %)'
        )


def difference_interval(first: SuccessRate, second: SuccessRate) -> tuple[float, float]:
    """Return the 95 % interval of rate(first) - rate(second), samples taken as independent.

    Newcombe's hybrid score interval (Newcombe 1998, method 10); (-1, 1) without trials.
    """
    if not first.trials or not second.trials:
        return -1.0, 1.0
    (low1, high1), (low2, high2) = first.interval, second.interval
    gap = first.rate - second.rate
    below = math.hypot(first.rate - low1, high2 - second.rate)
    above = math.hypot(high1 - first.rate, second.rate - low2)
    return max(-1.0, gap - below), min(1.0, gap + above)
