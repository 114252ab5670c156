"""`dsrl train` and its kin as a user meets them: options, errors, bars, logs, resuming, plots."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
import torch
from places import TESTS
from rich.console import Console
from torch import Tensor, nn
from toy import transition

from dsrl_ros.cli import evaluate, plot, run_options, train
from dsrl_ros.cli import main as command
from dsrl_ros.console.progress import Bars
from dsrl_ros.core.errors import (
    CheckpointError,
    ConfigError,
    DatasetError,
    PolicyLoadError,
    ShapeMismatchError,
)
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.data.dataset import save_transitions
from dsrl_ros.policies import exported, io

SMALL = ('hidden_size:=8', 'num_layers:=1', 'batch_size:=8', 'utd:=1')
TOY = ('--policy', 'P', '--env', 'toy:ToyEnv')
ALONE = ('--warmup', '0', '--episodes', '0')
SHORT = ('--warmup', '2', '--episodes', '3', '--eval', '4')


class Toy(nn.Module):
    """`toy.ToyPolicy`."""

    def forward(self, state: Tensor, noise: Tensor) -> Tensor:
        return 0.5 * torch.tanh(noise) - 0.08 * state[:, None, 1:]


@pytest.fixture
def policy(tmp_path, monkeypatch) -> str:
    path = tmp_path / 'policy.pt2'
    shapes = ({0: torch.export.Dim('B')},) * 2
    arguments = (torch.zeros(2, 2), torch.zeros(2, 2, 1))
    torch.export.save(torch.export.export(Toy(), arguments, dynamic_shapes=shapes), path)
    exported.write_card(path, exported.plain_spec('toy', 2, [-1.0], [1.0], 2, 2))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(TESTS))  # toy.py lies here
    return str(path)


def run(policy: str, *words: str) -> int:
    return train.main(['--env', 'toy:ToyEnv', '--policy', policy, *SHORT, *words, *SMALL])


def summary(folder: str) -> dict:
    return json.loads(Path(folder, 'summary.json').read_text())


def test_a_run_says_a_line_per_episode_and_closes_with_a_table(policy, capsys):
    assert run(policy, '--seed', '5', '--out', 'a', 'noise_layout:=repeated') == 0
    shown = capsys.readouterr().out
    assert 'learning   5/5' in shown and 'prior, full noise, c = 1   4/4' in shown
    for row in ('base policy, repeated noise', 'base policy, full noise', 'best scaled prior'):
        assert row in shown
    assert summary('a')['seed'] == 5 and summary('a')['noise_layout'] == 'repeated'


def test_a_run_is_resumed_with_the_options_it_began_with(policy, capsys, monkeypatch):
    calls = []

    def stop(self, number, original=train.TrainingRun._before_learning):
        calls.append(number)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        original(self, number)

    monkeypatch.setattr(train.TrainingRun, '_before_learning', stop)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(policy, '--out', 'a')
    assert signal.getsignal(signal.SIGINT) == before
    shown = ' '.join(capsys.readouterr().out.split())
    assert 'Ctrl-C again' in shown and 'stopped; `dsrl train --resume' in shown
    assert not summary('a')['complete']
    assert train.main(['--resume', 'a']) == 0
    assert calls == [0, 1, 2, 3, 4] and summary('a')['complete']
    with pytest.raises(ConfigError, match='--resume: got seed'):
        train.main(['--resume', 'a', '--seed', '3'])


def test_eval_and_plot_read_the_folder_of_a_run(policy, capsys):
    run(policy, '--out', 'a')
    run(policy, '--out', 'b', '--seed', '1')
    run(policy, '--out', 'c', 'noise_layout:=repeated')
    assert evaluate.main(['--run', 'a', '--episodes', '3', '--scales', '0.5']) == 0
    result = json.loads(Path('a/eval_seed1.json').read_text())
    assert result['trained_episodes'] == 5
    assert [one['trials'] for one in result['success'].values()] == [3, 3, 3]
    capsys.readouterr()
    assert plot.main(['a', 'b', 'c', '--out', 'curves.png']) == 0
    assert 'sac, full: 2 runs\nsac, repeated: 1 run\n' in capsys.readouterr().out
    assert Path('curves.png').read_bytes()[:4] == b'\x89PNG'


def test_options_come_from_the_file_and_the_command_line_wins(tmp_path):
    path = tmp_path / 'my.yaml'
    path.write_text('utd: 7\ndiscount: 0.5\n')
    config = run_options.learner_config(['utd:=9'], path)
    assert config == LearnerConfig(utd=9, discount=0.5)


@pytest.mark.parametrize(
    ('words', 'error', 'says'),
    [
        (['--policy', 'nowhere.pt'], PolicyLoadError, 'no such file'),
        ([], ConfigError, '--policy'),
        (['--policy', 'P', 'nonsense:=1'], ConfigError, 'nonsense'),
        (['--policy', 'P', 'utd:=0'], ConfigError, 'utd'),
        (['--policy', 'P', 'utd'], ConfigError, 'name:=value'),
        (['--policy', 'P', '--env', 'Nowhere-v3'], ConfigError, 'Nowhere-v3'),
        (['--policy', 'P', '--env', 'toy:Nothing'], ConfigError, 'toy:Nothing'),
        (['--policy', 'P', '--env', 'CartPole-v1'], ConfigError, 'continuous'),
        (['--policy', 'P', '--episodes', '-1'], ConfigError, 'episodes'),
        (['--policy', 'P', '--success-return', 'x', '--env', 'Pendulum-v1'], ConfigError, "'x'"),
        (['--config', 'nowhere.yaml', '--policy', 'P'], ConfigError, r'nowhere\.yaml'),
        (['--policy', 'P', 'offline_steps:=9'], ConfigError, 'offline_steps.*--offline'),
        (['--policy', 'P', 'offline_share:=0.5'], ConfigError, 'offline_share.*--offline'),
        ([*TOY, '--max-steps', '9'], ConfigError, '--max-steps'),
        ([*TOY, '--end-on-success'], ConfigError, '--end-on-success'),
        ([*TOY, '--success-return', '1'], ConfigError, '--success-return'),
        (['--policy', 'P', '--max-steps', '9'], ConfigError, '--max-steps'),
        ([*TOY, 'num_features:=3'], ConfigError, 'num_features'),
        ([*TOY, '--offline', 'nowhere.safetensors'], DatasetError, 'nowhere'),
        ([*TOY, '--offline', 'demos.safetensors'], ShapeMismatchError, 'got no noise'),
        ([*TOY, *ALONE, '--offline', 'demos.safetensors'], ConfigError, 'nothing is learned'),
        ([*TOY, '--checkpoint-every', '0'], ConfigError, 'checkpoint_every'),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(words, error, says, policy, tmp_path):
    demonstrations(policy, tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=says):
        train.main([policy if word == 'P' else word for word in words])
    assert sorted(tmp_path.iterdir()) == before


def demonstrations(policy: str, folder: Path) -> str:
    """Write transitions without noise."""
    path = folder / 'demos.safetensors'
    steps = [transition(i, noise=None, phase='offline') for i in range(40)]
    save_transitions(path, steps, io.load(Path(policy)).spec)
    return str(path)


def test_from_a_dataset_only_as_the_documentation_has_it(policy, tmp_path):
    offline = demonstrations(policy, tmp_path)
    words = ('--out', 'a', *ALONE, '--offline', offline, 'algorithm:=na', 'offline_steps:=20')
    assert run(policy, *words) == 0
    made = summary('a')
    assert made['complete'] and made['gradient_steps'] == 20 and made['decisions'] == 0
    Path(offline).unlink()  # the checkpoint holds it
    assert train.main(['--resume', 'a']) == 0
    assert evaluate.main(['--run', 'a', '--episodes', '3', '--scales', '0.5']) == 0
    assert json.loads(Path('a/eval_seed1.json').read_text())['trained_episodes'] == 0


def test_policy_and_environment_are_made_once(policy, monkeypatch):
    made = []

    def count(options, *rest, load=run_options.load_policy, make=run_options.make_env):
        made.append(len(rest))
        return make(options, *rest) if rest else load(options)

    monkeypatch.setattr(run_options, 'load_policy', count)
    monkeypatch.setattr(run_options, 'make_env', count)
    run(policy, '--out', 'a')
    assert made == [0, 2]


def test_checkpoints_come_as_often_as_asked_for(policy):
    run(policy, '--out', 'a', '--checkpoint-every', '2')
    assert sorted(path.name for path in Path('a/checkpoints').iterdir()) == [
        '000003',
        '000004',
        '000005',
    ]


def test_eval_needs_a_checkpoint_and_plot_needs_episodes(policy, tmp_path):
    run(policy, '--out', 'a', '--episodes', '0', '--warmup', '0')
    with pytest.raises(CheckpointError, match='no checkpoint'):
        evaluate.main(['--run', 'a'])
    with pytest.raises(ConfigError, match='no online episode'):
        plot.main(['a'])
    with pytest.raises(ConfigError, match='summary'):
        plot.main([str(tmp_path)])


def test_a_registered_environment_by_its_id(policy, tmp_path):
    path = tmp_path / 'pendulum.pt2'
    path.write_bytes(Path(policy).read_bytes())
    spec = exported.plain_spec('pendulum', 2, [-1.0], [1.0], 2, 2)
    options = run_options.run_options({'policy': str(path), 'env': 'MountainCarContinuous-v0'})
    env = run_options.make_env(options, spec, LearnerConfig(discount_unit='step', discount=0.5))
    assert env.reset(seed=0)[0].shape == (2,)


def test_without_tensorboard_a_run_goes_on_and_says_so_once(policy, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', None)
    assert run(policy, '--out', 'a') == 0
    assert capsys.readouterr().out.count('no TensorBoard logs') == 1


def test_tensorboard_gets_losses_and_success(policy):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(policy, '--out', 'a')
    events = EventAccumulator('a/tensorboard').Reload()
    tags = events.Tags()['scalars']
    assert {'episode/success', 'critic/loss', 'actor/loss'} <= set(tags)
    assert [event.step for event in events.Scalars('episode/success')] == [1, 2, 3, 4, 5]


def test_on_a_terminal_there_are_bars(tmp_path):
    with (tmp_path / 'out').open('w+') as file:
        console = Console(file=file, force_terminal=True, width=120, highlight=False)
        with Bars(console=console) as bars:
            bars.begin('learning', 4, done=1)
            bars.episode(True, {})
            bars.warn('look here')
            bars.say('runs/[a]')
        file.seek(0)
        shown = file.read()
    for text in ('2/4', 'last 1: 100%', 'look here', 'runs/[a]'):
        assert text in shown
    assert 'learning   2/4' not in shown


def test_the_options_of_the_learner_can_be_listed(capsys):
    assert train.main(['--list-options']) == 0
    shown = capsys.readouterr().out
    for name in LearnerConfig.__dataclass_fields__:
        assert f'{name}:=' in shown


def test_a_command_that_needs_ros_says_so_where_there_is_none(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'ament_index_python.packages', None)
    for name in [name for name in sys.modules if name.startswith('dsrl_ros.cli.')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, 'argv', ['dsrl', 'launch', 'franka_steer'])
    with pytest.raises(SystemExit) as leaving:
        command.main()
    assert leaving.value.code == 1
    assert 'expected ROS 2' in capsys.readouterr().err
