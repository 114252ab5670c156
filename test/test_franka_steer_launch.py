"""`ros2 launch` and `dsrl launch` start the same nodes from the one description of the graph."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.config.reward import ResetConfig
from dsrl_ros.core.config.steering import SteeringConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.launch.launch_file import Description, Started
from dsrl_ros.launch.node_options import read_parameter_file
from dsrl_ros.launch.prepare import check_run, complete_arguments
from dsrl_ros.robots.model.franka import FR3

GRAPH = Path(__file__).parents[1] / 'dsrl_bringup/launch/franka_steer.launch.yaml'
DSRL = [sys.executable, '-m', 'dsrl_ros.cli.main']
NODES = {'driver', 'monitor', 'policy', 'recorder', 'reward', 'steering', 'trainer', 'twin'}

needs_ros2_launch = pytest.mark.skipif(
    not importlib.util.find_spec('launch_ros') or not shutil.which('ros2'),
    reason='launch_ros is not installed (it is on no wheel index)',
)

# Stands in for every node: leaves its command line behind; the monitor ends the run when all have.
FAKE = """
import json, os, pathlib, signal, sys, threading
asked = threading.Event()
signal.signal(signal.SIGINT, lambda *_: asked.set())
folder = pathlib.Path(os.environ['FAKE_OUT'])
words = [
    ('content', pathlib.Path(word).read_text()) if before == '--params-file' else ('word', word)
    for before, word in zip(['', *sys.argv[1:]], sys.argv[1:])
]
name = pathlib.Path(sys.argv[0]).name.removesuffix('_node')
part = folder / (name + '.part')
part.write_text(json.dumps(words))
part.rename(folder / (name + '.json'))
count = int(os.environ['FAKE_COUNT'])
while not asked.wait(0.02):
    if name == 'monitor' and len(list(folder.glob('*.json'))) == count:
        break
"""


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put fake executables of dsrl_ros before the real ones; return where they report."""
    prefix = tmp_path / 'prefix'
    index = prefix / 'share/ament_index/resource_index/packages/dsrl_ros'
    scripts = prefix / 'lib/dsrl_ros'
    out = tmp_path / 'out'
    for folder in (index.parent, scripts, out):
        folder.mkdir(parents=True)
    index.touch()
    for name in NODES:
        script = scripts / f'{name}_node'
        script.write_text(f'#!{sys.executable}\n{FAKE}')
        script.chmod(0o755)
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{prefix}:{os.environ["AMENT_PREFIX_PATH"]}')
    monkeypatch.setenv('FAKE_OUT', str(out))
    monkeypatch.setenv('FAKE_COUNT', str(len(NODES)))
    monkeypatch.chdir(tmp_path)
    return out


def started(command: list[str], out: Path) -> dict[str, dict[str, Any]]:
    """Run a launch command on the fakes; return what it asked of each node, by node."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    nodes = {file.stem: meaning(json.loads(file.read_text())) for file in out.glob('*.json')}
    assert set(nodes) == NODES, done.stdout + done.stderr
    return nodes


def meaning(words: list[tuple[str, str]]) -> dict[str, Any]:
    """Return remappings and parameters of a command line, however they are written."""
    remappings, parameters = {}, {}
    for (_, option), (kind, word) in itertools.pairwise(words):
        if option == '-r':
            old, _, new = word.partition(':=')
            remappings[old] = new
        elif option == '-p':
            name, _, value = word.partition(':=')
            parameters[name] = yaml.safe_load(value)
        elif kind == 'content':
            for node, content in (yaml.safe_load(word) or {}).items():
                # What a launch writes for one node only is not in the run's file.
                parameters.update(
                    content['ros__parameters'] if '/**/' not in node else {node: content}
                )
    return {'remappings': remappings, 'parameters': parameters}


def started_with(**given: str) -> Started:
    """Return what the graph starts with these arguments."""
    description = Description(GRAPH)
    return description.started(complete_arguments(description, given))


def test_every_argument_has_a_description_and_every_node_starts() -> None:
    """The description is the documentation: `--show-args` tells all there is to know."""
    assert all(argument.description for argument in Description(GRAPH).arguments)
    calls = started_with().calls()
    assert {call.name for call in calls} == NODES
    assert all(call.ends_run for call in calls)


@pytest.mark.parametrize(
    ('mode', 'beside'),
    [('real', {'spawn_arm_controller'}), ('mock', {'spawn_arm_controller', 'mock_gripper'})],
)
def test_hardware_takes_the_place_of_the_twin(mode: str, beside: set[str]) -> None:
    """A robot and its simulation never run in the same graph; nor two of the vendor's stacks."""
    started = started_with(robot_mode=mode)
    of_hardware = NODES - {'twin'} | {'motion_planner'}  # simulated arms are put where they start
    assert {call.name for call in started.calls()} == of_hardware | beside
    assert [include.package for include in started.includes] == ['franka_bringup']
    started = started_with(robot_mode=mode, bringup='false')
    assert {call.name for call in started.calls()} == of_hardware
    assert started.includes == []


