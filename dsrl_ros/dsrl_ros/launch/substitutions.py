"""Resolves the substitutions of ROS 2 launch files: var, find-pkg-share and a small eval.

A text means the same under `ros2 launch`. Any other substitution is an error that names it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix

from dsrl_ros.core.errors import ConfigError

_HARMLESS = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Constant),
)


def substitute(text: str, arguments: Mapping[str, str], where: str) -> str:
    """Replace every `$(...)` in `text`, innermost first.

    Args:
        text: from the launch file.
        arguments: values of the launch arguments by name.
        where: file and tag to name in an error.

    Raises:
        ConfigError: a substitution that is unknown, unbalanced, or cannot be resolved.
    """
    parts: list[str] = []
    rest = text
    while (start := rest.find('$(')) >= 0:
        end = _closing(rest, start + 2, where)
        parts += [rest[:start], _resolve(rest[start + 2 : end], arguments, where)]
        rest = rest[end + 1 :]
    return ''.join([*parts, rest])


def is_true(text: str, where: str) -> bool:
    """Read the outcome of a condition, by the rules of ROS 2 launch.

    Raises:
        ConfigError: neither true, false, 1 nor 0.
    """
    values = {'true': True, '1': True, 'false': False, '0': False}
    if text.strip().lower() not in values:
        raise ConfigError(f'{where}: got condition {text!r}, expected true, false, 1 or 0.')
    return values[text.strip().lower()]


def package_prefix(package: str, where: str) -> Path:
    """Return the folder that a package is installed in.

    Raises:
        ConfigError: it is not installed, or not sourced.
    """
    try:
        return Path(get_package_prefix(package))
    except (PackageNotFoundError, ValueError):
        raise ConfigError(
            f'{where}: got package {package!r}, expected one of those sourced. '
            'Build it and source install/setup.bash.'
        ) from None


def _closing(text: str, start: int, where: str) -> int:
    """Return where the bracket closes that was opened before `start`."""
    depth = 1
    for position in range(start, len(text)):
        depth += {'(': 1, ')': -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise ConfigError(f'{where}: got {text!r}, expected a closing bracket for every $(.')


def _resolve(inside: str, arguments: Mapping[str, str], where: str) -> str:
    name, _, rest = inside.strip().partition(' ')
    argument = re.sub(r'^(["\'])(.*)\1$', r'\2', rest.strip(), flags=re.DOTALL)
    argument = substitute(argument, arguments, where)
    if name == 'var':
        if argument not in arguments:
            raise ConfigError(
                f'{where}: got $(var {argument}), expected an argument declared before: '
                f'{", ".join(arguments) or "there is none"}.'
            )
        return arguments[argument]
    if name == 'find-pkg-share':
        return str(package_prefix(argument, where) / 'share' / argument)
    if name == 'eval':
        return str(_evaluate(argument, where))
    raise ConfigError(
        f'{where}: got substitution {name!r}, expected var, find-pkg-share or eval: '
        '`dsrl launch` knows no other. Use `ros2 launch` for this file.'
    )


def _evaluate(expression: str, where: str) -> object:
    """Evaluate comparisons of quoted texts joined by and, or, not; nothing else."""
    try:
        tree = ast.parse(expression, mode='eval')
        if all(isinstance(node, _HARMLESS) for node in ast.walk(tree)):
            value: object = eval(compile(tree, where, 'eval'), {'__builtins__': {}})
            return value
    except SyntaxError:
        pass
    raise ConfigError(
        f'{where}: got $(eval {expression}), expected == or != between quoted texts, joined by '
        'and, or, not: `dsrl launch` knows no other. Use `ros2 launch` for this file.'
    )
