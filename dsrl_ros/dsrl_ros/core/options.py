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
    'noise_critic_learning_rate': 'critic_learning_rate, which is of the noise critics too',
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
    'distill_fresh': '0.1',
}

# ROS parameters know these types and arrays of them; so do YAML and JSON. Each in words.
_WORDS = {bool: 'true or false', int: 'whole number', float: 'number', str: 'text'}
_TYPE_OF_ENTRIES = {f'tuple[{kind.__name__}, ...]': kind for kind in _WORDS}


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
    several = isinstance(field.default, tuple)
    low, high, choices = (field.metadata[name] for name in ('low', 'high', 'choices'))
    if choices:
        return ('some of ' if several else 'one of ') + ', '.join(choices)
    kind = ('list of ' if several else '') + _WORDS[_type(field)]
    if low is not None and high is not None:
        return f'{kind} from {low} to {high}'
    if low is not None:
        return f'{kind} of at least {low}'
    if high is not None:
        return f'{kind} of at most {high}'
    return kind


def check(config: Any) -> None:
    """Raise unless every option of `config` has its type and lies in its range.

    Call it from `__post_init__`, so that a configuration out of range cannot exist.

    Args:
        config: instance of a dataclass made of `option` fields.

    Raises:
        ConfigError: names the key, the value, and the allowed values.
    """
    for name, field in options_of(type(config)).items():
        _check_value(name, field, getattr(config, name))


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
        name: _check_value(f'{where}: {name}', fields[name], value)
        for name, value in values.items()
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
    field, what = fields[name], f'{where}: {name}'
    kind: Any = _type(field)
    try:
        value: Any
        if isinstance(field.default, tuple):
            value = tuple(kind(part) for part in text.split(',') if part)
        elif kind is bool:
            value = {'true': True, 'false': False}[text.lower()]
        else:
            value = kind(text)
    except (KeyError, ValueError):
        raise _error(what, field, text) from None
    return _check_value(what, field, value)


def _type(field: dataclasses.Field[Any]) -> type:
    """Return the type of an option, or of its entries where it is a list."""
    if isinstance(field.default, tuple):
        return _TYPE_OF_ENTRIES[str(field.type)]
    return type(field.default)


def _error(what: str, field: dataclasses.Field[Any], value: Any) -> ConfigError:
    return ConfigError(f'{what}: got {value!r}, expected {allowed(field)}.')


def _check_value(what: str, field: dataclasses.Field[Any], value: Any) -> Any:
    """Return `value` with whole numbers as floats and lists as tuples where the option is one."""
    if not isinstance(field.default, tuple):
        return _check_scalar(what, field, value)
    if not isinstance(value, (list, tuple)):
        raise _error(what, field, value)
    return tuple(_check_scalar(what, field, item) for item in value)


def _check_scalar(what: str, field: dataclasses.Field[Any], value: Any) -> Any:
    kind: Any = _type(field)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    low, high, choices = (field.metadata[name] for name in ('low', 'high', 'choices'))
    if (
        type(value) is not kind
        or (kind is float and not math.isfinite(value))
        or (low is not None and value < low)
        or (high is not None and value > high)
        or (choices and value not in choices)
    ):
        raise _error(what, field, value)
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
