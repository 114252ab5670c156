"""The sign of life of a node's loop: not starved by a busy loop, not kept up by a frozen one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from dsrl_ros.ros.waiting import STEADY_CLOCK


class Heart:
    """Beats in a thread of its own for as long as the node's executor turns.

    A timer of the executor would fall silent behind a callback of 0.15 s, say one that hashes
    large weights, and stop the robot for nothing.

    Args:
        node: whose executor must turn.
        beat: publishes one sign of life; called from the thread.
        rate_hz: beats per second [1/s].
        patience_s: how long the executor may be busy with one callback [s].
    """

    def __init__(
        self, node: Node, beat: Callable[[], None], rate_hz: float, patience_s: float
    ) -> None:
        self._node = node
        self._beat = beat
        self._period_s = 1.0 / rate_hz
        self._patience_s = patience_s
        self._turned_at = time.monotonic()
        self._stopping = threading.Event()
        node.create_timer(self._period_s, self._turn, clock=STEADY_CLOCK)
        self._thread = threading.Thread(target=self._run, name='heartbeat', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Fall silent; a second call does nothing."""
        self._stopping.set()
        self._thread.join()

    def _turn(self) -> None:
        self._turned_at = time.monotonic()

    def _run(self) -> None:
        while not self._stopping.wait(self._period_s):
            if time.monotonic() - self._turned_at > self._patience_s:
                continue
            try:
                self._beat()
            except rclpy_implementation.RCLError:
                if self._node.context.ok():
                    raise
                return  # the process was asked to end
