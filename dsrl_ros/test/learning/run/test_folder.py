"""Every run has a folder of its own, and the newest is found without looking."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.learning.run.folder import make_run_folder


def test_runs_started_in_the_same_second_get_folders_of_their_own(tmp_path: Path) -> None:
    """No run writes into another one's folder, and `latest` leads to the last."""
    first, second = (make_run_folder('', tmp_path) for _ in range(2))
    assert first != second
    assert (tmp_path / 'runs/latest').resolve() == second


def test_a_given_folder_is_made_and_latest_left_alone(tmp_path: Path) -> None:
    """`run_dir:=` decides alone."""
    assert make_run_folder(str(tmp_path / 'a/b'), tmp_path) == tmp_path / 'a/b'
    assert not (tmp_path / 'runs').exists()


def test_a_folder_with_a_run_in_it_is_refused(tmp_path: Path) -> None:
    """Nothing that was recorded is written over."""
    (tmp_path / 'summary.json').touch()
    with pytest.raises(ConfigError, match='which is not empty, expected a new folder'):
        make_run_folder(str(tmp_path), tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The error says where and why."""
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match=r'run_dir: cannot make .*file/run.: Not a directory'):
        make_run_folder(str(tmp_path / 'file/run'), tmp_path)
