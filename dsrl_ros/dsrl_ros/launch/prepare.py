"""What every run needs before its first node: checked options, a seed, and a folder that says so.

Used by `dsrl launch` and by the `*.launch.py` files, so that both start the same run.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.launch.launch_file import Description, NodeCall
from dsrl_ros.launch.node_options import complete_calls, write_parameter_file
from dsrl_ros.launch.packages import check_packages
from dsrl_ros.learning.run.folder import make_run_folder

# The arguments that this module fills in where the user gives none.
RUN_DIR, SEED, REAL_TIME, RAMP_S = 'run_dir', 'seed', 'real_time', 'ramp_s'
REWARD, SCENE = 'reward', 'scene'
_ROBOT_MODE, _SIMULATION, _ROBOT = 'robot_mode', 'sim', 'real'
_ROBOT_IP, _BRINGUP = 'robot_ip', 'bringup'
_ROBOT_NAME, _NAME = 'robot_name', re.compile(r'[A-Za-z]\w*', re.ASCII)
_RAMP_OF_A_ROBOT = '2.0'  # [s]
_PERSON = 'person'
_SEEDS = 1_000_000


@dataclass(frozen=True)
class PreparedRun:
    """A run that can be started.

    Attributes:
        arguments: a value for every argument of the description.
        calls: the nodes to start.
        folder: of the run; None where the description has no argument `run_dir`.
    """

    arguments: dict[str, str]
    calls: list[NodeCall]
    folder: Path | None


def prepare_run(
    path: Path, given: Mapping[str, str], base: Path, *, can_include: bool = False
) -> PreparedRun:
    """Check everything, then make the folder of the run and write its `config.yaml`.

    Args:
        path: launch file of the graph, `*.launch.yaml`.
        given: launch arguments by name, as the user gave them.
        base: folder that holds `runs`, unless `run_dir` is given.
        can_include: whether launch files of others can be started.

    Raises:
        ConfigError: the launch file, an argument, a parameter file or a value in it is wrong;
            nothing has been made then.
    """
    description = Description(path)
    arguments = description.complete(given)
    mode = arguments.get(_ROBOT_MODE, _SIMULATION)
    _check_address(arguments, mode)
    if arguments.get(REAL_TIME) == '' and mode != _SIMULATION:
        arguments[REAL_TIME] = 'true'
    calls = description.nodes(arguments)
    options = complete_calls(calls)
    if mode != _SIMULATION:
        _fill_in_for_hardware(arguments, options, mode)
    included = description.includes(arguments)
    if included:
        _check_robot_name(description.passed(arguments))
    check_packages([*included, *(call.package for call in calls)], options, path.name)
    if included and not can_include:
        raise ConfigError(
            f'{path.name}: got launch files of {", ".join(sorted(set(included)))} to include, '
            'expected none: `dsrl launch` starts nodes only. Use `ros2 launch`, or bringup:=false '
            "where the robot's stack is running already."
        )
    if arguments.get(SEED) == '':
        seed = options.get('steering', {}).get('seed', -1)
        arguments[SEED] = str(seed if seed >= 0 else secrets.randbelow(_SEEDS))
    folder = None
    if RUN_DIR in arguments:
        folder = make_run_folder(arguments[RUN_DIR], base)
        arguments[RUN_DIR] = str(folder)
    calls = description.nodes(arguments)
    if folder is not None:
        words = ' '.join(f'{name}:={value}' for name, value in given.items())
        comment = f'Every option of this run, {path.name} {words}'.rstrip()
        write_parameter_file(folder / 'config.yaml', complete_calls(calls), comment)
    return PreparedRun(arguments, calls, folder)


def _fill_in_for_hardware(
    arguments: dict[str, str], options: Mapping[str, Mapping[str, Any]], mode: str
) -> None:
    """Choose what hardware needs where neither an argument nor the config file has chosen."""
    reward = options['reward']
    if arguments.get(RAMP_S) == '' and mode == _ROBOT and not options['driver'][RAMP_S]:
        arguments[RAMP_S] = _RAMP_OF_A_ROBOT
    # There is no simulator to judge and to arrange.
    if arguments.get(REWARD) == '' and list(reward['sources']) == ['simulator']:
        arguments[REWARD] = _PERSON
    if arguments.get(SCENE) == '' and reward['reset']['arrange'] == 'simulator':
        arguments[SCENE] = _PERSON


def _check_robot_name(passed: Mapping[str, str]) -> None:
    """Raise unless the vendor's stack, where it takes a robot's name, gets one.

    Raises:
        ConfigError: a namespace that is none.
    """
    name = passed.get(_ROBOT_NAME)
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
    if _ROBOT_IP not in arguments:
        return  # a robot on a cable
    address = arguments[_ROBOT_IP]
    if mode == _ROBOT:
        if not address and arguments.get(_BRINGUP, 'true') == 'true':
            raise ConfigError(
                f"robot_ip: got '' with robot_mode {mode}, expected the robot's address. Give it, "
                "or bringup:=false where the robot's stack is running already."
            )
    elif address:
        raise ConfigError(
            f'robot_ip: got {address!r} with robot_mode {mode}, expected none: no robot is '
            'driven. Leave it out, or use robot_mode:=real.'
        )
