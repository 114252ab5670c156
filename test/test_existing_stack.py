"""DSRL beside a robot's stack that runs already, with the arguments that the guide gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')
pytest.importorskip('franka_msgs', reason='`make test` builds test/vendor_ws')
pytest.importorskip('moveit_msgs', reason='`make test` builds test/vendor_ws')

from existing_stack import existing_stack, guide_arguments
from graph_run import FRANKA, RUN_S, description_of, small_config, start_graph
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from dsrl_msgs.msg import DriverStatus
from dsrl_ros.launch.launch_file import Description
from dsrl_ros.launch.prepare import complete_arguments
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.ros import names, qos

# Ten processes share the cores with whatever else runs on them, which may stop all of them for a
# second.
DRIVER = {
    'hardware': {'late_s': 1.0, 'state_silence_s': 5.0, 'follow_timeout_s': 5.0},
    'gate': {'max_age_s': 10.0},
}

# The driver opens the hand and brings the arm home; then a program beside the stack arranges the
# scene, so that nobody has to, and judges.
STEPS = ['recover', 'open_gripper', 'retreat', 'home', 'arrange', 'verify']
REWARD = {'max_steps': 8, 'reset': {'steps': STEPS, 'speed': 0.6}}
ALONE = {'reward': 'simulator', 'scene': 'simulator'}


class Attendant(Node):
    """Clears what latches: a machine that stands still for too long, as some do now and then."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('attendant', **node_options)
        self._clear = self.create_client(Trigger, names.CLEAR)
        self._asked: Future | None = None
        self.create_subscription(DriverStatus, names.DRIVER_STATUS, self._on_status, qos.STATUS)

    def _on_status(self, status: DriverStatus) -> None:
        asked = self._asked is not None and not self._asked.done()
        if status.state == DriverStatus.STATE_LATCHED and not asked:
            self._asked = self._clear.call_async(Trigger.Request())


def test_it_is_steered_under_its_own_names_to_the_end_of_a_run(tmp_path: Path) -> None:
    """No name of the vendor is left, no twin is started, and what is recorded is the arm's."""
    given = guide_arguments()
    short = {'seed': 3, 'warmup_episodes': 1, 'episodes': 1, 'eval_episodes': 1, 'ramp_s': 0.5}
    config = small_config(driver=DRIVER, reward=REWARD)
    with existing_stack(given) as cell:
        begin = cell.stack.joints
        run = start_graph(tmp_path / 'run', config, **given, **short, **ALONE)
        try:
            watcher = cell.host.add(Attendant)
            seen: set[str] = set()

            watcher.create_timer(
                0.5, lambda: seen.update(dict(watcher.get_topic_names_and_types()))
            )
            cell.wait(lambda: run.launcher.poll() is not None, timeout_s=RUN_S)
            output = run.wait()
            assert run.launcher.returncode == 0, output
        finally:
            run.end()
        assert np.abs(cell.stack.joints - begin).max() > 0.01
        # Every episode began with the arm brought home by motions, wherever it had ended.
        np.testing.assert_allclose(cell.keeper.found, [FR3.episode_start] * 4, atol=0.02)
        assert len(cell.move_group.goals) >= 4  # more if the machine stopped in a motion
    assert {given['joint_states'], given['trajectory'], given['tool_pose']} <= seen
    vendors = complete_arguments(Description(description_of(FRANKA)), {})
    left = {vendors[name] for name in ('joint_states', 'trajectory', 'tool_pose', 'robot_state')}
    assert not {topic for topic in seen if any(topic.endswith(name) for name in left)}
    assert not (run.folder / 'logs/twin.log').exists()
    summary = json.loads((run.folder / 'summary.json').read_text())
    assert summary['complete'] and summary['eval_episodes'] == 1
    assert not summary['scaled_prior_success']  # measured by simulation, which this is not
    bag = run.bag(0)
    for argument in ('joint_states', 'trajectory', 'tool_pose'):
        assert bag[given[argument].lstrip('/')], argument
    assert bag[f'dsrl/{names.RUN_INFO}'][0].robot_mode == 'real'
    assert run.transitions()


def test_every_node_that_meets_the_robot_takes_the_names() -> None:
    """A rule that one of them lacked would part it from the others in silence."""
    description = Description(description_of(FRANKA))
    given = {'robot_mode': 'mock', 'joint_states': '/a', 'trajectory': '/b', 'gripper': '/c'}
    rules = {
        call.name: call.remappings
        for mode in ('sim', 'mock')
        for call in description.started(
            complete_arguments(description, {**given, 'robot_mode': mode})
        ).calls()
        if call.package == 'dsrl_ros' and call.name not in ('policy', 'trainer')
    }
    here = {'twin', 'mock_gripper', 'driver', 'motion_planner', 'steering', 'reward', 'recorder'}
    assert here < set(rules)
    for name, own in rules.items():
        assert own[names.GRIPPER_STATES] == '/c/joint_states', name
        assert own[names.GRIPPER_GRASP.format(name='gripper')] == '/c/grasp', name
        if name == 'mock_gripper':
            continue
        assert own[names.JOINT_STATES] == '/a', name
        assert own[names.TRAJECTORY] == '/b', name
        assert own[names.TOOL_POSE] == 'franka_robot_state_broadcaster/current_pose', name
