"""Reads a `*.launch.yaml`: arguments, nodes and includes, each tag as ROS 2 launch understands it.

Implements only what the suite uses. Every other tag and attribute is an error that names it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.launch.substitutions import is_true, substitute

_TAGS = ('arg', 'node', 'include')
_WHAT = ('pkg', 'exec', 'name')  # of a node
_TYPES = {'str': str, 'int': int, 'float': float, 'bool': bool}
# The values that an attribute may have, where any other has no meaning here.
_VALUES = {'output': ('screen', 'log'), 'on_exit': ('shutdown',), 'type': tuple(_TYPES)}
_SAME_FOLDER = '$(dirname)/'
_PACKAGE = re.compile(r'\$\(find-pkg-share ([\w-]+)\)')
_Entry = tuple[str, Mapping[str, Any]]  # its place in the file, its attributes


@dataclass(frozen=True)
class Argument:
    """An argument of the launch file; without a default it must be given."""

    name: str
    description: str
    default: str | None
    choices: tuple[str, ...]


@dataclass(frozen=True)
class NodeCall:
    """One node to start, with every substitution made.

    Attributes:
        ends_run: its exit ends the run.
        on_screen: its standard output goes to the terminal.
        words: of its command line, before the ROS arguments.
    """

    package: str
    executable: str
    name: str
    namespace: str
    ends_run: bool
    on_screen: bool
    parameter_files: list[Path] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    remappings: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)


class Description:
    """A launch file, read and checked.

    Args:
        path: of the `*.launch.yaml`.

    Attributes:
        arguments: declared, in their order.

    Raises:
        ConfigError: not a launch file, or something in it that is not implemented.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.arguments: list[Argument] = []
        self._nodes: list[_Entry] = []
        self._includes: list[_Entry] = []
        for where, entity in _entities(path):
            if not isinstance(entity, dict) or len(entity) != 1:
                raise ConfigError(f'{where}: got {entity!r}, expected one tag with attributes.')
            (tag, attributes), *_ = entity.items()
            if tag not in _TAGS or not isinstance(attributes, dict):
                raise _refusal(where, 'tag', tag, _TAGS)
            if tag == 'arg':
                argument = _argument(attributes, where)
                # As under ROS 2 launch, the first declaration of a name holds.
                if argument.name not in [known.name for known in self.arguments]:
                    self.arguments.append(argument)
            elif tag == 'include':
                _check_include(attributes, where)
                self._includes.append((where, attributes))
            else:
                _check_node(attributes, where)
                self._nodes.append((f'{where} ({attributes["exec"]})', attributes))

    def started(self, arguments: dict[str, str]) -> Started:
        """Return what starts with a value for every argument.

        Raises:
            ConfigError: a condition, or a value for an include, that cannot be resolved.
        """

        def wanted(entries: list[_Entry]) -> list[_Entry]:
            return [entry for entry in entries if _is_wanted(entry[1], arguments, entry[0])]

        includes = [
            Include(
                _PACKAGE.findall(include['file'])[0],
                {
                    str(passed['name']): substitute(_text(passed['value']), arguments, where)
                    for passed in include.get('arg', [])
                },
            )
            for where, include in wanted(self._includes)
        ]
        nodes: list[_Entry] = [
            (where, {**node, **{k: substitute(str(node[k]), arguments, where) for k in _WHAT}})
            for where, node in wanted(self._nodes)
        ]
        return Started(arguments, includes, nodes)


@dataclass(frozen=True)
class Include:
    """A launch file of another package, and the arguments that it is given."""

    package: str
    arguments: dict[str, str]


@dataclass(frozen=True)
class Started:
    """What a launch file starts with one set of arguments; every condition is evaluated.

    Attributes:
        arguments: a value for every argument.
        includes: launch files of other packages.
    """

    arguments: dict[str, str]
    includes: list[Include]
    _nodes: list[_Entry]

    def packages(self) -> set[str]:
        """Return the packages of the nodes."""
        return {node['pkg'] for _, node in self._nodes}

    def names_of(self, package: str) -> list[str]:
        """Return the names of the nodes of one package."""
        return [node['name'] for _, node in self._nodes if node['pkg'] == package]

    def calls(self) -> list[NodeCall]:
        """Return the nodes with every substitution made.

        Raises:
            ConfigError: a substitution or a value that cannot be resolved.
        """
        return [_node(node, self.arguments, where) for where, node in self._nodes]


def read_yaml(path: Path, what: str) -> Any:
    """Return the content of a YAML file.

    Args:
        path: of the file.
        what: kind of file, to name in an error.

    Raises:
        ConfigError: the file cannot be read, or is no YAML.
    """
    try:
        return yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f'{path}: {error.strerror}, expected a {what}.') from error
    except yaml.YAMLError as error:
        raise ConfigError(f'{path}: got no YAML, expected a {what}: {error}') from error


