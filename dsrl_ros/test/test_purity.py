"""Who may import whom: the library loads no ROS, and a node that only acts carries no torch.

`LAYERS` is the table that ARCHITECTURE.md prints; a test compares the two.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import REPO

import dsrl_ros

PACKAGE = Path(dsrl_ros.__file__).parent

# Folder -> what it may import beside itself, `core`, numpy and the standard library. The row of
# the innermost folder counts. `ROS` stands for ROS packages, `anything` for no limit.
LAYERS = {
    'core': (),
    'policies': ('torch', 'safetensors'),
    'robots/model': ('mujoco', 'mink'),
    'robots/motion': ('robots/model', 'mujoco', 'mink'),
    'robots/safety': ('robots/model', 'robots/motion'),
    'robots/execution': ('robots/model', 'robots/motion', 'robots/safety'),
    'robots/simulation': ('robots/model', 'robots/motion', 'mujoco'),
    'learning/steering': ('safetensors', 'PIL'),
    'learning': ('learning/steering', 'policies', 'torch', 'safetensors', 'matplotlib', 'PIL'),
    'tasks': ('policies', 'robots', 'gymnasium', 'mujoco', 'torch'),
    'console': ('learning/run', 'rich', 'torch'),
    'ros': ('robots', 'ROS'),
    'nodes/driver': ('ros', 'robots', 'ROS'),
    'nodes/motion_planner': ('ros', 'robots', 'ROS'),
    'nodes/mock_gripper': ('ros', 'robots', 'ROS'),
    'nodes/twin': ('ros', 'robots', 'tasks', 'ROS'),
    'nodes/steering': ('ros', 'learning/steering', 'ROS'),
    'nodes/trainer': ('ros', 'learning', 'policies', 'torch', 'ROS'),
    'nodes/policy': ('ros', 'policies', 'torch', 'ROS'),
    'nodes/reward': ('ros', 'robots', 'tasks', 'learning/success_classifier', 'ROS'),
    'nodes/recorder': ('ros', 'rosbags', 'ROS'),
    'nodes/monitor': ('ros', 'learning/run', 'console', 'ROS'),
    'launch': ('robots/model', 'learning/config', 'learning/run/folder', 'ROS'),
    'cli': ('anything',),
}
# Message packages of vendors -> the only folders that import them.
VENDOR_MESSAGES = {
    'franka_msgs': {'nodes/driver/franka', 'nodes/mock_gripper'},
    'control_msgs': {'nodes/driver/franka', 'nodes/mock_gripper'},
    'controller_manager_msgs': {'nodes/driver/franka'},
    'interbotix_xs_msgs': {'nodes/driver/widowx'},
    'moveit': {'nodes/motion_planner/planners'},
    'moveit_msgs': {'nodes/motion_planner/planners'},
}
MOST_MODULES = 15  # in one folder
# Loaded without ROS, torch only where the folder says so.
LIBRARY = ('core', 'policies', 'learning', 'robots', 'tasks', 'console')
# Each loads torch nowhere, not even by way of others: the memory of eight processes adds up.
WITHOUT_TORCH = ('steering', 'reward', 'driver', 'twin', 'mock_gripper', 'recorder')
# Commands of `dsrl` that a user without ROS has.
WITHOUT_ROS = ('main', 'train', 'evaluate', 'prior_check', 'plot', 'train_classifier')
# What ROS itself needs counts as ROS.
ROS_HEADS = {'rclpy', 'launch', 'cv_bridge', 'message_filters', 'moveit', 'yaml'}


def module_name(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
    return '.'.join(parts).removesuffix('.__init__')


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob('*.py'))}


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: a relative import'
            for alias in node.names:
                # `from dsrl_ros.policies import io` names a module in its second half.
                both = f'{node.module}.{alias.name}'
                found.add(both if both in FILES else str(node.module))
    return found - {'__future__'}


IMPORTS = {name: imports_of(path) for name, path in FILES.items()}


def row_of(name: str) -> str:
    """Return the row of `LAYERS` that a module of the package belongs to."""
    parts = name.split('.')[1:]
    heads = ['/'.join(parts[:n]) for n in (2, 1)]
    return next((head for head in heads if head in LAYERS), '')


def is_ros(name: str) -> bool:
    """Return whether a module is of ROS."""
    head = name.partition('.')[0]
    ends = ('_msgs', '_srvs', '_interfaces')
    return head in ROS_HEADS or head.startswith(('ament', 'launch_')) or head.endswith(ends)


def may_import(row: str, name: str) -> bool:
    """Return whether a folder of `LAYERS` may import a module."""
    allowed = LAYERS[row]
    if 'anything' in allowed:
        return True
    if name.startswith('dsrl_ros.') and name != 'dsrl_ros.__version__':
        path = name.replace('.', '/').removeprefix('dsrl_ros/')
        homes = (row, 'core', *allowed)
        return any(path == home or path.startswith(f'{home}/') for home in homes)
    head = name.partition('.')[0]
    known = head in {'numpy', 'dsrl_ros', *allowed, *sys.stdlib_module_names}
    return known or ('ROS' in allowed and is_ros(name))


def loaded_by(code: str) -> list[str]:
    """Return the modules in memory after a clean process has run `code`."""
    script = f'{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))'
    done = subprocess.run(
        [sys.executable, '-c', script], stdout=subprocess.PIPE, check=True, text=True
    )
    return list(json.loads(done.stdout.splitlines()[-1]))


def ros_in(loaded: list[str]) -> set[str]:
    """Return what of ROS is among loaded modules."""
    return {name.partition('.')[0] for name in loaded if is_ros(name)} - {'yaml'}


def circles() -> list[list[str]]:
    """Return the groups of modules that import each other, by Tarjan's algorithm."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        stack.append(name)
        for other in IMPORTS[name]:
            if other in IMPORTS and other != name:
                if other not in number:
                    visit(other)
                    lowest[name] = min(lowest[name], lowest[other])
                elif other in stack:
                    lowest[name] = min(lowest[name], number[other])
        if lowest[name] == number[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(group)

    for name in IMPORTS:
        if name not in number:
            visit(name)
    return found


def test_every_folder_has_a_row():
    rows = {row_of(name) for name in FILES if name.count('.') > 1}
    assert rows - {''} == {*LAYERS}
    without = {name for name, path in FILES.items() if not row_of(name) and path.stat().st_size}
    assert without <= {'dsrl_ros', 'dsrl_ros.nodes', 'dsrl_ros.robots'}


@pytest.mark.parametrize('row', LAYERS)
def test_each_folder_imports_only_what_its_row_allows(row):
    for name in FILES:
        if row_of(name) == row:
            wrong = [other for other in sorted(IMPORTS[name]) if not may_import(row, other)]
            assert not wrong, f'{name} imports {", ".join(wrong)}'


def test_no_module_imports_itself_by_way_of_others():
    """Imports inside functions count too."""
    assert circles() == []


@pytest.mark.parametrize('package', VENDOR_MESSAGES)
def test_messages_of_a_vendor_stay_in_their_folders(package):
    users = {
        '/'.join(name.split('.')[1:-1])
        for name, others in IMPORTS.items()
        if any(other.partition('.')[0] == package for other in others)
    }
    assert users <= VENDOR_MESSAGES[package]


def test_no_folder_holds_too_many_modules():
    for folder in {path.parent for path in FILES.values()}:
        modules = [path for path in folder.glob('*.py') if path.name != '__init__.py']
        assert len(modules) <= MOST_MODULES, folder


def test_the_architecture_page_prints_this_table():
    text = (REPO / 'ARCHITECTURE.md').read_text()
    printed = dict(re.findall(r'^\| `([\w/]+)/` \|.*\| ([^|]*) \|$', text, re.MULTILINE))
    assert printed == {row: ', '.join(allowed) or 'nothing' for row, allowed in LAYERS.items()}


@pytest.mark.parametrize('folder', LIBRARY)
def test_the_library_loads_no_ros_in_a_clean_process(folder):
    modules = [name for name in FILES if f'{name}.'.startswith(f'dsrl_ros.{folder}.')]
    assert not ros_in(loaded_by(f'import {", ".join(modules)}'))


@pytest.mark.parametrize('command', WITHOUT_ROS)
def test_the_commands_for_those_without_ros_load_none(command):
    assert not ros_in(loaded_by(f'import dsrl_ros.cli.{command}'))


def test_a_success_classifier_judges_without_torch():
    """The reward node that loads one does without, too."""
    assert 'torch' not in loaded_by('import dsrl_ros.learning.success_classifier.classifier')


@pytest.mark.parametrize('node', WITHOUT_TORCH)
def test_a_node_that_needs_no_torch_loads_none(node):
    pytest.importorskip('rclpy', reason='needs ROS')
    loaded = loaded_by(f'import dsrl_ros.nodes.{node}.node')
    assert 'torch' not in loaded
