"""Nodes of one test: a context, a namespace and an executor of their own."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from typing import Any

import pytest

_numbers = itertools.count()


class RosHost:
    """Nodes of one test: in one executor, in a namespace that no other test uses.

    Attributes:
        namespace: of every node made here.
    """

    def __init__(self) -> None:
        from rclpy.context import Context

        from dsrl_ros.ros.executor import LeanExecutor

        self.namespace = f'/test_{os.getpid()}_{next(_numbers)}'
        self._context = Context()
        self._context.init()
        self._executor = LeanExecutor(context=self._context)
        self._nodes: list[Any] = []

    def add(self, make_node: Callable[..., Any], *args: Any, **parameters: Any) -> Any:
        """Build a node with these parameters and spin it with the others."""
        from rclpy.parameter import Parameter

        node = make_node(
            *args,
            context=self._context,
            namespace=self.namespace,
            parameter_overrides=[Parameter(name, value=v) for name, v in parameters.items()],
        )
        self._nodes.append(node)
        self._executor.add_node(node)
        return node

    def remove(self, node: Any) -> None:
        """End a node as its process would."""
        self._nodes.remove(node)
        self._executor.remove_node(node)
        node.destroy_node()

    def health(self) -> Callable[[str], Any]:
        """Listen to /diagnostics; return what finds the first status that says a text."""
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.node import Node

        from dsrl_ros.ros import names, qos

        said: list[Any] = []  # also by nodes of other tests: the name is absolute
        listener = self.add(lambda **options: Node('listener', **options))
        listener.create_subscription(
            DiagnosticArray,
            names.DIAGNOSTICS,
            lambda array: said.extend(array.status),
            qos.DECISION,
        )

        def find(text: str) -> Any:
            ours = (status for status in said if status.name.startswith(self.namespace))
            return next((status for status in ours if text in status.message), None)

        return find

    def spin_until(self, condition: Callable[[], Any], timeout_s: float = 10.0) -> Any:
        """Spin until `condition` holds and return what it returned; fail after the timeout."""
        deadline = time.monotonic() + timeout_s
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f'not within {timeout_s} s: {condition}')
            self._executor.spin_once(timeout_sec=0.01)
        return value

    def spin_for(self, seconds: float) -> None:
        """Spin for a while, to show that something does not happen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.01)

    def close(self) -> None:
        """End every node, then the context."""
        for node in list(self._nodes):
            self.remove(node)
        self._executor.shutdown()
        self._context.try_shutdown()
