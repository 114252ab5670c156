"""How widely an actor explores: less, the more often it succeeds."""

from __future__ import annotations

from collections.abc import Sequence

WINDOW = 20  # newest online episodes that count
WHOLE_FROM = 0.2  # share of failures among them from which the actor explores as widely as it can


def exploration(successes: Sequence[bool], least: float) -> float:
    """Return the share of its spread that the actor explores with.

    What succeeds nearly always has little left to find out, and every draw far from the mean is
    one more way to fail: the share falls with the failures, and rises again with them.

    Args:
        successes: of the newest online episodes, as they were judged; at most `WINDOW`, and
            those still missing count as failures.
        least: smallest share, in [0, 1].
    """
    failures = WINDOW - sum(successes)
    return min(1.0, max(least, failures / (WHOLE_FROM * WINDOW)))
