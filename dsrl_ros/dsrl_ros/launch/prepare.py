"""Composes and checks the configuration of a run before its first node starts.

`dsrl launch` and the `*.launch.py` files use it, so that both start the same run.
"""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ament_index_python.packages import get_packages_with_prefixes

from dsrl_ros.core.config.driver import DriverConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import from_mapping, unknown_option
from dsrl_ros.launch.launch_file import Description, Started
from dsrl_ros.launch.node_options import (
    NODE_OPTIONS,
    Options,
    complete,
    parse_option,
    read_parameter_file,
    write_parameter_file,
)
from dsrl_ros.launch.substitutions import substitute
from dsrl_ros.learning.run.folder import make_run_folder
from dsrl_ros.robots.model.requirements import check_options, packages_lacking

# The options that each launch argument sets, `node.option`. An empty argument sets none.
ARGUMENTS = {
    'robot': ('driver.robot', 'steering.robot'),
    'robot_model': (
        'driver.robot_model',
        'mock_gripper.robot_model',
        'motion_planner.robot_model',
        'reward.robot_model',
    ),
    'robot_mode': ('driver.robot_mode', 'steering.robot_mode'),
    'task': ('monitor.task', 'twin.task'),
    'policy': ('monitor.policy', 'policy.policy', 'trainer.policy'),
    'seed': ('steering.seed',),
    'algorithm': ('trainer.learner.algorithm',),
    'warmup_episodes': ('steering.warmup_episodes',),
    'episodes': ('steering.online_episodes',),
    'eval_episodes': ('steering.eval_episodes',),
    'real_time': ('driver.real_time', 'steering.real_time', 'twin.real_time'),
    'ramp_s': ('driver.ramp_s',),
    'reward': ('reward.sources',),
    'scene': ('reward.reset.arrange',),
    'run_dir': ('steering.run_dir',),
    'record': ('steering.record',),
}
# The arguments that name parameter files; the later file wins.
_FILES = ('task_config', 'config')
_PACKAGE = 'dsrl_ros'
_NAME = re.compile(r'[A-Za-z]\w*', re.ASCII)
_RAMP_OF_A_ROBOT = '2.0'  # [s]
_SEEDS = 1_000_000


@dataclass(frozen=True)
class CheckedRun:
    """A run whose arguments and options are checked. Nothing of it is on the disk yet.

    Attributes:
        started: what it starts, and a value for every launch argument.
        config: every option of every node of this package, by node.
        comment: first line of the run's `config.yaml`.
    """

    started: Started
    config: dict[str, Options]
    comment: str

    def begin(self, base: Path) -> Started:
        """Make the folder of the run and write its `config.yaml`, which the nodes read.

        Args:
            base: folder that holds `runs`, unless `run_dir` is given.

        Returns:
            What to start, with the absolute path of the folder as the argument `run_dir`, unless
            the graph has no such argument.

        Raises:
            ConfigError: the folder cannot be made, or holds a run already.
        """
        arguments = self.started.arguments
        if 'run_dir' not in arguments:
            return self.started
        folder = make_run_folder(arguments['run_dir'], base)
        run_dir = {'run_dir': str(folder)}
        config = {n: v | run_dir if n == 'steering' else v for n, v in self.config.items()}
        write_parameter_file(folder / 'config.yaml', config, self.comment)
        return replace(self.started, arguments=arguments | run_dir)


def check_run(
    description: Description, given: Mapping[str, str], *, can_include: bool = False
) -> CheckedRun:
    """Compose the configuration of a run: argument over file over default.

    Args:
        description: of the graph.
        given: launch arguments by name, as the user gave them.
        can_include: whether launch files of others can be started.

    Raises:
        ConfigError: the launch file, an argument, a parameter file or a value in it is wrong, or
            a package is missing.
    """
    graph = description.path.name
    arguments = complete_arguments(description, given)
    options: dict[str, Options] = defaultdict(dict)
    for path in dict.fromkeys(arguments[name] for name in _FILES if name in arguments):
        for node, values in read_parameter_file(Path(path)).items():
            options[node].update(values)
    _fill_in(arguments, options)
    started = description.started(arguments)
    for argument, targets in ARGUMENTS.items():
        if text := arguments.get(argument):
            for node, _, name in (target.partition('.') for target in targets):
                options[node][name] = parse_option(node, name, text, f'argument {argument}')
    nodes = [node for node in started.names_of(_PACKAGE) if node in NODE_OPTIONS]
    config = {node: complete(node, options[node], node) for node in nodes}
    for include in started.includes:
        _check_robot_name(include.arguments)
    included = {include.package for include in started.includes}
    _check_packages(included | started.packages(), config, graph)
    if included and not can_include:
        raise ConfigError(
            f'{graph}: got launch files of {", ".join(sorted(included))} to include, expected '
            'none: `dsrl launch` starts nodes only. Use `ros2 launch`, or bringup:=false where '
            "the robot's stack is running already."
        )
    words = ' '.join(f'{name}:={value}' for name, value in given.items())
    return CheckedRun(started, config, f'Every option of this run, {graph} {words}'.rstrip())


