"""`dsrl options`: every option of every node with its default, range and meaning."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Sequence

from dsrl_ros.cli.launch import find_description
from dsrl_ros.core.options import allowed, described, options_of
from dsrl_ros.launch.launch_file import Description
from dsrl_ros.launch.node_options import NODE_OPTIONS
from dsrl_ros.launch.prepare import ARGUMENTS

_INTRODUCTION = """\
# Options

`make docs` writes this page from the code. Launch arguments are given as `dsrl launch franka_steer seed:=3`,
or in the same way to `ros2 launch`. The options of the nodes are written into a ROS parameter file
`/**/reward: {ros__parameters: {max_steps: 60, reset: {attempts: 5}}}`, which is given as `config:=my.yaml`.
An argument wins over the file, and the file wins over the default. The result is `config.yaml` in the run's
folder, which every node reads. `dsrl check-config my.yaml` checks a file.
"""  # noqa: E501
_OPTION_TITLES = ('option', 'default', 'allowed', 'unit', 'what it does')


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog='dsrl options', description=__doc__)
    parser.add_argument('node', nargs='?', choices=sorted(NODE_OPTIONS), help='of one node only')
    parser.add_argument(
        '--markdown', action='store_true', help='print docs/options.md, which lists all there are'
    )
    given = parser.parse_args(arguments)
    if given.markdown:
        print(markdown(), end='')
        return 0
    for node in [given.node] if given.node else sorted(NODE_OPTIONS):
        print(f'/**/{node}:')
        for section, config_class in NODE_OPTIONS[node].items():
            for name, default, values, description in described(config_class):
                print(f'    {section}{"." if section else ""}{name}: {default}  ({values})')
                print(f'        {description}')
    return 0


def markdown() -> str:
    """Return the text of docs/options.md: launch arguments, node options, and `dsrl train`."""
    from dsrl_ros.cli.run_options import RunOptions  # loads torch

    parts = [_INTRODUCTION]
    for graph in ('franka_steer', 'widowx_steer'):
        declared = Description(find_description(graph)).arguments
        rows = [
            (f'`{a.name}`', f'`{a.default}`', ', '.join(a.choices), a.description)
            for a in declared
        ]
        titles = ('argument', 'default', 'allowed', 'what it does')
        parts.append(f'## Launch arguments of {graph}\n\n{_table(titles, rows)}')
    for node, sections in sorted(NODE_OPTIONS.items()):
        for section, config_class in sections.items():
            name = f'{node}.{section}' if section else node
            title = f'### {node}: section `{section}`' if section else f'## Node {node}'
            parts.append(f'{title}\n\n{_table(_OPTION_TITLES, _rows(config_class, name))}')
    parts.append(
        '## `dsrl train`\n\nGiven as `--max-steps 200`. Options of the learner are those of the '
        'trainer, section `learner`, given as `utd:=10`.\n\n'
        + _table(_OPTION_TITLES, _rows(RunOptions, 'train'))
    )
    return '\n'.join(parts)


def _rows(config_class: type, owner: str) -> Iterator[Sequence[str]]:
    """Yield a row of the table per option of a class; `owner` is its node and section."""
    arguments = {target: name for name, targets in ARGUMENTS.items() for target in targets}
    for name, field in options_of(config_class).items():
        text = field.metadata['description']
        unit = re.search(r' \[([a-zA-Z/0-9]+)\]', text)
        text = text.replace(unit[0], '', 1) if unit else text
        if argument := arguments.get(f'{owner}.{name}'):
            text += f'; launch argument `{argument}`'
        default = f'`{json.dumps(field.default)}`'
        yield f'`{name}`', default, allowed(field), unit[1] if unit else '', text


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ['---'] * len(titles), *rows]
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)
