"""Before the first node starts, all is checked, and the folder of the run says what runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from places import REPO

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.launch.launch_file import Description, Started
from dsrl_ros.launch.node_options import complete, read_parameter_file
from dsrl_ros.launch.prepare import ARGUMENTS, check_run

GRAPH = REPO / 'dsrl_bringup/launch/franka_steer.launch.yaml'


def folder_of(run: Started) -> Path:
    return Path(run.arguments['run_dir'])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / 'my.yaml'
    path.write_text('/**/steering: {ros__parameters: {online_episodes: 7, seed: 11}}')
    return path


def test_config_yaml_says_what_runs(tmp_path: Path, config: Path) -> None:
    """It is complete, and the argument has won over the file, the file over the default."""
    given = {'config': str(config), 'eval_episodes': '3'}
    run = check_run(Description(GRAPH), given).begin(tmp_path)
    written = read_parameter_file(folder_of(run) / 'config.yaml')['steering']
    assert (written['eval_episodes'], written['online_episodes']) == (3, 7)
    assert (written['seed'], run.arguments['seed']) == (11, '11')
    assert written['run_dir'] == str(folder_of(run))


def test_config_yaml_repeats_the_run(tmp_path: Path, config: Path) -> None:
    """Given as `config:=`, it starts the same run in another folder, the drawn seed included."""
    config.write_text('')
    first = check_run(Description(GRAPH), {'config': str(config), 'episodes': '3'}).begin(tmp_path)
    given = {'config': str(folder_of(first) / 'config.yaml')}
    again = check_run(Description(GRAPH), given).begin(tmp_path)
    written, repeated = (
        read_parameter_file(folder_of(run) / 'config.yaml') for run in (first, again)
    )
    assert repeated['steering'].pop('run_dir') != written['steering'].pop('run_dir')
    assert repeated == written


def test_a_seed_is_drawn_where_none_is_given(tmp_path: Path, config: Path) -> None:
    """Two runs are not the same run unless somebody asks for it."""
    config.write_text('')
    seeds = {
        check_run(Description(GRAPH), {'config': str(config)}).begin(tmp_path).arguments['seed']
        for _ in range(3)
    }
    assert len(seeds) > 1


def test_what_is_wrong_leaves_no_folder(tmp_path: Path, config: Path) -> None:
    """A typo does not make an empty run."""
    with pytest.raises(ConfigError, match=r"seed: got 'x', expected whole number"):
        check_run(Description(GRAPH), {'config': str(config), 'seed': 'x'}).begin(tmp_path)
    assert not (tmp_path / 'runs').exists()


def test_an_argument_wins_over_the_file_and_the_file_over_the_default(
    tmp_path: Path, config: Path
) -> None:
    """An empty argument counts as not given, and a task's file lies below the user's."""
    task = tmp_path / 'task.yaml'
    task.write_text(
        '/**/steering: {ros__parameters: {online_episodes: 1}}\n'
        '/**/reward: {ros__parameters: {max_steps: 9, max_rejects: 2}}'
    )
    config.write_text(config.read_text() + '\n/**/reward: {ros__parameters: {max_steps: 7}}')
    given = {'config': str(config), 'task_config': str(task), 'episodes': '', 'algorithm': 'na'}
    options = check_run(Description(GRAPH), given).config
    assert options['steering']['online_episodes'] == 7
    assert options['trainer']['learner']['algorithm'] == 'na'
    limits = [options['reward'][name] for name in ('max_steps', 'max_rejects', 'success_when')]
    assert limits == [7, 2, 'any']


def test_every_argument_that_sets_options_is_one_of_the_graph() -> None:
    """And each option that it sets is there."""
    declared = {argument.name for argument in Description(GRAPH).arguments}
    assert set(ARGUMENTS) <= declared
    for targets in ARGUMENTS.values():
        for node, _, name in (target.partition('.') for target in targets):
            values: Any = complete(node, {}, node)
            for part in name.split('.'):
                values = values[part]


def test_what_replaces_the_argument_overrides_is_named(tmp_path: Path, config: Path) -> None:
    """It is gone; whoever still gives it is told what to write."""
    with pytest.raises(ConfigError, match=r"got 'overrides', expected the arguments themselves"):
        check_run(Description(GRAPH), {'overrides': 'seed=3'})
    config.write_text('/**/steering: {ros__parameters: {overrides: seed=3}}')
    with pytest.raises(ConfigError, match=r"my.yaml.*got 'overrides', expected the options them"):
        check_run(Description(GRAPH), {'config': str(config)})


def test_texts_that_look_like_numbers_stay_texts(tmp_path: Path, config: Path) -> None:
    """ROS reads the plain word 1e3 as a number, nan too, and y as true."""
    for robot in ('1e3', 'nan', 'y'):
        run = check_run(Description(GRAPH), {'robot': robot}).begin(tmp_path)
        assert f"robot: '{robot}'" in (folder_of(run) / 'config.yaml').read_text()
