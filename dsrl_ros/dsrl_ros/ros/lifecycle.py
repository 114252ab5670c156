"""Transitions of a lifecycle node that say what goes wrong; rclpy swallows it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from dsrl_ros.core.errors import DsrlError

SUCCESS = TransitionCallbackReturn.SUCCESS

_Transition = Callable[[Any, LifecycleState], TransitionCallbackReturn]


def logged(transition: _Transition) -> _Transition:
    """Log what `transition` raises, as one line when a user can mend it, and fail."""

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
