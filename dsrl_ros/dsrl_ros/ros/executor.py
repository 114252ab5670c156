"""A single-threaded executor with cheap turns, since a decision takes dozens of them."""

from __future__ import annotations

import time
from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

try:
    from rclpy.event_handler import EventHandler
except ImportError:  # Humble
    from rclpy.qos_event import QoSEventHandler as EventHandler

_EVENTS_PERIOD_S = 1.0


class LeanExecutor(SingleThreadedExecutor):
    """Waits for QoS events once a second instead of in every turn.

    rclpy creates up to three event handlers for each publisher and subscription, which only warn
    of peers with other QoS, and rebuilds its wait set with all of them in every turn. Without them
    a turn of a node with 20 topics takes 0.11 ms instead of 0.3 ms.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._events_next = 0.0
        self._with_events = True

    def get_nodes(self) -> list[Node]:
        """Return the nodes; rclpy asks for them once per wait set, before it fills it."""
        now = time.monotonic()
        self._with_events = now >= self._events_next
        if self._with_events:
            self._events_next = now + _EVENTS_PERIOD_S
        return list(super().get_nodes())

    def can_execute(self, entity: Any) -> bool:
        """Whether an entity belongs into the wait set of this turn."""
        if isinstance(entity, EventHandler) and not self._with_events:
            return False
        return bool(super().can_execute(entity))
