"""The substitutions of ROS 2 launch files that `dsrl launch` knows: var, find-pkg-share, eval.

The same text means the same under `ros2 launch`; any other substitution is refused by name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from dsrl_ros.core.errors import ConfigError


def substitute(text: str, arguments: Mapping[str, str], where: str) -> str:
    """Replace every `$(...)` in `text`, innermost first.

    Args:
        text: as it stands in the launch file.
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
        try:
            return str(get_package_share_directory(argument))
        except (PackageNotFoundError, ValueError):
            raise ConfigError(
                f'{where}: got package {argument!r}, expected one of those sourced. '
                'Build it and source install/setup.bash.'
            ) from None
    if name == 'eval':
        return str(_evaluate(argument, where))
    raise ConfigError(
        f'{where}: got substitution {name!r}, expected var, find-pkg-share or eval: '
        '`dsrl launch` knows no other. Use `ros2 launch` for this file.'
    )


def _evaluate(expression: str, where: str) -> bool:
    """Evaluate comparisons of quoted texts joined by and, or, not; nothing else."""

    def value(node: ast.AST) -> bool:
        if isinstance(node, ast.Expression):
            return value(node.body)
        if isinstance(node, ast.BoolOp):
            outcomes = [value(part) for part in node.values]
            return all(outcomes) if isinstance(node.op, ast.And) else any(outcomes)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return not value(node.operand)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            sides = [node.left, node.comparators[0]]
            if all(isinstance(side, ast.Constant) for side in sides):
                left, right = (ast.literal_eval(side) for side in sides)
                if isinstance(node.ops[0], ast.Eq):
                    return bool(left == right)
                if isinstance(node.ops[0], ast.NotEq):
                    return bool(left != right)
        raise ValueError

    try:
        return value(ast.parse(expression, mode='eval'))
    except (SyntaxError, ValueError):
        raise ConfigError(
            f'{where}: got $(eval {expression}), expected == or != between quoted texts, joined '
            'by and, or, not: `dsrl launch` knows no other. Use `ros2 launch` for this file.'
        ) from None
