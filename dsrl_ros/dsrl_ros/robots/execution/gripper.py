"""A slow gripper that only opens and closes: which command is next, and when.

A Franka Hand blocks for about a second per command and sometimes never answers. So the arm never
waits here, at most one command is under way, and it is stopped before the next is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from dsrl_ros.core.config.hardware import HardwareConfig

_STOP_S = 1.0  # a gripper that was stopped has ended by then, or never answers [s]


class GripperPort(Protocol):
    """The connection to the gripper. No call blocks."""

    def start(self, closes: bool, command_id: int) -> None:
        """Close or open, and call `BinaryGripper.ended` with the same id when that has ended."""
        ...

    def stop(self) -> None:
        """Stop the command under way, which then ends."""
        ...


class BinaryGripper:
    """Turns widths into commands to open and to close.

    Attributes:
        complaint: what went wrong with the last command; empty while all is well.
    """

    def __init__(
        self,
        port: GripperPort,
        config: HardwareConfig,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with a gripper of which nothing is known.

        Args:
            port: the connection to the gripper.
            config: thresholds and deadlines.
            steady_s: a clock that never jumps [s].
        """
        self._port = port
        self._config = config
        self._steady_s = steady_s
        self._requested: bool | None = None
        self._commanded: bool | None = None  # last, unless it was stopped
        self._command_id = 0
        self._busy = False
        self._stopping = False
        self._deadline_s = 0.0
        self.complaint = ''

    @property
    def settled(self) -> bool:
        """Whether the last command has ended, or is overdue, as `complaint` reports."""
        return not self._busy or (bool(self.complaint) and not self._stopping)

    @property
    def busy(self) -> bool:
        """Whether a command is under way."""
        return self._busy

    @property
    def closes(self) -> bool | None:
        """What was requested last; None before the first request."""
        return self._requested

    def request(self, width_m: float, force: bool = False) -> None:
        """Take a width that is asked for [m]; the newest request wins.

        Args:
            width_m: to go to.
            force: command it even if it was commanded last: that may have failed, or the fingers
                may have been moved since. A command under way, and in time, is not repeated.
        """
        if width_m <= self._config.gripper_close_below_m:
            self._requested = True
        elif width_m >= self._config.gripper_open_above_m:
            self._requested = False
        if force and self.settled:
            self._commanded = None
        self._go_on()

    def halt(self) -> None:
        """Drop the request that waits; the command under way goes on."""
        if self._stopping:
            what = 'close' if self._requested else 'open'
            self.complaint = (
                f'got a stop of the robot before the command to {what} was sent, expected none. '
                'Once the robot goes on, ask for the width again.'
            )
            self._requested = None

    def ended(self, command_id: int, complaint: str) -> None:
        """Take the end of a command; `complaint` is empty when it ended well."""
        if not self._busy or command_id != self._command_id:
            return  # of a command that was given up
        self._busy = False
        if self._stopping:
            self._stopping = False
            self._commanded = None  # the fingers are anywhere
        else:
            self.complaint = complaint
        self._go_on()

    def check_deadline(self) -> None:
        """Give up a command that is overdue; to be called a few times per second."""
        if not self._busy or self._steady_s() < self._deadline_s:
            return
        if self._stopping:
            # It may never answer again; a newer command shows whether it does.
            self._busy = self._stopping = False
            self._commanded = None
            self._go_on()
        elif not self.complaint:
            self.complaint = (
                f'got no answer to {"close" if self._commanded else "open"} for '
                f'{self._config.gripper_timeout_s:g} s, expected one within that time. '
                'Check the hand and its node.'
            )

    def _go_on(self) -> None:
        if self._requested is None or self._requested == self._commanded:
            return
        if not self._busy:
            self._command_id += 1
            self._commanded, self._busy, self.complaint = self._requested, True, ''
            self._deadline_s = self._steady_s() + self._config.gripper_timeout_s
            self._port.start(self._requested, self._command_id)
        elif not self._stopping:
            self._stopping = True
            self._deadline_s = self._steady_s() + _STOP_S
            self._port.stop()
