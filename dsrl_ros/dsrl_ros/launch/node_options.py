"""The options of each node, and parameter files: read, checked and written without ROS."""

from __future__ import annotations

from collections.abc import Mapping
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
from dsrl_ros.launch.launch_file import read_yaml
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
    content = read_yaml(path, 'parameter file') or {}
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
        complete(node, read[node], f'{path}: {key}')
    return read


def complete(node: str, given: Mapping[str, Any], where: str) -> Options:
    """Return every option of a node, sections in mappings of their own.

    Args:
        node: its name.
        given: values by option, those of a section as `section.option`; the rest is default.
        where: what to name in an error.

    Raises:
        ConfigError: an unknown option, or a value of the wrong type or out of range.
    """
    mine: dict[str, Options] = {section: {} for section in NODE_OPTIONS[node]}
    for name, value in given.items():
        if name not in _OF_ROS:
            section, short = _split(node, name)
            mine[section][short] = value
    values: Options = {}
    for section, config_class in NODE_OPTIONS[node].items():
        named = f'{where}: {section}' if section else where
        checked = options.to_mapping(options.from_mapping(config_class, mine[section], named))
        values.update({section: checked} if section else checked)
    return values


def parse_option(node: str, name: str, text: str, where: str) -> Any:
    """Read the text of one option of a node, `option` or `section.option`.

    Raises:
        ConfigError: an unknown name, or text that is not a value of the option's type.
    """
    section, short = _split(node, name)
    return options.parse(NODE_OPTIONS[node][section], short, text, where)


def write_parameter_file(path: Path, nodes: Mapping[str, Options], comment: str) -> None:
    """Write the options of nodes in the format that `read_parameter_file` and ROS read."""
    content = {
        f'{ANY_NAMESPACE}{node}': {'ros__parameters': _quoted(values)}
        for node, values in nodes.items()
    }
    path.write_text(f'# {comment}\n{yaml.dump(content, Dumper=_Dumper, sort_keys=False)}')


class _Text(str):
    """A text that is written in quotes: ROS would take 1e3, nan or y for something else."""


class _Dumper(yaml.SafeDumper):
    """Writes plain values, and texts in quotes."""


_Dumper.add_representer(
    _Text, lambda dumper, text: dumper.represent_scalar('tag:yaml.org,2002:str', text, style="'")
)


def _quoted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _quoted(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_quoted(entry) for entry in value]
    return _Text(value) if isinstance(value, str) else value


def _split(node: str, name: str) -> tuple[str, str]:
    """Return section and name; a name without a known section is one of the node's own options."""
    section, dot, short = name.partition('.')
    return (section, short) if dot and section in NODE_OPTIONS[node] else ('', name)


def _flat(values: Mapping[str, Any], prefix: str = '') -> Options:
    flat: Options = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f'{prefix}{name}.'))
        else:
            flat[f'{prefix}{name}'] = value
    return flat
