"""The `dsrl` command: `dsrl launch franka_steer seed:=3`."""

from __future__ import annotations

import importlib
import signal
import sys
from typing import Any, NoReturn

from dsrl_ros.core.errors import ConfigError, DsrlError

# Each is imported when it is called: some load torch, which takes seconds.
COMMANDS = {
    'train': ('train', 'learn to steer a policy in an environment, without ROS'),
    'eval': ('evaluate', 'compare steered, base and scaled prior of a run on fresh resets'),
    'plot': ('plot', 'draw the learning curves of runs'),
    'prior-check': ('prior_check', 'measure the frozen policy by noise layout and scale'),
    'train-classifier': ('train_classifier', 'learn from images what success looks like'),
    'export-images': ('export_images', 'take labelled images from the bags of a run'),
    'pose': ('pose', 'move the arm of a running graph to a named pose'),
    'judge': ('judge', 'mark the running episode: success, failure or abort'),
    'launch': ('launch', 'start a graph and end its nodes together'),
    'options': ('show_options', 'list every option of every node'),
    'check-config': ('check_config', 'check a parameter file without starting anything'),
}

_OF_ROS = ('ament', 'rclpy', 'dsrl_msgs')


def main() -> NoReturn:
    """Run the command line and leave the process.

    Raises:
        SystemExit: always; code 1 on an error that the user can correct, 2 on a wrong command.
    """
    name, *arguments = sys.argv[1:] or ['']
    if name not in COMMANDS:
        lines = [f'    dsrl {name:<18}{text}' for name, (_, text) in COMMANDS.items()]
        print('\n'.join(['usage: dsrl <command> ...', *lines]))
        sys.exit(0 if name in ('-h', '--help') else 2)
    try:
        sys.exit(_command(name).main(arguments))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except DsrlError as error:
        print(f'dsrl: {error}', file=sys.stderr)
        sys.exit(1)


def _command(name: str) -> Any:
    """Return the module of a command.

    Raises:
        ConfigError: it needs ROS, and there is none.
    """
    try:
        return importlib.import_module(f'dsrl_ros.cli.{COMMANDS[name][0]}')
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith(_OF_ROS):
            raise
        raise ConfigError(
            f'dsrl {name}: {error}, expected ROS 2: source its setup, or that of install/ after '
            '`make setup`. Without ROS: train, eval, plot, prior-check, train-classifier.'
        ) from error


if __name__ == '__main__':
    main()
