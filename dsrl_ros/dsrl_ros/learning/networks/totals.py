"""Metrics of gradient steps, summed where they are made."""

from __future__ import annotations

from torch import Tensor


class Totals:
    """Sums of metrics over gradient steps, without waiting for the device."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, names: tuple[str, ...], values: Tensor) -> None:
        """Add one step's values, (len(names),), under its names."""
        key = ' '.join(names)
        self._sums[key] = self._sums[key] + values if key in self._sums else values
        self._counts[key] = self._counts.get(key, 0) + 1

    def means(self) -> dict[str, float]:
        """Return each metric's mean; here the host waits for the device."""
        return {
            name: value / self._counts[key]
            for key, sums in self._sums.items()
            for name, value in zip(key.split(), sums.tolist(), strict=True)
        }
