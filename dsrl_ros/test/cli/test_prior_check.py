"""`dsrl prior-check`: what the monitor parses, and what a person reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from places import TESTS
from torch import Tensor, nn

from dsrl_ros.cli import prior_check
from dsrl_ros.cli.prior_check import Measurement
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.policies import exported
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE


class Wild(nn.Module):
    """Answers 1e27 once the first entry of its noise is large."""

    def forward(self, state: Tensor, noise: Tensor) -> Tensor:
        return torch.where(noise[:, :1] > 1.5, 1e27 * torch.ones_like(noise), noise.tanh())


@pytest.fixture
def policy(tmp_path, monkeypatch) -> Path:
    path = tmp_path / 'policy.pt2'
    shapes = ({0: torch.export.Dim('B')},) * 2
    arguments = (torch.zeros(2, 2), torch.zeros(2, 2, 1))
    torch.export.save(torch.export.export(Wild(), arguments, dynamic_shapes=shapes), path)
    exported.write_card(path, exported.plain_spec('wild', 2, [-1.0], [1.0], 2, 2))
    monkeypatch.chdir(TESTS)  # toy.py lies here
    return path


def run(capsys, policy: Path, *words: str) -> list[dict]:
    arguments = ['--env', 'toy:ToyEnv', '--policy', str(policy), '--seed', '3', *words]
    assert prior_check.main([*arguments, '--episodes', '4']) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_per_layout_and_scale_with_the_answers_that_were_bad(capsys, policy):
    lines = run(capsys, policy, '--layouts', 'repeated', 'full', '--scales', '0', '1')
    assert [(line['layout'], line['scale']) for line in lines] == [
        ('repeated', 0.0),
        ('repeated', 1.0),
        ('full', 0.0),
        ('full', 1.0),
    ]
    for line in lines:
        assert line['trials'] == 4 and line['answers'] >= 4
        low, high = line['interval_95']
        assert 0 <= low <= line['successes'] / 4 <= high <= 1
        assert (line['bad_answers'] > 0) == (line['scale'] == 1.0)


def test_the_full_layout_comes_along_once_when_asked_for(capsys, policy):
    words = ('--also-full', '--scales', '1')
    lines = run(capsys, policy, '--layouts', 'repeated', *words)
    assert [line['layout'] for line in lines] == ['repeated', 'full']
    assert [line['layout'] for line in run(capsys, policy, '--layouts', 'full', *words)] == [
        'full'
    ]


def test_a_layout_that_takes_success_away_is_named():
    def one(layout: str, successes: int, scale: float = 1.0) -> Measurement:
        return Measurement(layout, scale, successes, 50, (0.0, 1.0), 0, 100)

    (text,) = prior_check.warnings([one('full', 20), one('repeated', 0), one('basis', 18)])
    assert 'repeated' in text and '0 % (0/50' in text and '40 % (20/50' in text
    assert 'noise_layout:=full' in text and 'noise_layout:=basis' in text
    assert not prior_check.warnings([one('repeated', 0)])
    assert not prior_check.warnings([one('full', 20, 0.5), one('repeated', 0)])


def test_a_policy_is_needed(capsys):
    with pytest.raises(ConfigError, match='--policy'):
        prior_check.main(['--seed', '0'])


def test_a_person_reads_a_table(monkeypatch, capsys, policy):
    monkeypatch.setenv('FORCE_COLOR', '1')
    arguments = ['--env', 'toy:ToyEnv', '--policy', str(policy), '--episodes', '2']
    prior_check.main([*arguments, '--scales', '1'])
    shown = capsys.readouterr().out
    assert 'Success of the frozen policy' in shown and 'bad answers' in shown


class Onlooker(nn.Module):
    """Answers absurdly unless its camera shows something bright."""

    def forward(self, state: Tensor, noise: Tensor, front: Tensor) -> Tensor:
        dark = front.to(torch.float32).mean(dim=(1, 2, 3))[:, None, None] < 50
        return torch.where(dark, 1e27 * torch.ones_like(noise), 0.01 * noise.tanh())


def onlooker(folder: Path, camera: str) -> Path:
    """Write a policy for pick_place that looks through one of its cameras."""
    path = folder / 'onlooker.pt2'
    states, columns = len(PICK_PLACE.state_names), len(PICK_PLACE.action_names)
    example = (
        torch.zeros(2, states),
        torch.zeros(2, 8, columns),
        torch.zeros(2, 48, 64, 3, dtype=torch.uint8),
    )
    shapes = ({0: torch.export.Dim('B')},) * 3
    torch.export.save(torch.export.export(Onlooker(), example, dynamic_shapes=shapes), path)
    spec = exported.plain_spec(
        'onlooker',
        states,
        PICK_PLACE.action_low,
        PICK_PLACE.action_high,
        horizon=8,
        num_execute=8,
        state_names=PICK_PLACE.state_names,
        action_names=PICK_PLACE.action_names,
        control_mode=PICK_PLACE.control_mode,
        step_period_s=PICK_PLACE.step_period_ns * 1e-9,
        image_names=(camera,),
        image_heights=(48,),
        image_widths=(64,),
    )
    exported.write_card(path, spec)
    return path


def test_a_policy_with_cameras_is_shown_the_task(capsys, tmp_path):
    path = onlooker(tmp_path, 'front')
    arguments = ['--env', 'pick_place', '--policy', str(path), '--scales', '1']
    assert prior_check.main([*arguments, '--episodes', '1']) == 0
    line = json.loads(capsys.readouterr().out)
    assert line['answers'] > 0 and line['bad_answers'] == 0


def test_a_camera_that_the_task_lacks_is_named_before_the_first_episode(tmp_path):
    path = onlooker(tmp_path, 'ceiling')
    with pytest.raises(ConfigError, match='ceiling, expected cameras of the task'):
        prior_check.main(['--env', 'pick_place', '--policy', str(path), '--episodes', '0'])
