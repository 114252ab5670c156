"""`dsrl launch`: starts a graph from its `*.launch.yaml`; needs no `ros2 launch`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.launch.launch_file import Description
from dsrl_ros.launch.leases import DomainLease, Lease, NameTakenError
from dsrl_ros.launch.prepare import check_run
from dsrl_ros.launch.processes import run_graph

BRINGUP = 'dsrl_bringup'
_ENDING = '.launch.yaml'


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        DsrlError: something in the description, the arguments or the configuration is wrong, or
            the same graph runs already.
    """
    parser = argparse.ArgumentParser(prog='dsrl launch', description=__doc__)
    parser.add_argument('graph', help=f'name of a graph of {BRINGUP}, or path of a *{_ENDING}')
    parser.add_argument('arguments', nargs='*', metavar='name:=value', help='launch arguments')
    parser.add_argument(
        '-s', '--show-args', action='store_true', help='show the launch arguments and end'
    )
    options = parser.parse_args(arguments)
    path = find_description(options.graph)
    description = Description(path)
    if options.show_args:
        print(arguments_text(description))
        return 0
    checked = check_run(description, parse_arguments(options.arguments))
    # Claimed before the folder is made: a graph that cannot start leaves nothing behind.
    with ExitStack() as held:
        # The domain that the user has set, else one that is free until this run ends.
        domain = os.environ.get('ROS_DOMAIN_ID')
        if not domain:
            domain = str(held.enter_context(closing(DomainLease())).domain_id)
        _claim_namespace(held, domain, checked.started.arguments.get('namespace', ''))
        run = checked.begin(Path.cwd())
        calls = run.calls()
        environment = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', **os.environ}
        environment['ROS_DOMAIN_ID'] = domain
        folder = Path(run.arguments.get('run_dir', Path.cwd()))
        seed = run.arguments.get('seed', 'none')
        _say(f'{len(calls)} nodes of {path.name}, ROS domain {domain}, seed {seed}')
        _say(f'everything goes to {folder}')
        held.callback(_show_cursor)
        return run_graph(calls, folder / 'logs', environment, _say)


def find_description(graph: str) -> Path:
    """Return the launch file of a graph, given its name or a path.

    Raises:
        ConfigError: there is none; lists those there are.
    """
    if graph.endswith('.yaml'):
        path = Path(graph)
        if not path.is_file():
            raise ConfigError(f'graph: got {graph}, expected a file that exists.')
        return path
    try:
        folder = Path(get_package_share_directory(BRINGUP), 'launch')
    except PackageNotFoundError:
        raise ConfigError(f'package {BRINGUP}: not found; source install/setup.bash.') from None
    path = folder / f'{graph}{_ENDING}'
    if not path.is_file():
        known = sorted(file.name.removesuffix(_ENDING) for file in folder.glob(f'*{_ENDING}'))
        raise ConfigError(f'graph: got {graph!r}, expected one of {", ".join(known)}, or a path.')
    return path


def parse_arguments(words: Sequence[str]) -> dict[str, str]:
    """Read launch arguments written as `ros2 launch` takes them.

    Raises:
        ConfigError: a word that is not `name:=value`.
    """
    given = {}
    for word in words:
        name, mark, value = word.partition(':=')
        if not mark or not name:
            raise ConfigError(f'launch argument: got {word!r}, expected name:=value.')
        given[name] = value
    return given


def arguments_text(description: Description) -> str:
    """Return the arguments of a launch file with descriptions, as `ros2 launch` shows them."""
    lines = ["Arguments (pass arguments as '<name>:=<value>'):"]
    for argument in description.arguments:
        choices = f' one of {", ".join(argument.choices)}' if argument.choices else ''
        default = 'must be given' if argument.default is None else f'default: {argument.default!r}'
        lines += ['', f"    '{argument.name}':", f'        {argument.description}{choices}']
        lines += [f'        ({default})']
    return '\n'.join(lines)


def _claim_namespace(held: ExitStack, domain: str, namespace: str) -> None:
    """Hold a namespace of a domain until `held` closes.

    Raises:
        NameTakenError: a graph runs there already.
    """
    namespace = '/' + namespace.strip('/')
    try:
        held.enter_context(closing(Lease(f'graph/{domain}{namespace}')))
    except NameTakenError:
        raise NameTakenError(
            f'namespace {namespace} of ROS domain {domain}: got a graph that runs there already, '
            'expected none. End it, or give this one another namespace:= or ROS_DOMAIN_ID.'
        ) from None


def _show_cursor() -> None:
    """Leave the terminal usable, even where a panel was killed."""
    if sys.stdout.isatty():
        with suppress(OSError):
            print('\x1b[?25h', end='', flush=True)


def _say(line: str) -> None:
    # The terminal may have been closed: that is no reason to leave nodes behind.
    with suppress(OSError):
        print(f'[dsrl] {line}', flush=True)
