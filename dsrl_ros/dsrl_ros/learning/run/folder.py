"""The folder of a run: `runs/<date_time>` unless told, with the link `runs/latest` beside it."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

from dsrl_ros.core.errors import ConfigError


def make_run_folder(given: str, base: Path) -> Path:
    """Make the folder of a run.

    Args:
        given: where the user wants it; empty for a new one named after the time.
        base: folder that holds `runs`, where nothing is given.

    Returns:
        Its absolute path.

    Raises:
        ConfigError: the given folder holds a run already, or cannot be made.
    """
    try:
        if not given:
            return _make_dated(base / 'runs')
        folder = Path(given).expanduser().absolute()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f'run_dir: cannot make {error.filename!r}: {error.strerror}. Choose another one.'
        ) from error
    if any(folder.iterdir()):
        raise ConfigError(
            f'run_dir: got {folder}, which is not empty, expected a new folder. '
            'Choose another run_dir:=, or move that one away.'
        )
    return folder


def _make_dated(runs: Path) -> Path:
    stamp = time.strftime('%Y-%m-%d_%H-%M-%S')
    for number in itertools.count(1):
        folder = runs.absolute() / (stamp if number == 1 else f'{stamp}_{number}')
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            continue
    # Replaced in one step, so that `runs/latest` never points nowhere.
    link = runs / f'.latest-{os.getpid()}'
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name, target_is_directory=True)
    link.replace(runs / 'latest')
    return folder
