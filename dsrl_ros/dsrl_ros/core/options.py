"""Typed options: frozen dataclasses whose fields carry description, range and choices.

The checks, the ROS parameters and docs/options.md all use this one declaration.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from dsrl_ros.core.errors import ConfigError

ConfigT = TypeVar('ConfigT')

# Options that are gone, as `Class.option`, as `option` where no class has it any more, or as
# `launch.argument`. The error for an unknown option explains them.
# Old name to what replaces it.
RENAMED: dict[str, str] = {
    'overrides': 'the options themselves, in a parameter file or as -p name:=value',
    'launch.overrides': 'the arguments themselves, or a file with options as config:=',
}
# Old name to the value that is a constant now, with its unit.
REMOVED: dict[str, str] = {
    'listen_s': '1 s',
    'DriverConfig.status_period_s': '0.5 s',
    'max_lead_s': '0.05 s',
    'gripper_stop_s': '1 s',
    'answer_timeout_s': '2 s',
    'rest_timeout_s': '10 s',
    'planner_timeout_s': '10 s',
    'resend_period_s': '1 s',
    'heartbeat_patience_s': '0.5 s',
    'policy_attempts': '4',
    'idle_period_s': '0.2 s',
    'command_timeout_s': '2 s',
    'temperature_learning_rate': '3e-4',
    'noise_critic_learning_rate': 'critic_learning_rate',
    'distill_fresh': '0.1',
}

# ROS parameters know these types and arrays of them; so do YAML and JSON.
_SCALARS = (bool, int, float, str)


def option(
    default: Any,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """Declare one option of a frozen dataclass.

    Args:
        default: its value when none is given; a tuple for a list.
        description: one sentence with the unit.
        low, high: inclusive range of a number, or of each entry of a tuple.
        choices: the allowed words of a string.
    """
    metadata = {'description': description, 'low': low, 'high': high, 'choices': choices}
    return dataclasses.field(default=default, metadata=metadata)


def options_of(config_class: type) -> dict[str, dataclasses.Field[Any]]:
    """Return the options of a configuration class by name."""
    return {field.name: field for field in dataclasses.fields(config_class)}


def allowed(field: dataclasses.Field[Any]) -> str:
    """Return in words which values an option takes."""
    choices = field.metadata.get('choices')
    low, high = field.metadata.get('low'), field.metadata.get('high')
    if choices:
        several = isinstance(field.default, tuple)
        return ('some of ' if several else 'one of ') + ', '.join(choices)
    kind = _kind(field)
    if low is not None and high is not None:
        return f'{kind} from {low} to {high}'
    if low is not None:
        return f'{kind} of at least {low}'
    if high is not None:
        return f'{kind} of at most {high}'
    return kind


def check(config: Any, where: str = '') -> None:
    """Raise unless every option of `config` has its type and lies in its range.

    Call it from `__post_init__`, so that a configuration out of range cannot exist.

    Args:
        config: instance of a dataclass made of `option` fields.
        where: file or node to name in the error.

    Raises:
        ConfigError: names where, the key, the value, and the allowed values.
    """
    for name, field in options_of(type(config)).items():
        _check_value(where, name, field, getattr(config, name))


def from_mapping(config_class: type[ConfigT], values: Mapping[str, Any], where: str) -> ConfigT:
    """Build a configuration from a mapping, for example a section of a YAML file.

    Args:
        config_class: frozen dataclass made of `option` fields.
        values: option name to value; options left out keep their default.
        where: file and section, or node, to name in an error.

    Raises:
        ConfigError: an unknown key, a wrong type, or a value out of range.
    """
    fields = options_of(config_class)
    if unknown := sorted(set(values) - set(fields)):
        raise unknown_option(where, config_class.__name__, unknown, sorted(fields))
    converted = {
        name: _check_value(where, name, fields[name], value) for name, value in values.items()
    }
    try:
        return config_class(**converted)
    except ConfigError as error:
        raise ConfigError(f'{where}: {error}') from error


def unknown_option(
    where: str, owner: str, unknown: Sequence[str], known: Iterable[str]
) -> ConfigError:
    """Return the error for names that no option has; a name that is gone is explained.

    Args:
        where: file, node or command to name in the error.
        owner: name of the configuration class, or `launch` for launch arguments.
        unknown: names that were given.
        known: names that there are.
    """
    for name in unknown:
        for key in (f'{owner}.{name}', name):
            if key in RENAMED:
                return ConfigError(
                    f'{where}: got {name!r}, expected {RENAMED[key]}: the old name is gone.'
                )
            if key in REMOVED:
                return ConfigError(
                    f'{where}: got {name!r}, expected it left out: it is fixed at {REMOVED[key]}.'
                )
    what = 'argument' if owner == 'launch' else 'key'
    return ConfigError(
        f'{where}: got unknown {what} {", ".join(map(repr, unknown))}; '
        f'expected one of {", ".join(known)}.'
    )


def parse(config_class: type, name: str, text: str, where: str) -> Any:
    """Read the text of one option, as a command line gives it.

    Raises:
        ConfigError: an unknown name, or text that is not a value of the option's type.
    """
    fields = options_of(config_class)
    if name not in fields:
        raise unknown_option(where, config_class.__name__, [name], sorted(fields))
    default = fields[name].default
    try:
        value: Any
        if isinstance(default, bool):
            value = {'true': True, 'false': False}[text.lower()]
        elif isinstance(default, tuple):
            kind = _element(fields[name])
            value = tuple(kind(part) for part in text.split(',') if part)
        else:
            make: Any = type(default)
            value = make(text)
    except (KeyError, ValueError):
        raise _error(where, name, fields[name], text) from None
    return _check_value(where, name, fields[name], value)


def _element(field: dataclasses.Field[Any]) -> type:
    """Return the type of the entries of an option that is a list."""
    kinds = {f'tuple[{kind.__name__}, ...]': kind for kind in _SCALARS}
    return kinds[str(field.type)]


def _kind(field: dataclasses.Field[Any]) -> str:
    words = {bool: 'true or false', int: 'whole number', float: 'number', str: 'text'}
    if isinstance(field.default, tuple):
        return f'list of {words[_element(field)]}'
    return words[type(field.default)]


def _error(where: str, name: str, field: dataclasses.Field[Any], value: Any) -> ConfigError:
    prefix = f'{where}: ' if where else ''
    return ConfigError(f'{prefix}{name}: got {value!r}, expected {allowed(field)}.')


def _check_value(where: str, name: str, field: dataclasses.Field[Any], value: Any) -> Any:
    """Return `value` with whole numbers as floats and lists as tuples where the option is one."""
    default = field.default
    if isinstance(default, tuple):
        if not isinstance(value, (list, tuple)):
            raise _error(where, name, field, value)
        kind = _element(field)
        return tuple(_check_scalar(where, name, field, kind, item) for item in value)
    return _check_scalar(where, name, field, type(default), value)


def _check_scalar(
    where: str, name: str, field: dataclasses.Field[Any], kind: type, value: Any
) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind or kind not in _SCALARS:
        raise _error(where, name, field, value)
    low, high = field.metadata.get('low'), field.metadata.get('high')
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise _error(where, name, field, value)
        if (low is not None and value < low) or (high is not None and value > high):
            raise _error(where, name, field, value)
    choices = field.metadata.get('choices')
    if choices and value not in choices:
        raise _error(where, name, field, value)
    return value


def to_mapping(config: Any) -> dict[str, Any]:
    """Return a configuration as plain values for YAML or JSON; tuples become lists."""
    values = ((name, getattr(config, name)) for name in options_of(type(config)))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values}


def described(config_class: type) -> list[tuple[str, str, str, str]]:
    """Return (name, default, allowed values, description) per option, for help texts."""
    return [
        (name, repr(field.default), allowed(field), field.metadata['description'])
        for name, field in options_of(config_class).items()
    ]
