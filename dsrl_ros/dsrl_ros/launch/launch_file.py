"""What a `*.launch.yaml` says: arguments and nodes, each tag as ROS 2 launch understands it.

Only what the suite uses; every other tag and attribute is refused by name, never skipped.
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
_BESIDE = '$(dirname)/'
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
        words: of its command line, before what belongs to ROS.
        ends_run: its end, however it comes, ends the run.
        on_screen: its standard output belongs on the terminal.
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
        nodes = [
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
    """What a launch file starts with one set of arguments, every condition evaluated.

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

    def calls(self, **known_now: str) -> list[NodeCall]:
        """Return the nodes with every substitution made.

        Args:
            known_now: arguments that take another value than before.

        Raises:
            ConfigError: a substitution or a value that cannot be resolved.
        """
        arguments = self.arguments | known_now
        return [_node(attributes, arguments, where) for where, attributes in self._nodes]


def _entities(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the entries of a launch file with their places, those of its parts where they stand.

    A part is included as `$(dirname)/FILE.launch.yaml`, without arguments or conditions.
    """
    for number, entity in enumerate(_content(path), start=1):
        where = f'{path.name}: entry {number}'
        include = entity.get('include') if isinstance(entity, dict) else None
        include = include if isinstance(include, dict) else {}
        file = str(include.get('file', ''))
        if file.startswith(_BESIDE):
            _check_keys(include, ('file',), where)
            yield from _entities(path.parent / file.removeprefix(_BESIDE))
        else:
            yield where, entity


def _content(path: Path) -> list[Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f'{path}: {error.strerror}, expected a launch file.') from error
    except yaml.YAMLError as error:
        raise ConfigError(f'{path}: got no YAML, expected a launch file: {error}') from error
    if not isinstance(content, dict) or not isinstance(content.get('launch'), list):
        raise ConfigError(f'{path}: expected a list under the key `launch`.')
    return list(content['launch'])


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
    for key in attributes:
        if key not in known:
            raise _refusal(where, 'attribute', key, known)


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
            '$(find-pkg-share NAME)/launch/FILE, or one beside this, $(dirname)/FILE.'
        )
    for argument in attributes.get('arg', []):
        _check_keys(argument, ('name', 'value'), where)


def _check_node(attributes: Mapping[str, Any], where: str) -> None:
    known = (*_WHAT, 'namespace', 'output', 'on_exit', 'if', 'unless', 'args', 'param', 'remap')
    _check_keys(attributes, known, where)
    for key in _WHAT:
        if key not in attributes:
            raise ConfigError(f'{where}: got a node without {key!r}; add it.')
    if attributes.get('output', 'log') not in ('screen', 'log'):
        raise _refusal(where, 'output', attributes['output'], ('screen', 'log'))
    if attributes.get('on_exit', 'shutdown') != 'shutdown':
        raise _refusal(where, 'on_exit', attributes['on_exit'], ('shutdown',))
    for remap in attributes.get('remap', []):
        _check_keys(remap, ('from', 'to'), where)
    for param in attributes.get('param', []):
        _check_keys(param, ('from',) if 'from' in param else ('name', 'value', 'type'), where)
        if param.get('type', 'str') not in _TYPES:
            raise _refusal(where, 'type', param['type'], tuple(_TYPES))


def _node(attributes: Mapping[str, Any], arguments: Mapping[str, str], where: str) -> NodeCall:
    def resolved(value: Any) -> str:
        return substitute(_text(value), arguments, where)

    call = NodeCall(
        package=attributes['pkg'],
        executable=attributes['exec'],
        name=attributes['name'],
        namespace='/' + resolved(attributes.get('namespace', '')).strip('/'),
        ends_run='on_exit' in attributes,
        on_screen=attributes.get('output') == 'screen',
        words=shlex.split(resolved(attributes.get('args', ''))),
    )
    for param in attributes.get('param', []):
        if 'from' in param:
            call.parameter_files.append(Path(resolved(param['from'])))
        else:
            call.parameters[resolved(param['name'])] = _value(
                resolved(param['value']), param.get('type'), where
            )
    for remap in attributes.get('remap', []):
        call.remappings[resolved(remap['from'])] = resolved(remap['to'])
    return call


def _value(text: str, type_name: str | None, where: str) -> Any:
    """Return a parameter's value: of the type that is named, else of the one YAML sees."""
    if type_name == 'str':
        return text
    value = yaml.safe_load(text)
    if type_name == 'float' and type(value) is int:
        value = float(value)
    if type_name is not None and type(value) is not _TYPES[type_name]:
        raise ConfigError(f'{where}: got parameter value {text!r}, expected {type_name}.')
    return value
