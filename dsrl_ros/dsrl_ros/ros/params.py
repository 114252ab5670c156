"""Declares the options of a node as its described, read-only parameters, checked at the start."""

from __future__ import annotations

import math
import sys
from dataclasses import Field
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from dsrl_ros.core import options

ConfigT = TypeVar('ConfigT')

# Of each type that may have a range: the descriptor's field, its message, the end that is open.
_RANGES: dict[type, tuple[str, type, Any]] = {
    float: ('floating_point_range', FloatingPointRange, math.inf),
    int: ('integer_range', IntegerRange, 2**63 - 1),
}


def declare_config(node: Node, config_class: type[ConfigT], section: str = '') -> ConfigT:
    """Declare every option of a configuration as a read-only parameter and return the values.

    A node with several configurations declares its sections first and its own options, without
    a section, last: that call refuses whatever no declaration has claimed.

    Args:
        node: the node to declare on.
        config_class: frozen dataclass made of `core.options.option` fields.
        section: prefix of the parameter names, without the dot.

    Returns:
        The configuration: what parameter files and command line set, over the defaults.

    Raises:
        ConfigError: an unknown key, a wrong type or a value out of range; names the parameter
            files, the key and what is allowed.
    """
    prefix = f'{section}.' if section else ''
    # rclpy has no public way to see values that no declaration takes, and those are the typos.
    given = {
        name.removeprefix(prefix): _plain(parameter.value)
        for name, parameter in node._parameter_overrides.items()
        if name.startswith(prefix)
        and not node.has_parameter(name)
        and not name.startswith('qos_overrides.')  # rclpy's own
    }
    config = options.from_mapping(config_class, given, _where(node, section))
    values = options.to_mapping(config)
    for name, field in options.options_of(config_class).items():
        # The value is final and checked: declaring must not read what was given again.
        node.declare_parameter(
            prefix + name, values[name], _descriptor(field), ignore_override=True
        )
    return config


def _plain(value: Any) -> Any:
    if value is None:
        return []  # an empty list in a file: it has no type, so it comes as "not set"
    return value if isinstance(value, (bool, int, float, str)) else list(value)


def _where(node: Node, section: str) -> str:
    """Name the node, the section, and the files its parameters come from."""
    files = [sys.argv[i + 1] for i, word in enumerate(sys.argv[:-1]) if word == '--params-file']
    where = f'{node.get_name()} ({", ".join(files)})' if files else node.get_name()
    return f'{where}: {section}' if section else where


def _descriptor(field: Field[Any]) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=field.metadata['description'],
        additional_constraints=options.allowed(field),
        read_only=True,
    )
    low, high = field.metadata['low'], field.metadata['high']
    kind: Any = type(field.default)
    if kind in _RANGES and (low, high) != (None, None):
        name, range_type, most = _RANGES[kind]
        allowed = range_type(
            from_value=kind(-most if low is None else low),
            to_value=kind(most if high is None else high),
        )
        setattr(descriptor, name, [allowed])
    return descriptor
