"""Names of actions under remapping, which rcl applies to topics and services alone."""

from __future__ import annotations

from rclpy.node import Node


def remapped(node: Node, action: str) -> str:
    """Return the full name of an action as the node's remappings have it.

    Args:
        node: that serves the action or asks for it.
        action: one of `names`, relative.
    """
    return str(node.resolve_service_name(action))
