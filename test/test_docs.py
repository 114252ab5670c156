"""The worked example of the docs runs as it stands there, and does what it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsrl_ros.cli import evaluate, plot, prior_check, train

TEXT = (Path(__file__).parents[1] / 'docs' / 'steer_your_own_policy.md').read_text()
COMMANDS = {'train': train, 'eval': evaluate, 'plot': plot, 'prior-check': prior_check}


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf'```{language}\n(.*?)```', TEXT, re.DOTALL)
    return found


def block(language: str, number: int = 0) -> str:
    return blocks(language)[number]


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('example')


def test_the_example_learns(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    exec(compile(block('python'), 'steer_your_own_policy.md', 'exec'), names)
    assert 0.05 < names['base'] < 0.5
    assert names['steered'] == 1.0
    assert 'steered 100%' in capsys.readouterr().out


def test_the_example_with_a_camera_loads_and_looks(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(compile(block('python', 1), 'steer_your_own_policy.md', 'exec'), names)
    state, noise = np.zeros((2, 2), np.float32), np.zeros((2, 2, 1), np.float32)
    images = np.zeros((2, 48, 64, 3), np.uint8)
    images[0, ..., 0] = images[1, ..., 2] = 255  # one red, one blue
    actions = names['policy'].see(state, noise, [images])
    np.testing.assert_allclose(actions[:, 0, 0], [-0.08, 0.08], atol=1e-4)


def test_its_commands_run_one_after_the_other(folder, monkeypatch, capsys):
    """On the policy that the example above has exported."""
    monkeypatch.chdir(folder)
    found = re.search(
        r'^(from pathlib.*?torch\n).*?^(class Reach.*?)^class Policy', block('python'), re.M | re.S
    )
    assert found is not None
    imports, environment = found.groups()
    (folder / 'reach.py').write_text(f'{imports}\n{environment}')
    (folder / 'small.yaml').write_text(block('yaml'))
    for line in '\n'.join(blocks('sh')).replace('\\\n', '').splitlines():
        if not line:
            continue
        _, name, *arguments = shlex.split(line)
        assert COMMANDS[name].main(arguments) == 0
    shown = capsys.readouterr().out
    assert 'steered (sac)' in shown
    summary = json.loads((folder / 'runs/reach/summary.json').read_text())
    assert summary['steered_success'] > 0.9 > 0.5 > summary['base_success']
    alone = json.loads((folder / 'runs/alone/summary.json').read_text())
    assert alone['steered_success'] > 0.9 and alone['online_episodes'] == 0
    assert (folder / 'reach.png').exists() and (folder / 'runs/reach/eval_seed1.json').exists()


def test_the_example_stays_short():
    """30 lines, beside its imports."""
    lines = [line for line in block('python').splitlines() if line.strip()]
    own = [line for line in lines if not line.startswith(('from', 'import'))]
    assert len(own) <= 30 and max(map(len, lines)) <= 99
