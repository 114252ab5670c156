"""Fixtures of the tests that need ROS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ros_host import RosHost


@pytest.fixture
def ros() -> Iterator[RosHost]:
    """Yield a host for the nodes of one test."""
    host = RosHost()
    yield host
    host.close()
