"""The WidowX's graph: what is started, under which names, and what the vendor is asked for."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import yaml

from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.launch.launch_file import Description, Started
from dsrl_ros.launch.node_options import read_parameter_file
from dsrl_ros.launch.prepare import check_run, complete_arguments
from dsrl_ros.nodes.steering.sensor_table import SensorTable
from dsrl_ros.robots.model.widowx import WX250S
from dsrl_ros.ros import names
from dsrl_ros.tasks.scenes.registry import TASKS as TASKS_OF_LIBRARY

BRINGUP = Path(__file__).parents[1] / 'dsrl_bringup'
GRAPH = BRINGUP / 'launch/widowx_steer.launch.yaml'
FRANKA = BRINGUP / 'launch/franka_steer.launch.yaml'
TASKS = ('pick_place', 'drawer_closing', 'block_stacking')
STATE = (
    *('tool_x', 'tool_y', 'tool_z', 'finger'),
    *(f'{what}_from_tool_{axis}' for what in ('object', 'target') for axis in 'xyz'),
    *(f'task_{name}' for name in TASKS),
)
# Arguments of the vendor's launch files (humble). Their values are those of all launch files that
# are included: an argument of ours by such a name would reach them.
VENDORS = {
    'robot_model',
    'robot_name',
    'use_rviz',
    'motor_configs',
    'mode_configs',
    'load_configs',
    'xs_driver_logging_level',
    'use_sim',
    'use_sim_time',
    'robot_description',
    'hardware_type',
    'base_link_frame',
    'show_ar_tag',
    'show_gripper_bar',
    'show_gripper_fingers',
    'use_world_frame',
    'external_urdf_loc',
    'rvizconfig',
    'use_joint_pub',
    'use_joint_pub_gui',
}


def started(path: Path, **given: str) -> Started:
    """Return what a graph starts with these arguments."""
    description = Description(path)
    return description.started(complete_arguments(description, given))


def files_here(arguments: dict[str, str]) -> dict[str, str]:
    """Return arguments whose files are those of this clone, installed or not."""
    config = BRINGUP / 'config'
    task = arguments['task']
    return {
        **arguments,
        'config': str(config / 'widowx_steer.yaml'),
        'task_config': str(config / f'tasks/{task}.yaml'),
    }


def test_it_starts_the_nodes_that_the_franka_starts() -> None:
    """Nothing above the driver knows which robot it is; every argument says what it is for."""
    assert all(argument.description for argument in Description(GRAPH).arguments)
    for mode in ('sim', 'real'):
        ours, theirs = (
            [
                (call.executable, call.name, call.ends_run)
                for call in started(graph, robot_mode=mode).calls()
                if call.package == 'dsrl_ros'
            ]
            for graph in (GRAPH, FRANKA)
        )
        assert ours == theirs


@pytest.mark.parametrize(('mode', 'simulated'), [('real', 'false'), ('mock', 'true')])
def test_the_vendors_stack_is_asked_for_what_it_takes(mode: str, simulated: str) -> None:
    (included,) = started(GRAPH, robot_mode=mode).includes
    assert included.package == 'interbotix_xsarm_control'
    assert not started(GRAPH, robot_mode=mode, bringup='false').includes
    entries = yaml.safe_load(GRAPH.read_text())['launch']
    _, *includes = [entry['include'] for entry in entries if 'include' in entry]
    (include,) = [include for include in includes if f"'{mode}'" in include['if']]
    given = {arg['name']: arg['value'] for arg in include['arg']}
    assert set(given) <= VENDORS
    assert (given['use_sim'], given['robot_name']) == (simulated, '$(var namespace)')
    names_of_ours = {argument.name for argument in Description(GRAPH).arguments}
    assert names_of_ours & VENDORS == {'robot_model'}


def test_the_motors_come_up_slowly_in_the_mode_that_the_driver_wants() -> None:
    """Until they rest, at whatever goal they had; nothing has to be let go to stream to them."""
    modes = yaml.safe_load((BRINGUP / 'config/controllers/widowx_modes.yaml').read_text())
    arm, gripper = modes['groups']['arm'], modes['singles']['gripper']
    assert (arm['operating_mode'], arm['profile_type']) == ('position', 'time')
    assert arm['profile_velocity'] >= 2000
    assert gripper['operating_mode'] == WidowXConfig().gripper


def test_the_names_are_the_vendors_in_the_namespace_of_its_robot() -> None:
    for call in started(GRAPH).calls():
        assert call.namespace == '/wx250s'
        if call.remappings:
            assert call.remappings[names.JOINT_STATES] == 'joint_states'
            assert call.remappings[names.GRIPPER_STATES] == 'joint_states'


@pytest.mark.parametrize('task', TASKS)
def test_the_policy_is_told_its_task_by_numbers(
    monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    """One policy serves three tasks: what it sees differs in these entries alone."""
    monkeypatch.setattr('dsrl_ros.robots.model.requirements.find_spec', lambda _: True)
    given = {'robot_mode': 'real', 'bringup': 'false', 'task': f'widowx_{task}'}
    options = check_run(Description(GRAPH), files_here(given)).config
    assert {options[node]['robot_model'] for node in ('driver', 'motion_planner', 'reward')} == {
        'wx250s'
    }
    assert options['monitor']['task'] == f'widowx_{task}'
    # An arm that sags under its load is at home all the same.
    assert options['reward']['reset']['home_tolerance_rad'] == pytest.approx(0.1)
    steering = options['steering']
    table = SensorTable(steering['sensors'], steering['state_sources'])
    table.require(STATE)
    pose = dict.fromkeys('xyz', 0.5)
    seen = {'tool': pose, 'arm': {'left_finger': 0.02}, 'object': pose, 'target': pose}
    state = table.state(STATE, seen)
    assert state[-3:].tolist() == [float(name == task) for name in TASKS]
    assert state[3] == pytest.approx(0.02)


def test_what_is_not_installed_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec('interbotix_xsarm_control'):
        pytest.skip("the vendor's stack is installed")
    monkeypatch.setattr('dsrl_ros.robots.model.requirements.find_spec', lambda _: None)
    files = files_here({'task': 'widowx_pick_place'})
    with pytest.raises(ConfigError, match='interbotix_xs_msgs, interbotix_xsarm_control') as e:
        check_run(Description(GRAPH), {'robot_mode': 'real', **files}).begin(tmp_path)
    assert '\n' not in str(e.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('namespace', ['', '/wx250s', 'lab/wx250s', '2nd'])
def test_a_namespace_that_is_no_name_of_a_robot_is_refused(tmp_path: Path, namespace: str) -> None:
    """It is the vendor's robot_name: frames of its URDF and of its driver bear it."""
    given = files_here({'task': 'widowx_pick_place', 'namespace': namespace})
    real = {**given, 'robot_mode': 'real'}
    with pytest.raises(ConfigError, match=f"namespace: got '{namespace}', expected one name"):
        check_run(Description(GRAPH), real, can_include=True).begin(tmp_path)
    assert not list(tmp_path.iterdir())
    check_run(Description(GRAPH), {**given, 'robot_mode': 'sim'}).begin(tmp_path)