def test_the_vendor_is_asked_for_what_it_takes() -> None:
    """Its launch file refuses nothing: an argument of another name would be lost in silence."""
    known = {
        'robot_type',
        'arm_prefix',
        'namespace',
        'robot_ip',
        'load_gripper',
        'use_fake_hardware',
        'fake_sensor_commands',
        'joint_state_rate',
        'load_franka_robot_state_broadcaster',
        'controllers_yaml',
    }
    entries = yaml.safe_load(GRAPH.read_text())['launch']
    _, *includes = [entry['include'] for entry in entries if 'include' in entry]
    assert len(includes) == 2
    for include in includes:
        assert include['file'] == '$(find-pkg-share franka_bringup)/launch/franka.launch.py'
        given = {arg['name']: arg['value'] for arg in include['arg']}
        assert set(given) <= known
        # The vendor's fake hand serves no action, so the stand-in takes its place.
        assert (given.get('use_fake_hardware') == 'true') == (given['load_gripper'] == 'false')


@pytest.mark.parametrize(('mode', 'interface'), [('real', 'effort'), ('mock', 'position')])
def test_the_controllers_are_those_that_are_started_and_commanded(
    mode: str, interface: str
) -> None:
    """Mock hardware mirrors positions and no efforts; windows go on from the desired state."""
    file = GRAPH.parents[1] / f'config/controllers/franka_{mode}.yaml'
    (content,) = yaml.safe_load(file.read_text()).values()
    started = started_with(robot_mode=mode)
    arguments = started.arguments
    controller = arguments['trajectory'].partition('/')[0]
    arm = content[controller]['ros__parameters']
    assert tuple(arm['joints']) == FR3.joint_names
    assert (arm['command_interfaces'], arm['state_interfaces']) == (
        [interface],
        ['position', 'velocity'],
    )
    assert arm['interpolate_from_desired_state'] is True
    assert set(arm.get('gains', FR3.joint_names)) == set(FR3.joint_names)
    manager = content['controller_manager']['ros__parameters']
    of_mock = set() if mode == 'real' else {arguments['robot_state'].partition('/')[0]}
    assert {key for key in manager if isinstance(manager[key], dict)} == set(
        HardwareConfig().controllers
    ) - of_mock
    (spawner,) = [call for call in started.calls() if call.executable == 'spawner']
    assert spawner.words[0] == controller
    assert not spawner.ends_run  # it ends when its work is done


def test_hardware_without_its_packages_says_so_in_one_line(tmp_path: Path) -> None:
    """Before anything is started, and all at once."""
    if importlib.util.find_spec('controller_manager'):
        pytest.skip('ros2_control is installed')
    command = [*DSRL, 'launch', str(GRAPH), 'robot_mode:=real', 'robot_ip:=10.0.0.1']
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert 'got no controller_manager,' in line and 'franka_bringup' in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('options', 'lacking'),
    [
        ({}, 'controller_manager_msgs, franka_msgs'),
        ({'robot_mode': 'mock'}, 'franka_msgs'),
    ],
)
def test_messages_that_the_driver_would_import_are_named_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], lacking: str
) -> None:
    """The driver of a stack that runs already has to speak its messages, too."""
    monkeypatch.setattr('dsrl_ros.robots.model.requirements.find_spec', lambda _: None)
    given = {'robot_mode': 'real', 'bringup': 'false', **options}
    with pytest.raises(ConfigError, match=f'got no {lacking}, expected'):
        check_run(Description(GRAPH), given).begin(tmp_path)


@pytest.mark.parametrize(
    ('given', 'error'),
    [
        ({'robot_mode': 'real'}, "got '' with robot_mode real.*or bringup:=false"),
        ({'robot_ip': '10.0.0.1'}, "got '10.0.0.1' with robot_mode sim, expected none"),
        ({'robot_mode': 'mock', 'robot_ip': '10.0.0.1'}, "got '10.0.0.1' with robot_mode mock"),
    ],
)
def test_an_address_goes_with_the_bring_up_of_a_robot(
    tmp_path: Path, given: dict[str, str], error: str
) -> None:
    """Whose stack runs already has given it the address."""
    with pytest.raises(ConfigError, match=f'robot_ip: {error}'):
        check_run(Description(GRAPH), given).begin(tmp_path)
    assert not list(tmp_path.iterdir())


def install(monkeypatch: pytest.MonkeyPatch, prefix: Path, *packages: str) -> None:
    """Make packages ones that ament finds."""
    index = prefix / 'share/ament_index/resource_index/packages'
    index.mkdir(parents=True)
    for package in packages:
        (index / package).touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(prefix), prepend=os.pathsep)


