"""A slow gripper that only opens and closes: which command is next, and when.

A Franka Hand blocks for about a second per command and sometimes never answers. So the arm never
waits here, at most one command is under way, and it is stopped before the next is sent.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from dsrl_ros.core.config.hardware import HardwareConfig

_STOP_S = 1.0  # a gripper that was stopped has ended by then, or never answers [s]


class BinaryGripper(ABC):
    """Turns widths into commands to open and to close, which a subclass sends. No call blocks.

    Attributes:
        busy: whether a command is under way.
        closes: what was requested last; None before the first request.
        complaint: what went wrong with the last command; empty while all is well.
    """

    def __init__(
        self, config: HardwareConfig, steady_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Start with a gripper of which nothing is known.

        Args:
            config: thresholds and deadlines.
            steady_s: a clock that never jumps [s].
        """
        self._config = config
        self._steady_s = steady_s
        self.closes: bool | None = None
        self._commanded: bool | None = None  # last, unless it was stopped
        self._command_id = 0
        self.busy = False
        self._stopping = False
        self._deadline_s = 0.0
        self.complaint = ''

    @abstractmethod
    def start(self, closes: bool, command_id: int) -> None:
        """Close or open, and call `ended` with the same id when that has ended."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the command under way, which then ends."""

    @property
    def settled(self) -> bool:
        """Whether the last command has ended, or is overdue, as `complaint` reports."""
        return not self.busy or (bool(self.complaint) and not self._stopping)

    def request(self, width_m: float, force: bool = False) -> None:
        """Take a width that is asked for [m]; the newest request wins.

        Args:
            width_m: to go to.
            force: command it even if it was commanded last: that may have failed, or the fingers
                may have been moved since. A command under way, and in time, is not repeated.
        """
        if width_m <= self._config.gripper_close_below_m:
            self.closes = True
        elif width_m >= self._config.gripper_open_above_m:
            self.closes = False
        if force and self.settled:
            self._commanded = None
        self._go_on()

    def halt(self) -> None:
        """Drop the request that waits; the command under way goes on."""
        if self._stopping:
            what = 'close' if self.closes else 'open'
            self.complaint = (
                f'got a stop of the robot before the command to {what} was sent, expected none. '
                'Once the robot goes on, ask for the width again.'
            )
            self.closes = None

    def ended(self, command_id: int, complaint: str) -> None:
        """Take the end of a command; `complaint` is empty when it ended well."""
        if not self.busy or command_id != self._command_id:
            return  # of a command that was given up
        self.busy = False
        if self._stopping:
            self._stopping = False
            self._commanded = None  # the fingers are anywhere
        else:
            self.complaint = complaint
        self._go_on()

    def check_deadline(self) -> None:
        """Give up a command that is overdue; to be called a few times per second."""
        if not self.busy or self._steady_s() < self._deadline_s:
            return
        if self._stopping:
            # It may never answer again; a newer command shows whether it does.
            self.busy = self._stopping = False
            self._commanded = None
            self._go_on()
        elif not self.complaint:
            self.complaint = (
                f'got no answer to {"close" if self._commanded else "open"} for '
                f'{self._config.gripper_timeout_s:g} s, expected one within that time. '
                'Check the hand and its node.'
            )

    def _go_on(self) -> None:
        if self.closes is None or self.closes == self._commanded:
            return
        if not self.busy:
            self._command_id += 1
            self._commanded, self.busy, self.complaint = self.closes, True, ''
            self._deadline_s = self._steady_s() + self._config.gripper_timeout_s
            self.start(self.closes, self._command_id)
        elif not self._stopping:
            self._stopping = True
            self._deadline_s = self._steady_s() + _STOP_S
            self.stop()
