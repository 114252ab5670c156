"""What pip installs without ROS is what the set-up with ROS installs for the library."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Only the nodes import it.
OF_THE_NODES = {'rosbags'}


def name_of(requirement: str) -> str:
    found = re.match(r'[\w-]+', requirement)
    assert found is not None
    return found.group()


def required_by_setup() -> tuple[set[str], set[str]]:
    """Return the names that setup.py requires, and those of its extra `bench`."""
    tree = ast.parse((ROOT / 'dsrl_ros' / 'setup.py').read_text())
    (call,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == 'setup'
    ]
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    needed = ast.literal_eval(given['install_requires'])
    extra = ast.literal_eval(given['extras_require'])['bench']
    return set(map(name_of, needed)), set(map(name_of, extra))


def test_pip_and_the_setup_with_ros_agree():
    lines = (ROOT / 'setup' / 'requirements.txt').read_text().splitlines()
    listed = {name_of(line) for line in lines if not line.startswith('#')}
    needed, extra = required_by_setup()
    assert listed - OF_THE_NODES == needed - {'torch'} | extra - {'stable-baselines3'}


def test_every_requirement_is_pinned_for_every_python():
    lines = (ROOT / 'setup' / 'requirements.txt').read_text().splitlines()
    listed = {name_of(line) for line in lines if not line.startswith('#')}
    for path in sorted((ROOT / 'setup' / 'constraints').glob('*.txt')):
        pinned = {name_of(line) for line in path.read_text().splitlines()[1:]}
        assert listed <= pinned, path.name