def test_launch_files_of_others_are_left_to_ros2_launch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all packages there, it is the launcher that lacks something."""
    install(monkeypatch, tmp_path / 'prefix', 'franka_bringup', 'controller_manager')
    monkeypatch.setattr('dsrl_ros.robots.model.requirements.find_spec', lambda _: True)
    given = {'robot_mode': 'mock'}
    with pytest.raises(ConfigError, match=r'franka_bringup to include.*Use `ros2 launch`'):
        check_run(Description(GRAPH), given).begin(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['prefix']
    run = check_run(Description(GRAPH), given, can_include=True).begin(tmp_path)
    # Hardware does not wait, and no simulator judges it; nobody has to say so.
    assert (run.arguments['reward'], run.arguments['scene']) == ('person', 'person')
    assert (run.arguments['real_time'], run.arguments['ramp_s']) == ('true', '')


@pytest.mark.parametrize(
    ('given', 'ramp_s'), [({}, 2.0), ({'ramp_s': '0'}, 0.0), ({'config': 'slow'}, 5.0)]
)
def test_a_robot_starts_slowly_unless_it_is_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], ramp_s: float
) -> None:
    """The argument wins over the file, and both over what is safe."""
    install(monkeypatch, tmp_path / 'prefix', 'franka_bringup', 'controller_manager')
    monkeypatch.setattr('dsrl_ros.robots.model.requirements.find_spec', lambda _: True)
    if 'config' in given:
        (tmp_path / 'slow').write_text(
            '/**/driver: {ros__parameters: {ramp_s: 5.0, real_time: true}}'
        )
        given = {'config': str(tmp_path / 'slow')}
    given = {'robot_mode': 'real', 'robot_ip': '10.0.0.1', **given}
    run = check_run(Description(GRAPH), given, can_include=True).begin(tmp_path)
    options = read_parameter_file(Path(run.arguments['run_dir'], 'config.yaml'))['driver']
    assert options['ramp_s'] == ramp_s
    assert (options['robot_mode'], options['real_time']) == ('real', True)


def test_dsrl_launch_passes_arguments_on(fakes: Path, tmp_path: Path) -> None:
    """Arguments reach the nodes, the rest stays with the file and the defaults."""
    nodes = started(
        [
            *DSRL,
            'launch',
            'franka_steer',
            'seed:=3',
            'episodes:=40',
            'namespace:=left',
            'reward:=person,simulator',
        ],
        fakes,
    )
    for node in NODES:  # each reads the whole file, and nothing that the file holds comes twice
        assert set(nodes[node]['parameters']) - {'use_sim_time'} == {f'/**/{n}' for n in NODES}
    assert nodes['driver']['parameters']['use_sim_time'] is True
    steering, reward = (
        nodes[name]['parameters'][f'/**/{name}']['ros__parameters']
        for name in ('steering', 'reward')
    )
    assert (steering['seed'], steering['online_episodes']) == (3, 40)
    assert steering['eval_episodes'] == SteeringConfig.eval_episodes
    assert steering['run_dir'] == str((tmp_path / 'runs/latest').resolve())
    assert (reward['robot_model'], reward['sources']) == ('fr3', ['person', 'simulator'])
    assert reward['reset']['arrange'] == ResetConfig.arrange
    assert {node['remappings']['__ns'] for node in nodes.values()} == {'/left'}
    assert (tmp_path / 'runs/latest/config.yaml').is_file()


@needs_ros2_launch
def test_ros2_launch_starts_the_same_nodes(fakes: Path, tmp_path: Path) -> None:
    """Names, namespaces, remappings and parameters are equal, whichever of the two starts them."""
    arguments = ['seed:=3', 'namespace:=left', 'run_dir:=' + str(tmp_path / 'a run')]
    ours = started([*DSRL, 'launch', 'franka_steer', *arguments], fakes)
    for file in fakes.iterdir():
        file.unlink()
    shutil.rmtree(tmp_path / 'a run')
    stock = ['ros2', 'launch', 'dsrl_bringup', 'franka_steer.launch.py']
    assert started([*stock, *arguments], fakes) == ours
    assert (tmp_path / 'a run/config.yaml').is_file()


@needs_ros2_launch
def test_ros2_launch_runs_the_real_nodes(tmp_path: Path, ros_domain_id: int) -> None:
    """A short run comes up, ends by itself, and leaves what a run leaves."""
    folder = tmp_path / 'run'
    arguments = ['warmup_episodes:=1', 'episodes:=1', 'eval_episodes:=1', f'run_dir:={folder}']
    stock = ['ros2', 'launch', 'dsrl_bringup', 'franka_steer.launch.py', *arguments]
    done = subprocess.run(stock, capture_output=True, text=True, timeout=110, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert output.count('process has finished cleanly') == len(NODES), output
    assert json.loads((folder / 'summary.json').read_text())['eval_episodes'] == 1
    assert len(list((folder / 'logs').iterdir())) == len(NODES)


@needs_ros2_launch
def test_ros2_launch_shows_the_same_arguments() -> None:
    """The Python file hides nothing of the description it includes."""
    stock = ['ros2', 'launch', 'dsrl_bringup', 'franka_steer.launch.py', '--show-args']
    shown = subprocess.run(stock, capture_output=True, text=True, timeout=60, check=True).stdout
    ours = [*DSRL, 'launch', 'franka_steer', '--show-args']
    mine = subprocess.run(ours, capture_output=True, text=True, timeout=60, check=True).stdout
    names = [line for line in mine.splitlines() if line.startswith("    '")]
    assert names == [line for line in shown.splitlines() if line.startswith("    '")]
