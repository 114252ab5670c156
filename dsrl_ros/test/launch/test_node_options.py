"""A parameter file that is wrong is refused with the file, the key and what is allowed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml
from places import REPO

import dsrl_ros.nodes
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.launch.node_options import (
    NODE_OPTIONS,
    complete,
    read_parameter_file,
    write_parameter_file,
)

NODES = Path(dsrl_ros.nodes.__path__[0])


def write(folder: Path, text: str) -> Path:
    path = folder / 'my.yaml'
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        (
            '/**/rewart: {ros__parameters: {}}',
            r"my.yaml: got key '/\*\*/rewart', expected /\*\*/<node> .*reward",
        ),
        ('reward: {ros__parameters: {}}', r"my.yaml: got key 'reward', expected /\*\*/<node>"),
        ('/**/reward: {max_steps: 3}', r'my.yaml: /\*\*/reward: expected the one key ros__'),
        (
            '/**/reward: {ros__parameters: {max_step: 3}}',
            r"my.yaml: /\*\*/reward: got unknown key 'max_step'; expected one of .*max_steps",
        ),
        (
            '/**/reward: {ros__parameters: {max_steps: 0}}',
            r'my.yaml: /\*\*/reward: max_steps: got 0, expected whole number of at least 1',
        ),
        (
            '/**/trainer: {ros__parameters: {learner: {hidden_size: wide}}}',
            r"my.yaml: /\*\*/trainer: learner: hidden_size: got 'wide', expected whole number",
        ),
        (
            '/**/trainer: {ros__parameters: {leaner: {hidden_size: 3}}}',
            r"/\*\*/trainer: got unknown key 'leaner.hidden_size'",
        ),
        ('- 3', r'my.yaml: got a list, expected nodes as keys'),
        ('a: [', r'my.yaml: got no YAML'),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    """Nobody has to guess which key of which file is meant."""
    with pytest.raises(ConfigError, match=complaint):
        read_parameter_file(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A typo in `config:=` does not start a run on defaults."""
    with pytest.raises(ConfigError, match=r'nothing.yaml: No such file or directory'):
        read_parameter_file(tmp_path / 'nothing.yaml')


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    """The `config.yaml` of a run is complete, and starts the same run when given as `config:=`."""
    complete_nodes = {node: complete(node, {}, node) for node in NODE_OPTIONS}
    path = tmp_path / 'config.yaml'
    write_parameter_file(path, complete_nodes, 'a comment')
    read = read_parameter_file(path)
    assert {node: complete(node, read[node], node) for node in read} == complete_nodes


@pytest.mark.parametrize(
    'path', sorted(NODES.glob('*/node.py')), ids=lambda path: path.parent.name
)
def test_the_table_says_what_the_nodes_declare(path: Path) -> None:
    """A node that gains or loses options cannot be forgotten here."""
    calls = [
        call
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, 'id', '') == 'declare_config'
    ]
    declared = {
        call.args[2].value if len(call.args) > 2 else '': call.args[1].id  # type: ignore[attr-defined]
        for call in calls
    }
    table = NODE_OPTIONS[path.parent.name]
    assert {section: kind.__name__ for section, kind in table.items()} == declared


def test_shipped_parameter_files_are_valid() -> None:
    """What the suite ships starts."""
    shipped = sorted(REPO.glob('dsrl_bringup/config/*.yaml'))
    assert shipped
    for path in shipped:
        assert read_parameter_file(path) or not yaml.safe_load(path.read_text())
