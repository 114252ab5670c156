"""Reads what a person types: single keys on a terminal, lines elsewhere. It never blocks."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import tty
from collections import deque

_END_OF_FILE = '\x04'  # Ctrl-D, which a terminal without line editing passes on


class Keys:
    """Reads a file descriptor; a context manager that leaves a terminal as it was.

    Args:
        fd: for example of the standard input.

    Attributes:
        is_terminal: whether every key counts at once.
        ended: whether the input has ended.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.is_terminal = os.isatty(fd)
        self.ended = False
        self._typed: deque[str] = deque()
        self._line = ''

    def __enter__(self) -> Keys:
        if self.is_terminal:
            self._before = termios.tcgetattr(self._fd)
            tty.setcbreak(self._fd)
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_terminal:
            with contextlib.suppress(termios.error):  # the terminal may be gone
                termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def take(self) -> str | None:
        """Return the next key, or line without its end; None while there is none."""
        if not self.ended and select.select([self._fd], [], [], 0)[0]:
            self._read()
        return self._typed.popleft() if self._typed else None

    def _read(self) -> None:
        try:
            text = os.read(self._fd, 4096).decode(errors='replace')
        except OSError:  # a terminal that was closed
            text = ''
        self.ended = not text
        if self.is_terminal:
            self.ended |= _END_OF_FILE in text
            self._typed.extend(text.partition(_END_OF_FILE)[0])
            return
        *lines, self._line = (self._line + text).split('\n')
        if self.ended and self._line:
            lines.append(self._line)
        self._typed.extend(line.strip() for line in lines if line.strip())
