"""`dsrl check-config`: checks a parameter file without starting a node."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from dsrl_ros.launch.node_options import read_parameter_file


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        ConfigError: the first thing that is wrong, with the file, the key and what is allowed.
    """
    parser = argparse.ArgumentParser(prog='dsrl check-config', description=__doc__)
    parser.add_argument('files', nargs='+', type=Path, help='parameter files (YAML)')
    for path in parser.parse_args(arguments).files:
        nodes = read_parameter_file(path)
        print(f'{path}: fine ({", ".join(nodes) or "sets nothing"})')
    return 0
