"""Success rates with their uncertainty."""

from __future__ import annotations

import math
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
