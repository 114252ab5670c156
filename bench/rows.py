"""One measured figure beside its budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was measured.
        value: median or total, as the name says.
        unit: of value and budget.
        budget: the bound; None where there is none yet.
        more_is_better: the bound is a lower one.
        note: how many samples, what else was running.
    """

    name: str
    value: float
    unit: str
    budget: float | None = None
    more_is_better: bool = False
    note: str = ''

    @property
    def held(self) -> bool | None:
        """Whether the budget is held; None without one."""
        if self.budget is None:
            return None
        # numpy's own bool is none that JSON knows.
        return bool(
            self.value >= self.budget if self.more_is_better else self.value <= self.budget
        )
