"""Fixtures of the tests that need ROS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ros_host import RosHost


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch) -> Iterator[RosHost]:
    """Yield a host for the nodes of one test, whose twins start at once."""
    monkeypatch.setattr('dsrl_ros.nodes.twin.node.LISTEN_S', 0.0)
    host = RosHost()
    yield host
    host.close()
