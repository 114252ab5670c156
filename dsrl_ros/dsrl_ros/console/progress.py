"""Progress of a run without ROS: a bar on a terminal, a line per episode elsewhere."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from dsrl_ros.learning.run.report import ROLLING


class Bars:
    """A `Watcher` with one bar per phase; it is a context manager.

    Args:
        board: folder for TensorBoard logs; None writes none.
        console: to print to; the standard output by default.
    """

    def __init__(self, board: Path | None = None, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._bars = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn('{task.fields[success]}'),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: Any = None
        self._phase, self._total, self._done = '', 0, 0
        self._successes: deque[bool] = deque(maxlen=ROLLING)
        self._board = _writer(board, self.say) if board is not None else None

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
        if self._board is not None:
            self._board.close()

    def begin(self, phase: str, total: int, done: int = 0) -> None:
        """Begin a phase; see `Watcher`."""
        self._phase, self._total, self._done = phase, total, done
        self._successes.clear()
        self._task = self._bars.add_task(phase, total=total, completed=done, success='')

    def episode(self, success: bool, metrics: dict[str, float]) -> None:
        """Count an episode; see `Watcher`."""
        self._done += 1
        self._successes.append(success)
        rolling = sum(self._successes) / len(self._successes)
        text = f'last {len(self._successes)}: {rolling:.0%}'
        self._bars.update(self._task, completed=self._done, success=text)
        if not self._console.is_terminal:
            mark = 'success' if success else '  -    '
            line = f'{self._phase} {self._done:>3}/{self._total:<3} {mark} {text}'
            self._console.print(line, soft_wrap=True)
        if self._board is not None and self._phase == 'learning':
            self._board.add_scalar('episode/success', float(success), self._done)
            self._board.add_scalar(f'episode/success_last_{ROLLING}', rolling, self._done)
            for name, value in metrics.items():
                self._board.add_scalar(name, value, self._done)

    def warn(self, text: str) -> None:
        """Print a warning that stays."""
        self._bars.console.print(Text.assemble(('WARNING ', 'bold red'), text), soft_wrap=True)

    def say(self, text: object) -> None:
        """Print text that stays."""
        self._bars.console.print(text, soft_wrap=True, markup=False)  # a path may hold [brackets]


def _writer(folder: Path, say: Any) -> Any:
    """Return a TensorBoard writer; report it and return None if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        say('no TensorBoard logs: pip install tensorboard to have them')
        return None
    return SummaryWriter(str(folder))
