"""Time that passes when a script says so."""

from __future__ import annotations

from collections.abc import Callable

SECOND_NS = 1_000_000_000


class ScriptedPace:
    """Time that passes when the script says so; a `Pace`."""

    def __init__(self, lead_ns: int, interruptible: bool) -> None:
        """Start at an hour, so that stamps may lie before it.

        Args:
            lead_ns: how long before its start a segment is sent [ns].
            interruptible: as real time is, and lockstep is not.
        """
        self.lead_ns = lead_ns
        self._interruptible = interruptible
        self._now_ns = 3600 * SECOND_NS
        self._waiting: tuple[int, Callable[[], None]] | None = None

    def link(self, then: Callable[[], None]) -> None:
        """Agree at once."""
        then()

    def see(self, stamp_ns: int) -> None:
        """Need no stamps."""

    def now_ns(self) -> int:
        """Return the time [ns]."""
        return self._now_ns

    def wait_until(self, time_ns: int, then: Callable[[], None]) -> None:
        """Keep `then` until time goes on."""
        assert self._waiting is None, 'two waits at once'
        self._waiting = (time_ns, then)

    def interrupt(self) -> bool:
        """Give up waiting, if that can be."""
        if self._interruptible:
            self._waiting = None
        return self._interruptible

    def go_on(self, late_ns: int = 0) -> bool:
        """Let the awaited time come; False when nothing is awaited."""
        if self._waiting is None:
            return False
        (time_ns, then), self._waiting = self._waiting, None
        self._now_ns = max(self._now_ns, time_ns) + late_ns
        then()
        return True

    def pass_part(self, share: float) -> None:
        """Let a part of what is awaited pass, or a part of a second when nothing is."""
        until_ns = self._now_ns + SECOND_NS if self._waiting is None else self._waiting[0]
        self._now_ns += round(share * max(until_ns - self._now_ns, 0))
