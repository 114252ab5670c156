"""A policy in Python, named as module:factory, is as good as a file, and checked like one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsrl_ros.core.errors import ConfigError, PolicyLoadError
from dsrl_ros.policies import io

HEAD = """
import torch
from dsrl_ros.policies.exported import ExportedPolicy, plain_spec

SPEC = plain_spec('mine', 2, [-1], [1], horizon=2, num_execute=2, sha256=64 * 'a')
"""
GOOD = """
def load():
    return ExportedPolicy(SPEC, lambda state, noise: torch.tanh(noise) + 0 * state[:, None, :1])
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    count = iter(range(100))

    def write(text: str) -> Path:
        """Write a module of its own name, since Python keeps those it has imported."""
        name = f'mine_{tmp_path.name}_{next(count)}'.replace('-', '_')
        (tmp_path / f'{name}.py').write_text(HEAD + text)
        return Path(f'{name}:load')

    return write


def test_a_policy_of_the_current_folder_answers(write):
    policy = io.load(write(GOOD))
    noise = np.ones((3, 2, 1), dtype=np.float32)
    chunk = policy(np.zeros((3, 2), dtype=np.float32), noise)
    np.testing.assert_allclose(chunk, np.tanh(noise), rtol=1e-6)
    assert policy.spec.sha256 == 64 * 'a'


@pytest.mark.parametrize(
    ('text', 'error', 'what'),
    [
        ('', ConfigError, 'has no load; expected module:factory'),
        ('def load(path): ...', ConfigError, "missing a required argument: 'path'; expected"),
        # What is wrong inside is not hidden.
        ('import nowhere', ModuleNotFoundError, "^No module named 'nowhere'$"),
        ('def load():\n    return None.x', AttributeError, "^'NoneType' object has no attribute"),
        ('def load():\n    return 3', PolicyLoadError, 'got int, expected a FrozenPolicy'),
        (
            'def load():\n    return ExportedPolicy(SPEC, lambda s, w: torch.rand_like(w))',
            PolicyLoadError,
            'got other actions for the same state and noise',
        ),
        (
            GOOD.replace('SPEC', "plain_spec('m', 2, [-1], [1], horizon=2, num_execute=2)"),
            PolicyLoadError,
            "got sha256 '', expected 64 hexadecimal digits",
        ),
    ],
)
def test_what_is_no_policy_is_refused(write, text, error, what):
    with pytest.raises(error, match=what):
        io.load(write(text))


def test_what_it_imports_later_is_found_too(write, tmp_path):
    (tmp_path / 'later_part.py').write_text('def act(noise):\n    return noise.tanh()\n')
    later = "__import__('later_part').act(noise)"
    policy = io.load(write(GOOD.replace('torch.tanh(noise)', later)))
    noise = np.ones((1, 2, 1), dtype=np.float32)
    assert policy(np.zeros((1, 2), dtype=np.float32), noise).shape == (1, 2, 1)


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="got 'nowhere:load': No module named 'nowhere'"):
        io.load(Path('nowhere:load'))
