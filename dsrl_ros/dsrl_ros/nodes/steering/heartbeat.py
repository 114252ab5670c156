"""The heartbeat of the steering node: a busy loop does not delay it, a frozen loop stops it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from dsrl_ros.ros.waiting import STEADY_CLOCK

_PERIOD_S = 1.0 / 20.0
_FROZEN_S = 0.5  # in one callback, after which the loop counts as frozen


class HeartbeatPublisher:
    """Publishes from a thread of its own for as long as the node's executor turns.

    A timer of the executor would be delayed by a callback of 0.15 s, say one that hashes large
    weights, and stop the robot for nothing.

    Args:
        node: whose executor must turn.
        publish: publishes one heartbeat; called from the thread.
        period_s: from one heartbeat to the next [s].
        frozen_s: longest callback of a loop that is only busy [s].
    """

    def __init__(
        self,
        node: Node,
        publish: Callable[[], None],
        period_s: float = _PERIOD_S,
        frozen_s: float = _FROZEN_S,
    ) -> None:
        self._node = node
        self._publish = publish
        self._period_s = period_s
        self._frozen_s = frozen_s
        self._turned_at = time.monotonic()
        self._stopping = threading.Event()
        node.create_timer(period_s, self._note_turn, clock=STEADY_CLOCK)
        self._thread = threading.Thread(target=self._run, name='heartbeat', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; a second call does nothing."""
        self._stopping.set()
        self._thread.join()

    def _note_turn(self) -> None:
        self._turned_at = time.monotonic()

    def _run(self) -> None:
        while not self._stopping.wait(self._period_s):
            if time.monotonic() - self._turned_at > self._frozen_s:
                continue
            try:
                self._publish()
            except rclpy_implementation.RCLError:
                if self._node.context.ok():
                    raise
                return  # the process was asked to end
