"""`dsrl options`: every option of every node with its default, range and meaning."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from dsrl_ros.core.options import described
from dsrl_ros.launch.node_options import NODE_OPTIONS


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog='dsrl options', description=__doc__)
    parser.add_argument('node', nargs='?', choices=sorted(NODE_OPTIONS), help='of one node only')
    chosen = parser.parse_args(arguments).node
    for node in [chosen] if chosen else sorted(NODE_OPTIONS):
        print(f'/**/{node}:')
        for section, config_class in NODE_OPTIONS[node].items():
            for name, default, allowed, description in described(config_class):
                print(f'    {section}{"." if section else ""}{name}: {default}  ({allowed})')
                print(f'        {description}')
    return 0
