"""Waits of the driver that tests have no time for."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def quick_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the driver start at once, and publish its status often."""
    pytest.importorskip('rclpy', reason='needs ROS')
    from dsrl_ros.nodes.driver import node, startup

    monkeypatch.setattr(startup, 'LISTEN_S', 0.0)
    monkeypatch.setattr(node, 'STATUS_PERIOD_S', 0.05)
