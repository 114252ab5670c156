"""The life of a node process: start, spin, end. Owns exit codes and signals, nothing of a role.

Exit code 0: asked to end. 1: an error, said in one line when a user can mend it, with a traceback
when it is a defect.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.logging import get_logger
from rclpy.node import Node

from dsrl_ros.core.errors import ConfigError, DsrlError
from dsrl_ros.ros.executor import LeanExecutor


def run_node(make_node: Callable[[], Node], niceness: int = 0) -> NoReturn:
    """Build a node, spin it until it is asked to end, clean up, and leave the process.

    SIGINT and SIGTERM end the spinning between two callbacks, never inside one. A node that is
    done raises `SystemExit` from a callback; one that cannot go on raises a `DsrlError`. What a
    node holds open it closes in its `destroy_node`.

    Args:
        make_node: the node's class, or anything that builds it.
        niceness: added to that of the process; for nodes that no decision waits for.

    Raises:
        SystemExit: always; code 0 when asked to end, 1 on an error.
    """
    # rclpy's own handler wakes the executor and then calls this one: no KeyboardInterrupt.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.nice(niceness)
    code = 0
    node: Node | None = None
    try:
        _init()
        node = make_node()
        executor = LeanExecutor()
        executor.add_node(node)
        executor.spin()
    except ExternalShutdownException:
        pass
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 0
    except DsrlError as error:
        code = 1
        _logger(make_node, node).error(' '.join(str(error).splitlines()))
    except Exception:
        # A signal during start-up pulls the context away from under the node: not a defect.
        if rclpy.ok():
            code = 1
            _logger(make_node, node).fatal(traceback.format_exc())
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        # Python forgets its handlers before it is done: a second request would kill what ends.
        for request in (signal.SIGINT, signal.SIGTERM):
            signal.signal(request, signal.SIG_IGN)
    sys.exit(code)


def _init() -> None:
    """Start rclpy with the command line.

    Raises:
        ConfigError: a parameter file or a ROS argument that cannot be read.
    """
    try:
        rclpy.init()
    except rclpy_implementation.RCLError as error:
        raise ConfigError(
            f'ROS arguments: {error}. Mend the parameter file or the command line that it names.'
        ) from error


def _logger(make_node: Callable[[], Node], node: Node | None) -> RcutilsLogger:
    """Return the node's logger, or one with its class's name where there is no node yet."""
    return node.get_logger() if node else get_logger(getattr(make_node, '__name__', 'node'))