def complete_arguments(description: Description, given: Mapping[str, str]) -> dict[str, str]:
    """Return a value for every launch argument: the given one, or the default.

    Raises:
        ConfigError: an unknown argument, a missing one, or a value that is not a choice.
    """
    graph = description.path.name
    known = [argument.name for argument in description.arguments]
    if unknown := [name for name in given if name not in known]:
        raise unknown_option(graph, 'launch', unknown, known)
    values: dict[str, str] = {}
    for argument in description.arguments:
        where = f'{graph}: argument {argument.name}'
        if argument.name in given:
            value = given[argument.name]
        elif argument.default is None:
            raise ConfigError(f'{where}: got no value; write {argument.name}:=<value>.')
        else:
            value = substitute(argument.default, values, where)
        if argument.choices and value not in argument.choices:
            raise ConfigError(
                f'{where}: got {value!r}, expected one of {", ".join(argument.choices)}.'
            )
        values[argument.name] = value
    return values


def _fill_in(arguments: dict[str, str], options: Mapping[str, Options]) -> None:
    """Choose a seed, and what hardware needs, where neither an argument nor a file has.

    Raises:
        ConfigError: the address of a robot is missing, or of no use.
    """
    mode = arguments.get('robot_mode', 'sim')
    _check_address(arguments, mode)
    if arguments.get('seed') == '':
        seed = options['steering'].get('seed', -1)
        arguments['seed'] = str(seed if seed >= 0 else secrets.randbelow(_SEEDS))
    if mode == 'sim':
        return
    reward = options['reward']
    for argument, value, is_open in (
        ('real_time', 'true', True),
        ('ramp_s', _RAMP_OF_A_ROBOT, mode == 'real' and not options['driver'].get('ramp_s')),
        # There is no simulator that judges or arranges.
        ('reward', 'person', list(reward.get('sources', ['simulator'])) == ['simulator']),
        ('scene', 'person', reward.get('reset.arrange', 'simulator') == 'simulator'),
    ):
        if arguments.get(argument) == '' and is_open:
            arguments[argument] = value


def _check_robot_name(passed: Mapping[str, str]) -> None:
    """Raise unless the vendor's stack, where it takes a robot's name, gets one.

    Raises:
        ConfigError: a namespace that is no such name.
    """
    name = passed.get('robot_name')
    if name is not None and not _NAME.fullmatch(name):
        raise ConfigError(
            f'namespace: got {name!r}, expected one name without slashes, such as wx250s: it is '
            "the robot_name of the vendor's stack, whose links and topics bear it. Give one, or "
            "bringup:=false where the robot's stack is running already."
        )


def _check_address(arguments: Mapping[str, str], mode: str) -> None:
    """Raise unless the vendor's stack, if it is started, gets the address of a robot.

    Raises:
        ConfigError: an address is missing, or of no use.
    """
    address = arguments.get('robot_ip')  # None: a robot on a cable
    starts_vendor = mode == 'real' and arguments.get('bringup', 'true') == 'true'
    if address == '' and starts_vendor:
        raise ConfigError(
            f"robot_ip: got '' with robot_mode {mode}, expected the robot's address. Give it, "
            "or bringup:=false where the robot's stack is running already."
        )
    if address and mode != 'real':
        raise ConfigError(
            f'robot_ip: got {address!r} with robot_mode {mode}, expected none: no robot is '
            'driven. Leave it out, or use robot_mode:=real.'
        )


def _check_packages(started: Iterable[str], config: Mapping[str, Options], where: str) -> None:
    """Raise unless every package that the graph starts or imports is there.

    Args:
        started: packages whose nodes or launch files are started.
        config: options of each node, sections in mappings of their own.
        where: the graph, to name in the error.

    Raises:
        ConfigError: names all that are missing, in one line; or an option that the robot does not
            have.
    """
    missing = set(started) - get_packages_with_prefixes().keys()
    if 'driver' in config:
        own = {k: v for k, v in config['driver'].items() if not isinstance(v, Mapping)}
        driver = from_mapping(DriverConfig, own, 'driver')
        hardware = from_mapping(HardwareConfig, config['driver']['hardware'], 'driver: hardware')
        check_options(driver, hardware)
        missing.update(packages_lacking(driver, hardware))
    if missing:
        raise ConfigError(
            f'{where}: got no {", ".join(sorted(missing))}, expected these packages installed and '
            "sourced. A robot and mock hardware take the vendor's stack; the simulation "
            '(robot_mode:=sim) does not.'
        )
