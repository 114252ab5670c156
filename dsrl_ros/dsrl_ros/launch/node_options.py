"""Which options each node takes, and the check of a parameter file against them without ROS."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from dsrl_ros.core import options
from dsrl_ros.core.config.driver import DriverConfig, GateConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.config.mock_gripper import MockGripperConfig
from dsrl_ros.core.config.monitor import MonitorConfig
from dsrl_ros.core.config.motion_planner import MotionPlannerConfig
from dsrl_ros.core.config.policy import PolicyConfig
from dsrl_ros.core.config.recorder import RecorderConfig
from dsrl_ros.core.config.reward import ResetConfig, RewardConfig
from dsrl_ros.core.config.steering import SteeringConfig
from dsrl_ros.core.config.trainer import TrainerConfig
from dsrl_ros.core.config.twin import TwinConfig
from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.launch.launch_file import NodeCall
from dsrl_ros.learning.config import LearnerConfig

# Node to the sections of its parameters; the empty section holds the node's own options.
NODE_OPTIONS: dict[str, dict[str, type]] = {
    'driver': {
        '': DriverConfig,
        'gate': GateConfig,
        'hardware': HardwareConfig,
        'widowx': WidowXConfig,
    },
    'mock_gripper': {'': MockGripperConfig},
    'monitor': {'': MonitorConfig},
    'motion_planner': {'': MotionPlannerConfig},
    'policy': {'': PolicyConfig},
    'recorder': {'': RecorderConfig},
    'reward': {'': RewardConfig, 'reset': ResetConfig},
    'steering': {'': SteeringConfig},
    'trainer': {'': TrainerConfig, 'learner': LearnerConfig},
    'twin': {'': TwinConfig},
}

PACKAGE = 'dsrl_ros'
OVERRIDES = 'overrides'
# Of a parameter file's keys: without it they would miss a node that runs in a namespace.
ANY_NAMESPACE = '/**/'
# Parameters that every ROS node has.
_OF_ROS = ('use_sim_time',)

Options = dict[str, Any]


def read_parameter_file(path: Path) -> dict[str, Options]:
    """Read a ROS parameter file and check every value in it.

    Args:
        path: YAML in the format of ROS 2: `/**/<node>: {ros__parameters: {<option>: <value>}}`.

    Returns:
        Option to value by node; the options of a section as `section.option`.

    Raises:
        ConfigError: an unknown node or option, or a value of the wrong type or out of range;
            names the file, the key and what is allowed.
    """
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except OSError as error:
        raise ConfigError(f'{path}: {error.strerror}, expected a parameter file.') from error
    except yaml.YAMLError as error:
        raise ConfigError(f'{path}: got no YAML, expected a parameter file: {error}') from error
    if not isinstance(content, dict):
        raise ConfigError(f'{path}: got a {type(content).__name__}, expected nodes as keys.')
    read: dict[str, Options] = {}
    for key, value in content.items():
        node = str(key).removeprefix(ANY_NAMESPACE)
        if node == key or node not in NODE_OPTIONS:
            raise ConfigError(
                f'{path}: got key {key!r}, expected {ANY_NAMESPACE}<node> with one of '
                f'{", ".join(sorted(NODE_OPTIONS))}.'
            )
        if not isinstance(value, dict) or set(value) != {'ros__parameters'}:
            raise ConfigError(f'{path}: {key}: expected the one key ros__parameters below it.')
        read[node] = _flat(value['ros__parameters'] or {})
        complete(node, read[node], '', f'{path}: {key}')
    return read


def complete(node: str, given: Mapping[str, Any], overrides: str, where: str) -> Options:
    """Return every option of a node, sections in mappings of their own.

    Args:
        node: its name.
        given: values by option, those of a section as `section.option`; the rest is default.
        overrides: launch arguments on top, `key=value` separated by spaces; empty is not given.
        where: what to name in an error.

    Raises:
        ConfigError: an unknown option, or a value of the wrong type or out of range.
    """
    texts = _pairs(overrides, where)
    values: Options = {}
    for section, config_class in NODE_OPTIONS[node].items():
        mine = _of_section(given, section, node)
        named = f'{where}: {section}' if section else where
        for name, text in _of_section(texts, section, node).items():
            mine[name] = options.parse(config_class, name, text, f'{named}: launch argument')
        checked = options.to_mapping(options.from_mapping(config_class, mine, named))
        values.update({section: checked} if section else checked)
    return values


def complete_calls(calls: Iterable[NodeCall]) -> dict[str, Options]:
    """Return every option of every node of this package that is about to be started, by node.

    Raises:
        ConfigError: as `complete` and `read_parameter_file`.
    """
    files: dict[Path, dict[str, Options]] = {}
    completed: dict[str, Options] = {}
    for call in calls:
        node = call.executable.removesuffix('_node')
        if call.package != PACKAGE or node not in NODE_OPTIONS:
            continue
        given: Options = {}
        for path in call.parameter_files:
            if path not in files:
                files[path] = read_parameter_file(path)
            given.update(files[path].get(call.name, {}))
        given.update(call.parameters)
        overrides = str(given.pop(OVERRIDES, ''))
        completed[call.name] = complete(node, given, overrides, call.name)
    return completed


def write_parameter_file(path: Path, nodes: Mapping[str, Options], comment: str) -> None:
    """Write the options of nodes in the format that `read_parameter_file` reads."""
    content = {
        f'{ANY_NAMESPACE}{node}': {'ros__parameters': values} for node, values in nodes.items()
    }
    path.write_text(f'# {comment}\n{yaml.safe_dump(content, sort_keys=False)}')


def _of_section(given: Mapping[str, Any], section: str, node: str) -> Options:
    """Return what belongs to a section; what belongs to none falls to the node's own options."""
    if section:
        prefix = f'{section}.'
        return {k.removeprefix(prefix): v for k, v in given.items() if k.startswith(prefix)}
    others = tuple(f'{name}.' for name in NODE_OPTIONS[node] if name)
    return {k: v for k, v in given.items() if not k.startswith(others) and k not in _OF_ROS}


def _flat(values: Mapping[str, Any], prefix: str = '') -> Options:
    flat: Options = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f'{prefix}{name}.'))
        else:
            flat[f'{prefix}{name}'] = value
    return flat


def _pairs(overrides: str, where: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in shlex.split(overrides):
        name, equals, text = word.partition('=')
        if not equals:
            raise ConfigError(f'{where}: launch argument: got {word!r}, expected key=value.')
        if text:
            pairs[name] = text
    return pairs
