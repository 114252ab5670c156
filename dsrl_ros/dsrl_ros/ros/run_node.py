"""The life of a node process: start, transitions, spin, end.

Owns exit codes and signals. Exit code 0: asked to end. 1: an error, logged in one line when a user
can fix it and with a traceback when it is a defect.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.logging import get_logger
from rclpy.node import Node

from dsrl_ros.core.errors import ConfigError, DsrlError
from dsrl_ros.ros.executor import LeanExecutor

SUCCESS = TransitionCallbackReturn.SUCCESS

_Transition = Callable[[Any, LifecycleState], TransitionCallbackReturn]


def run_node(make_node: Callable[[], Node], niceness: int = 0) -> NoReturn:
    """Build a node, spin it until it is asked to end, clean up, and leave the process.

    SIGINT and SIGTERM end the spinning between two callbacks, never inside one. A node that is
    done raises `SystemExit` from a callback; one that cannot go on raises a `DsrlError`. A node
    closes what it holds open in its `destroy_node`.

    Args:
        make_node: the node's class, or a callable that builds it.
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
        # A signal during start-up shuts the context down while the node is built: no defect.
        if rclpy.ok():
            code = 1
            _logger(make_node, node).fatal(traceback.format_exc())
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        # Python drops its handlers before it has ended: a second signal would kill it then.
        for request in (signal.SIGINT, signal.SIGTERM):
            signal.signal(request, signal.SIG_IGN)
    sys.exit(code)


def logged(transition: _Transition) -> _Transition:
    """Make a lifecycle transition log what it raises, which rclpy swallows, and fail."""

    @wraps(transition)
    def wrapper(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except DsrlError as error:
            node.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception:
            node.get_logger().fatal(traceback.format_exc())
            return TransitionCallbackReturn.ERROR

    return wrapper


def _init() -> None:
    """Start rclpy with the command line.

    Raises:
        ConfigError: a parameter file or a ROS argument that cannot be read.
    """
    try:
        rclpy.init()
    except rclpy_implementation.RCLError as error:
        raise ConfigError(
            f'ROS arguments: {error}. Fix the parameter file or the command line that it names.'
        ) from error


def _logger(make_node: Callable[[], Node], node: Node | None) -> RcutilsLogger:
    """Return the node's logger, or one with its class's name where there is no node yet."""
    return node.get_logger() if node else get_logger(getattr(make_node, '__name__', 'node'))
