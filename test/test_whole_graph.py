"""The whole graph of the demo, every node a process.

What a run leaves behind, that it repeats, and that whatever ends it early loses nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

pytest.importorskip('rclpy', reason='needs ROS')

from graph_run import BRINGUP, FRANKA, Run, description_of, small_config, start_graph

from dsrl_ros.core.types import NoiseSource
from dsrl_ros.launch.launch_file import Description
from dsrl_ros.launch.prepare import complete_arguments
from dsrl_ros.nodes.recorder.bag_writer import AUDIT
from dsrl_ros.nodes.trainer.transitions import transition_from_msg
from dsrl_ros.policies import exported, io
from dsrl_ros.ros import names

NODES = ('driver', 'monitor', 'policy', 'recorder', 'reward', 'steering', 'trainer', 'twin')
PHASES = ['warmup'] * 2 + ['online'] * 3 + ['eval_base'] * 2 + ['eval_steered'] * 2


def results(run: Run) -> list[Any]:
    """Return how each episode ended."""
    return [run.bag(n)[names.EPISODE_RESULT][0] for n in range(len(PHASES))]


@pytest.fixture(scope='module')
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Run]]:
    """Return a function that starts the demo with a small learner."""
    runs: list[Run] = []

    def run(
        config: str = '', environment: Mapping[str, str] | None = None, **arguments: object
    ) -> Run:
        given = {
            'seed': 5,
            'warmup_episodes': PHASES.count('warmup'),
            'episodes': PHASES.count('online'),
            'eval_episodes': PHASES.count('eval_base'),
            **arguments,
        }
        if environment is None:  # a ROS domain of its own
            environment = {name: v for name, v in os.environ.items() if name != 'ROS_DOMAIN_ID'}
        folder = tmp_path_factory.mktemp('run')
        runs.append(start_graph(folder, config or small_config(), environment, **given))
        return runs[-1]

    yield run
    for each in runs:
        each.end()


@pytest.fixture(scope='module')
def finished(start: Callable[..., Run]) -> Run:
    """Return a run that has come to its end."""
    run = start()
    output = run.wait()
    assert run.launcher.returncode == 0, output
    return run


def test_a_run_leaves_everything_it_promises(finished: Run) -> None:
    """Summary, curve, configuration, checkpoints, and a log of every node."""
    summary = json.loads((finished.folder / 'summary.json').read_text())
    assert summary['complete']
    assert summary['seed'] == 5
    assert (summary['warmup_episodes'], summary['online_episodes']) == (2, 3)
    assert summary['eval_episodes'] == 2
    for rate in ('base_success', 'steered_success'):
        assert 0 <= summary[rate] <= 1
    assert set(summary['scaled_prior_success']) == {'0', '0.25', '0.5', '0.75', '1'}
    assert summary['scaled_prior_success']['1'] == summary['base_success']
    transitions = finished.transitions()
    assert summary['decisions'] == len(transitions)
    assert summary['env_steps'] == sum(t.result.num_executed for t in transitions)
    assert summary['gradient_steps'] == 4 * len(transitions)
    assert (finished.folder / 'learning_curve.png').stat().st_size > 1000
    assert (finished.folder / 'config.yaml').stat().st_size > 100
    assert list((finished.folder / 'checkpoints').iterdir())
    assert {log.stem for log in (finished.folder / 'logs').iterdir()} >= set(NODES)


def test_dsrl_na_steers_the_same_graph(start: Callable[..., Run]) -> None:
    """One word changes the algorithm; the trainer then asks the frozen policy itself."""
    run = start(algorithm='na')
    output = run.wait()
    assert run.launcher.returncode == 0, output
    summary = json.loads((run.folder / 'summary.json').read_text())
    assert summary['complete'] and summary['algorithm'] == 'na'
    assert summary['gradient_steps'] == 4 * len(run.transitions())
    learned = run.folder / 'checkpoints' / '000005' / 'networks.safetensors'
    assert b'noise_critics.members.0' in learned.read_bytes()


def test_no_log_holds_an_error(finished: Run) -> None:
    """A run that went well says nothing else."""
    for log in (finished.folder / 'logs').iterdir():
        text = log.read_text()
        for word in ('Traceback', '[ERROR]', '[FATAL]'):
            assert word not in text, f'{log.name}: {text}'


def test_every_bag_is_complete_and_reads_back(finished: Run) -> None:
    """Observations, noises, chunks, results, rewards: one per decision, joined by their key."""
    vendors = complete_arguments(Description(description_of(FRANKA)), {})
    loop = (names.NOISE, names.ACTION_CHUNK, names.CHUNK_RESULT, names.REWARD)
    for number, phase in enumerate(PHASES):
        metadata = yaml.safe_load(
            (finished.folder / f'episodes/{number:04d}/metadata.yaml').read_text()
        )
        audit = json.loads(metadata['rosbag2_bagfile_information']['custom_data'][AUDIT])
        assert audit['complete'], audit
        bag = finished.bag(number)
        result = bag[names.EPISODE_RESULT][0]
        assert result.phase == phase
        keys = [(number, decision) for decision in range(result.num_decisions)]
        for topic in loop:
            assert [(m.id.episode, m.id.decision) for m in bag[topic]] == keys, topic
        observed = [(m.id.episode, m.id.decision) for m in bag[names.OBSERVATION]]
        assert observed == [*keys, (number, result.num_decisions)]
        assert bag[vendors['joint_states']] and bag[vendors['trajectory']]
        assert bag[names.RUN_INFO] and bag[names.POLICY_SPEC]


def test_transitions_are_whole_and_nothing_is_missing(finished: Run) -> None:
    """Numbered from 0 without gaps; the noise is the one of its phase; observations chain."""
    transitions = finished.transitions()
    assert [t.sequence for t in transitions] == list(range(len(transitions)))
    assert [t.phase for t in transitions] == [PHASES[t.id.episode] for t in transitions]
    for before, t in itertools.pairwise(transitions):
        if t.id.episode == before.id.episode:
            assert t.observation == before.next_observation
        else:
            assert before.reward.terminated or before.reward.truncated
        source = NoiseSource.ACTOR if t.phase == 'online' else NoiseSource.PRIOR
        assert t.noise.source == source
        assert np.isfinite(t.noise.data).all()


def test_weights_change_only_between_episodes_with_one_episode_of_lag(finished: Run) -> None:
    """Episode e acts on weights that have learned from episodes 0 to e-2; the last from all."""
    ended = results(finished)
    versions = [r.weights_version for r in ended if r.phase in ('online', 'eval_steered')]
    assert versions == [2, 3, 4, 6, 6]  # version n+1 has learned from n episodes
    for t in finished.transitions():
        want = ended[t.id.episode].weights_version if t.phase == 'online' else 0
        assert t.noise.weights_version == want


def test_base_and_steered_face_the_same_fresh_resets(finished: Run) -> None:
    """The evaluation uses starts that nothing was learned from."""
    seeds = [r.reset_seed for r in results(finished)]
    assert seeds[5:7] == seeds[7:9]
    assert not set(seeds[5:7]) & set(seeds[:5])


def test_the_same_seed_repeats_the_run_bit_for_bit(
    finished: Run, start: Callable[..., Run]
) -> None:
    """In lockstep nothing depends on timing: states, noises, actions, rewards and outcomes."""
    again = start()
    output = again.wait()
    assert again.launcher.returncode == 0, output

    def told(run: Run) -> list[bytes]:
        parts = []
        for t in run.transitions():
            arrays = (t.observation.state, t.noise.data, t.result.executed)
            parts += [np.asarray(values).tobytes() for values in arrays]
            parts.append(repr((t.reward.value, t.reward.terminated, t.reward.truncated)).encode())
        for r in results(run):
            parts.append(repr((r.success, r.num_decisions, r.num_steps)).encode())
        return parts

    assert told(again) == told(finished)


def test_ctrl_c_keeps_what_was_learned_and_recorded(start: Callable[..., Run]) -> None:
    """Within 5 s every process is gone; checkpoint, journal, bags and summary are whole."""
    run = start(episodes=30)
    run.wait_for('episodes/0004')
    handles = [os.pidfd_open(run.pid_of(node)) for node in NODES]
    begin = time.monotonic()
    run.launcher.send_signal(signal.SIGINT)
    output = run.wait()
    assert time.monotonic() - begin < 5.0
    assert run.launcher.returncode == 128 + signal.SIGINT
    assert 'did not end cleanly' not in output
    for handle in handles:
        assert select.select([handle], [], [], 0)[0]
        os.close(handle)
    summary = json.loads((run.folder / 'summary.json').read_text())
    assert not summary['complete']
    assert summary['warmup_episodes'] == 2
    assert list((run.folder / 'checkpoints').iterdir())
    assert_recorded_decisions_are_in_the_journal(run, range(5))


@pytest.mark.parametrize('node', ['trainer', 'steering', 'driver'])
def test_kill_9_loses_no_transition_and_names_the_dead(
    start: Callable[..., Run], node: str
) -> None:
    """The run ends with an error that says who died; every finished decision is kept."""
    run = start(episodes=30)
    run.wait_for('episodes/0003')
    os.kill(run.pid_of(node), signal.SIGKILL)
    output = run.wait()
    assert run.launcher.returncode == 1
    assert f'{node} died' in output
    assert_recorded_decisions_are_in_the_journal(run, range(4))


def assert_recorded_decisions_are_in_the_journal(run: Run, episodes: range) -> None:
    """A decision is finished once its reward and the observation after it are there."""
    kept = {(t.id.episode, t.id.decision) for t in run.transitions()}
    for episode in episodes:
        bag = run.bag(episode)
        rewarded = {(episode, r.id.decision) for r in bag.get(names.REWARD, [])}
        observed = {(episode, o.id.decision - 1) for o in bag.get(names.OBSERVATION, [])}
        assert rewarded & observed <= kept


class Seeing(torch.nn.Module):
    """Sways about by its noise, the more the brighter its image is; black, it stands still."""

    def forward(self, state: Tensor, noise: Tensor, front: Tensor) -> Tensor:
        bright = front.float().mean((1, 2, 3))[:, None, None] / 255
        return 0.02 * bright * torch.tanh(noise) + 0.0 * state[:, None, :1]


def seeing_policy(folder: Path) -> Path:
    """Write a policy for the demo's robot that looks through its camera."""
    path = folder / 'seeing.pt2'
    shipped = io.load(BRINGUP / 'policies' / 'franka_pick_place.safetensors').spec
    given = (
        torch.zeros(2, shipped.state_dim),
        torch.zeros(2, shipped.horizon, shipped.action_dim),
        torch.zeros(2, 96, 128, 3, dtype=torch.uint8),
    )
    any_batch = ({0: torch.export.Dim('B')},) * 3
    torch.export.save(torch.export.export(Seeing(), given, dynamic_shapes=any_batch), path)
    cameras = {'image_names': ('front',), 'image_heights': (96,), 'image_widths': (128,)}
    exported.write_card(path, dataclasses.replace(shipped, name='seeing', sha256='', **cameras))
    return path


