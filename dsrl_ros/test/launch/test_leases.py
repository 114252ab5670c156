"""Domains and namespaces have one holder at a time, whatever ends it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import pytest

from dsrl_ros.launch.leases import DOMAIN_IDS, DomainLease, Lease, NameTakenError


def test_two_leases_get_different_domains() -> None:
    """Runs at the same time do not hear each other."""
    with closing(DomainLease()) as one, closing(DomainLease()) as other:
        assert {one.domain_id, other.domain_id} <= set(DOMAIN_IDS)
        assert one.domain_id != other.domain_id


def test_a_name_has_one_holder_and_is_free_again_after_it() -> None:
    """A second holder is refused until the first one lets go."""
    first = Lease('test/name')
    with pytest.raises(NameTakenError, match='test/name: held by another process'):
        Lease('test/name')
    first.close()
    Lease('test/name').close()


def test_a_killed_process_frees_its_name() -> None:
    """No lock outlives its holder, so nobody has to clean up by hand."""
    code = "from dsrl_ros.launch.leases import Lease; l = Lease('test/killed'); print(1); input()"
    holder = subprocess.Popen(
        [sys.executable, '-c', code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(NameTakenError):
        Lease('test/killed')
    holder.kill()
    holder.wait()
    Lease('test/killed').close()


def test_a_domain_in_use_without_a_lease_is_left_alone(ros_domain_id: int) -> None:
    """A ROS program that somebody else runs on this machine keeps its domain to itself."""
    rclpy = pytest.importorskip('rclpy')
    from dsrl_ros.launch.leases import _has_participants

    context = rclpy.Context()
    context.init(domain_id=ros_domain_id)
    node = rclpy.create_node('somebody', context=context)
    try:
        assert _has_participants(ros_domain_id)
    finally:
        node.destroy_node()
        context.try_shutdown()