@pytest.mark.parametrize('option', ['arm: crisp, controllers: [mine]', 'gripper: none'])
def test_wires_that_this_robot_does_not_have_are_refused(tmp_path: Path, option: str) -> None:
    config = tmp_path / 'mine.yaml'
    config.write_text(f'/**/driver:\n  ros__parameters:\n    hardware: {{{option}}}\n')
    given = {**files_here({'task': 'widowx_pick_place'}), 'config': str(config)}
    real = {**given, 'robot_mode': 'real', 'bringup': 'false'}
    with pytest.raises(ConfigError, match='for wx250s, expected it left out'):
        check_run(Description(GRAPH), real).begin(tmp_path / 'run')


def test_the_files_say_what_the_nodes_take() -> None:
    for file in (BRINGUP / 'config').glob('widowx_steer.yaml'):
        assert set(read_parameter_file(file)) >= {'driver', 'steering'}
    for task in TASKS:
        read = read_parameter_file(BRINGUP / f'config/tasks/widowx_{task}.yaml')
        assert set(read) == {'reward', 'steering'}


def test_what_goes_with_a_task_is_the_librarys() -> None:
    """So that environments without ROS predict the graph."""
    for name, task in TASKS_OF_LIBRARY.items():
        if task.robot is WX250S:
            read = read_parameter_file(BRINGUP / f'config/tasks/{name}.yaml')
            assert task.state_names == STATE
            assert read['reward']['max_steps'] == task.max_steps