CAMERAS = (Path(__file__).parents[1] / 'docs' / 'cameras.md').read_text()


def options_of_docs(number: int) -> dict[str, Any]:
    """Return the options of an example in docs/cameras.md, by node."""
    example = re.findall(r'```yaml\n(.*?)```', CAMERAS, re.DOTALL)[number]
    return {
        node.removeprefix('/**/'): options['ros__parameters']
        for node, options in yaml.safe_load(example).items()
    }


def test_policy_and_learner_look_through_a_camera(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    """As docs/cameras.md says it: what is learned from is what was seen, in every decision."""
    changes = options_of_docs(0)
    changes['trainer']['learner'] |= {'encoder_channels': 4, 'encoder_size': 8}
    changes['monitor'] = {'prior_scales': []}  # each scale would draw every image anew
    policy = seeing_policy(tmp_path)
    counts = {'warmup_episodes': 1, 'episodes': 1, 'eval_episodes': 1}
    run = start(small_config(**changes), policy=policy, **counts)
    output = run.wait()
    assert run.launcher.returncode == 0, output
    transitions = [transition_from_msg(t) for t in run.transitions()]
    assert {t.phase for t in transitions} == {'warmup', 'online'}
    images = [t.observation.image for t in transitions]
    assert all(image.shape == (3, 64, 64) and image.std() > 10 for image in images)
    moved = sum(not np.array_equal(a, b) for a, b in itertools.pairwise(images))
    assert moved > len(images) / 2
    summary = json.loads((run.folder / 'summary.json').read_text())
    assert summary['gradient_steps'] == 4 * len(transitions)
    received = [image for o in run.bag(0)[names.OBSERVATION] for image in o.images]
    assert {(image.height, image.width) for image in received} == {(96, 128)}
    for t in run.transitions():  # the policy saw an image that was not black
        assert np.abs(np.asarray(t.result.executed)).max() > 1e-4


def test_a_learner_takes_the_features_of_an_encoder_node(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    """Options and node as docs/cameras.md has them."""
    (node,) = re.findall(r'```python\n(.*?)```', CAMERAS, re.DOTALL)
    script = tmp_path / 'encoder.py'
    script.write_text(node)
    changes = options_of_docs(1)
    changes['steering']['sensors'] += ['before pose tool_pose 0.1']  # it may look back too
    counts = {'warmup_episodes': 1, 'episodes': 1, 'eval_episodes': 1}
    encoder = subprocess.Popen([sys.executable, str(script)])
    try:
        run = start(small_config(**changes), environment=os.environ, **counts)
        output = run.wait()
        assert encoder.poll() is None
    finally:
        encoder.kill()
        encoder.wait()
    assert run.launcher.returncode == 0, output
    transitions = [transition_from_msg(t) for t in run.transitions()]
    assert {t.phase for t in transitions} == {'warmup', 'online'}
    features = np.array([t.observation.features for t in transitions])
    assert features.shape[1] == 24 and (np.abs(features) <= 0.5).all()
    assert (features[1:] != features[:-1]).any(axis=1).mean() > 0.5  # the scene moves
    for t, following in itertools.pairwise(transitions):
        if following.key.decision:
            np.testing.assert_array_equal(
                t.next_observation.features, following.observation.features
            )
    summary = json.loads((run.folder / 'summary.json').read_text())
    assert summary['gradient_steps'] == 4 * len(transitions)


def test_in_real_time_the_robot_never_waits_for_learning(start: Callable[..., Run]) -> None:
    """The clock runs by itself; learning takes what time is left."""
    run = start(real_time='true', warmup_episodes=1, episodes=1, eval_episodes=1)
    output = run.wait()
    assert run.launcher.returncode == 0, output
    for episode, phase in enumerate(['warmup', 'online', 'eval_base', 'eval_steered']):
        result = run.bag(episode)[names.EPISODE_RESULT][0]
        assert result.phase == phase
        assert result.num_steps > 0
        # The steered policy is measured with everything learned, so that one may wait.
        if phase != 'eval_steered':
            assert result.waited_for_learning < 0.05
