"""Fixtures of every test: ROS traffic that stays on this machine, in a domain of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import hypothesis
import pytest

from dsrl_ros.launch.leases import DomainLease

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile('suite', deadline=None)
hypothesis.settings.load_profile('suite')


@pytest.fixture(scope='session', autouse=True)
def _ros_domain() -> Iterator[None]:
    """Keep test sessions that run at the same time apart."""
    with closing(DomainLease()) as lease, pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(lease.domain_id))
        patch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        yield


@pytest.fixture
def ros_domain_id(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Give one test a domain of its own, in the environment of the processes that it starts."""
    with closing(DomainLease()) as lease:
        monkeypatch.setenv('ROS_DOMAIN_ID', str(lease.domain_id))
        yield lease.domain_id
