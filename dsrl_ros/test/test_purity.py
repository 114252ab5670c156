"""Who may import whom: the library knows no ROS, and a node that only acts carries no torch."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import dsrl_ros

PACKAGE = Path(dsrl_ros.__file__).parent

# Folder of the library -> what it may import beside itself, numpy and the standard library.
ALLOWED = {
    'core': set(),
    'policies': {'dsrl_ros.core', 'torch', 'safetensors'},
    'learning': {
        'dsrl_ros.core',
        'dsrl_ros.policies',
        'torch',
        'safetensors',
        'matplotlib',
        'PIL',
    },
    'robots': {'dsrl_ros.core', 'mujoco', 'mink'},
    'tasks': {
        'dsrl_ros.core',
        'dsrl_ros.policies',
        'dsrl_ros.robots',
        'gymnasium',
        'mujoco',
        'torch',
    },
}
# Each loads them nowhere, not even by way of others: the memory of eight processes adds up.
WITHOUT_TORCH = ('steering', 'reward', 'driver', 'twin', 'mock_gripper', 'recorder')
# Commands of `dsrl` that a user without ROS has.
WITHOUT_ROS = ('main', 'train', 'evaluate', 'prior_check', 'plot', 'train_classifier')
ROS = ('rclpy', '_msgs', '_interfaces', 'ament', 'launch')


def modules_of(folder: str) -> list[str]:
    """Return the names of every module in a folder of the package."""
    paths = sorted((PACKAGE / folder).rglob('*.py'))
    names = [path.relative_to(PACKAGE.parent).with_suffix('') for path in paths]
    return ['.'.join(name.parts).removesuffix('.__init__') for name in names]


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: a relative import'
            found.add(str(node.module))
            # `from dsrl_ros.policies import io` names a module in its second half.
            found.update(f'{node.module}.{alias.name}' for alias in node.names)
    return found


def loaded_by(code: str) -> list[str]:
    """Return the modules in memory after a clean process has run `code`."""
    script = f'{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))'
    done = subprocess.run(
        [sys.executable, '-c', script], stdout=subprocess.PIPE, check=True, text=True
    )
    return list(json.loads(done.stdout.splitlines()[-1]))


def ros_in(loaded: list[str]) -> set[str]:
    """Return what of ROS is among loaded modules."""
    heads = {name.partition('.')[0] for name in loaded}
    return {head for head in heads if head.startswith(ROS) or head.endswith(ROS)}


def test_no_folder_is_forgotten():
    folders = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
    assert folders == {*ALLOWED, 'bridge', 'nodes', 'cli'}


@pytest.mark.parametrize('folder', ALLOWED)
def test_the_library_loads_no_ros_in_a_clean_process(folder):
    assert not ros_in(loaded_by(f'import {", ".join(modules_of(folder))}'))


@pytest.mark.parametrize('command', WITHOUT_ROS)
def test_the_commands_for_those_without_ros_load_none(command):
    assert not ros_in(loaded_by(f'import dsrl_ros.cli.{command}'))


@pytest.mark.parametrize('folder', ALLOWED)
def test_each_folder_imports_only_what_stands_below_it(folder):
    allowed = {'numpy', f'dsrl_ros.{folder}', *ALLOWED[folder], *sys.stdlib_module_names}
    for path in sorted((PACKAGE / folder).rglob('*.py')):
        for name in imports_of(path):
            if name == 'dsrl_ros' or name.startswith('dsrl_ros.__'):
                continue
            parts = name.split('.')
            heads = {'.'.join(parts[:n]) for n in (1, 2)}
            assert heads & allowed, f'{path.relative_to(PACKAGE)} imports {name}'


def test_a_success_classifier_judges_without_torch():
    """The reward node that loads one does without, too."""
    assert 'torch' not in loaded_by('import dsrl_ros.learning.success_classifier.classifier')


@pytest.mark.parametrize('node', WITHOUT_TORCH)
def test_a_node_that_needs_no_torch_loads_none(node):
    pytest.importorskip('rclpy', reason='needs ROS')
    loaded = loaded_by(f'import dsrl_ros.nodes.{node}_node')
    assert 'torch' not in loaded
