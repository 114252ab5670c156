"""The monitor writes what a run has shown, whole or cut short, and its exit ends the run."""

from __future__ import annotations

import json
import uuid

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from rclpy.node import Node

from dsrl_msgs import msg
from dsrl_ros.core.config.monitor import MonitorConfig
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.nodes.monitor.node import MonitorNode
from dsrl_ros.nodes.monitor.prior_process import prior_arguments
from dsrl_ros.ros import names, qos

RUN = list(uuid.uuid4().bytes)


class Graph(Node):
    """Steering and trainer as the monitor sees them."""

    def __init__(self, **node_options) -> None:
        super().__init__('graph', **node_options)
        self.run = self.create_publisher(msg.RunInfo, names.RUN_INFO, qos.LATCHED)
        self.results = self.create_publisher(msg.EpisodeResult, names.EPISODE_RESULT, qos.DECISION)
        self.trainer = self.create_publisher(msg.TrainerStatus, names.TRAINER_STATUS, qos.STATUS)

    def announce(self, run_dir) -> None:
        self.run.publish(
            msg.RunInfo(
                run=RUN,
                seed=7,
                run_dir=str(run_dir),
                algorithm='sac',
                policy_sha256='a' * 64,
                robot_mode='sim',
                warmup_episodes=1,
                online_episodes=2,
                eval_episodes=2,
                layout=msg.Noise.LAYOUT_REPEATED,
            )
        )

    def finish(self, episode: int, phase: str, success: bool) -> None:
        self.results.publish(
            msg.EpisodeResult(
                run=RUN,
                episode=episode,
                phase=phase,
                success=success,
                num_decisions=5,
                num_steps=20,
            )
        )


EPISODES = [
    ('warmup', False),
    ('online', False),
    ('online', True),
    ('eval_base', False),
    ('eval_base', True),
    ('eval_steered', True),
    ('eval_steered', True),
]


@pytest.fixture
def graph(ros):
    node = ros.add(Graph)
    node.monitor = ros.add(MonitorNode)
    ros.spin_until(node.results.get_subscription_count)
    return node


def test_a_whole_run_leaves_summary_and_curve_and_then_ends(ros, graph, tmp_path):
    graph.announce(tmp_path)
    ros.spin_for(0.3)
    graph.trainer.publish(msg.TrainerStatus(gradient_steps=300, weights_version=4))
    ros.spin_for(0.2)
    for number, (phase, success) in enumerate(EPISODES):
        graph.finish(number, phase, success)
    graph.finish(6, 'eval_steered', True)  # sent twice, counted once
    with pytest.raises(SystemExit) as leaving:
        ros.spin_for(10.0)
    assert leaving.value.code == 0
    ros.remove(graph.monitor)
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert summary['complete']
    assert (summary['base_success'], summary['steered_success']) == (0.5, 1.0)
    assert (summary['warmup_episodes'], summary['online_episodes']) == (1, 2)
    assert (summary['decisions'], summary['env_steps']) == (15, 60)
    assert summary['gradient_steps'] == 300
    assert summary['online_success'] == [False, True]
    assert summary['seed'] == 7
    assert summary['policy_sha256'] == 'a' * 64
    assert 'torch' in summary['versions']
    assert (tmp_path / 'learning_curve.png').read_bytes()[:4] == b'\x89PNG'


def test_a_run_cut_short_leaves_a_summary_that_says_so(ros, graph, tmp_path):
    graph.announce(tmp_path)
    ros.spin_for(0.3)
    graph.finish(0, 'warmup', True)
    ros.spin_for(0.3)
    ros.remove(graph.monitor)
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert not summary['complete']
    assert summary['warmup_episodes'] == 1
    assert summary['steered_success'] is None


def test_a_layout_that_takes_success_away_is_in_the_summary_and_on_the_screen(
    ros, graph, tmp_path, capsys
):
    graph.announce(tmp_path)
    ros.spin_for(0.3)
    monitor = graph.monitor
    rates = {
        ('repeated', 1.0): SuccessRate(0, 50),
        ('repeated', 0.5): SuccessRate(1, 50),
        ('full', 1.0): SuccessRate(20, 50),
    }
    monitor.view.add_prior(rates)
    assert 'noise layout repeated takes success away' in capsys.readouterr().out
    ros.remove(monitor)
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert summary['full_layout_success'] == 0.4
    assert summary['scaled_prior_success'] == {'0.5': 0.02, '1': 0.0}
    assert summary['noise_layout'] == 'repeated'
    assert '0 % (0/50' in summary['layout_warning']


def test_the_process_measures_full_noise_as_well_as_the_layout_of_the_run():
    run = msg.RunInfo(layout=msg.Noise.LAYOUT_REPEATED, rows=1, seed=7, eval_episodes=2)
    words = prior_arguments(run, MonitorConfig())
    assert words[words.index('--layouts') + 1] == 'repeated'
    assert words[words.index('--env') + 1] == 'pick_place'
    assert '--also-full' in words


def test_a_policy_in_python_is_not_loaded_a_second_time(ros, tmp_path):
    graph = ros.add(Graph)
    monitor = ros.add(MonitorNode, panel=False, policy='nowhere:load')
    graph.announce(tmp_path)
    ros.spin_until(lambda: monitor.view is not None)
    assert monitor.view.prior is None
