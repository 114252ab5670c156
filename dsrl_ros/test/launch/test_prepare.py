"""Before the first node starts, all is checked, and the folder of the run says what runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import REPO

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.launch.node_options import read_parameter_file
from dsrl_ros.launch.prepare import prepare_run

GRAPH = REPO / 'dsrl_bringup/launch/franka_steer.launch.yaml'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / 'my.yaml'
    path.write_text('/**/steering: {ros__parameters: {online_episodes: 7, seed: 11}}')
    return path


def test_config_yaml_says_what_runs(tmp_path: Path, config: Path) -> None:
    """It is complete, and the argument has won over the file, the file over the default."""
    run = prepare_run(GRAPH, {'config': str(config), 'eval_episodes': '3'}, tmp_path)
    assert run.folder is not None
    written = read_parameter_file(run.folder / 'config.yaml')['steering']
    assert (written['eval_episodes'], written['online_episodes']) == (3, 7)
    assert (written['seed'], run.arguments['seed']) == (11, '11')
    assert written['run_dir'] == str(run.folder)


def test_config_yaml_repeats_the_run(tmp_path: Path, config: Path) -> None:
    """Given as `config:=`, it starts the same run in another folder, the drawn seed included."""
    config.write_text('')
    first = prepare_run(GRAPH, {'config': str(config), 'episodes': '3'}, tmp_path)
    assert first.folder is not None
    again = prepare_run(GRAPH, {'config': str(first.folder / 'config.yaml')}, tmp_path)
    assert again.folder is not None
    written, repeated = (
        read_parameter_file(run.folder / 'config.yaml') for run in (first, again) if run.folder
    )
    assert repeated['steering'].pop('run_dir') != written['steering'].pop('run_dir')
    assert repeated == written


def test_a_seed_is_drawn_where_none_is_given(tmp_path: Path, config: Path) -> None:
    """Two runs are not the same run unless somebody asks for it."""
    config.write_text('')
    seeds = {
        prepare_run(GRAPH, {'config': str(config)}, tmp_path).arguments['seed'] for _ in range(3)
    }
    assert len(seeds) > 1


def test_what_is_wrong_leaves_no_folder(tmp_path: Path, config: Path) -> None:
    """A typo does not make an empty run."""
    with pytest.raises(ConfigError, match=r"seed: got 'x', expected whole number"):
        prepare_run(GRAPH, {'config': str(config), 'seed': 'x'}, tmp_path)
    assert not (tmp_path / 'runs').exists()