def _entities(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the entries of a launch file with their places; those of a part where it is included.

    A part is included as `$(dirname)/FILE.launch.yaml`, without arguments or conditions.
    """
    content = read_yaml(path, 'launch file')
    if not isinstance(content, dict) or not isinstance(content.get('launch'), list):
        raise ConfigError(f'{path}: expected a list under the key `launch`.')
    for number, entity in enumerate(content['launch'], start=1):
        where = f'{path.name}: entry {number}'
        include = entity.get('include') if isinstance(entity, dict) else None
        include = include if isinstance(include, dict) else {}
        file = str(include.get('file', ''))
        if file.startswith(_SAME_FOLDER):
            _check_keys(include, ('file',), where)
            yield from _entities(path.parent / file.removeprefix(_SAME_FOLDER))
        else:
            yield where, entity


def _is_wanted(attributes: Mapping[str, Any], arguments: Mapping[str, str], where: str) -> bool:
    """Return whether the conditions of a tag hold."""
    return all(
        is_true(substitute(_text(attributes[key]), arguments, where), where) is wanted
        for key, wanted in {'if': True, 'unless': False}.items()
        if key in attributes
    )


def _refusal(where: str, what: str, got: str, known: tuple[str, ...]) -> ConfigError:
    return ConfigError(
        f'{where}: got {what} {got!r}, expected one of {", ".join(known)}: `dsrl launch` '
        'implements no other. Use `ros2 launch` for this file.'
    )


def _check_keys(attributes: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key, value in attributes.items():
        if key not in known:
            raise _refusal(where, 'attribute', key, known)
        if value not in _VALUES.get(key, (value,)):
            raise _refusal(where, key, value, _VALUES[key])


def _text(value: Any) -> str:
    """Return a scalar of the YAML file as launch reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _argument(attributes: Mapping[str, Any], where: str) -> Argument:
    _check_keys(attributes, ('name', 'default', 'description', 'choice'), where)
    default = attributes.get('default')
    return Argument(
        name=str(attributes['name']),
        description=str(attributes.get('description', '')),
        default=None if default is None else _text(default),
        choices=tuple(_text(choice['value']) for choice in attributes.get('choice', [])),
    )


def _check_include(attributes: Mapping[str, Any], where: str) -> None:
    _check_keys(attributes, ('file', 'arg', 'if', 'unless'), where)
    if len(_PACKAGE.findall(str(attributes.get('file')))) != 1:
        raise ConfigError(
            f'{where}: got file {attributes.get("file")!r}, expected one of a package, '
            '$(find-pkg-share NAME)/launch/FILE, or one next to this, $(dirname)/FILE.'
        )
    for argument in attributes.get('arg', []):
        _check_keys(argument, ('name', 'value'), where)


def _check_node(attributes: Mapping[str, Any], where: str) -> None:
    known = (*_WHAT, 'namespace', 'output', 'on_exit', 'if', 'unless', 'args', 'param', 'remap')
    _check_keys(attributes, known, where)
    for key in _WHAT:
        if key not in attributes:
            raise ConfigError(f'{where}: got a node without {key!r}; add it.')
    for remap in attributes.get('remap', []):
        _check_keys(remap, ('from', 'to'), where)
    for param in attributes.get('param', []):
        _check_keys(param, ('from',) if 'from' in param else ('name', 'value', 'type'), where)


def _node(node: Mapping[str, Any], arguments: Mapping[str, str], where: str) -> NodeCall:
    def resolved(value: Any) -> str:
        return substitute(_text(value), arguments, where)

    params = node.get('param', [])
    return NodeCall(
        package=node['pkg'],
        executable=node['exec'],
        name=node['name'],
        namespace='/' + resolved(node.get('namespace', '')).strip('/'),
        ends_run='on_exit' in node,
        on_screen=node.get('output') == 'screen',
        parameter_files=[Path(resolved(param['from'])) for param in params if 'from' in param],
        parameters={
            resolved(param['name']): _value(resolved(param['value']), param.get('type'), where)
            for param in params
            if 'name' in param
        },
        remappings={
            resolved(rule['from']): resolved(rule['to']) for rule in node.get('remap', [])
        },
        words=shlex.split(resolved(node.get('args', ''))),
    )


def _value(text: str, type_name: str | None, where: str) -> Any:
    """Return a parameter's value, of the named type, or else of the type that YAML gives it."""
    if type_name == 'str':
        return text
    value = yaml.safe_load(text)
    if type_name == 'float' and type(value) is int:
        value = float(value)
    if type_name is not None and type(value) is not _TYPES[type_name]:
        raise ConfigError(f'{where}: got parameter value {text!r}, expected {type_name}.')
    return value
