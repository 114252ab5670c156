"""Leases of names that one process of this machine may hold: a domain, a namespace of a domain.

A lease is an abstract socket, so the kernel frees it however its process ends.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket

from dsrl_ros.core.errors import DsrlError

# Above 101 the ports of a domain lie among those that Linux hands out to any program.
DOMAIN_IDS = range(1, 102)


class NameTakenError(DsrlError):
    """A name that another process of this machine holds."""


class Lease:
    """A name held until `close`, or until this process ends.

    Args:
        name: the same text for all who compete for it.

    Raises:
        NameTakenError: another process holds it.
    """

    def __init__(self, name: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(f'\0dsrl/{name}')
        except OSError as error:
            self._socket.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise NameTakenError(f'{name}: held by another process.') from None

    def close(self) -> None:
        """Free the name."""
        self._socket.close()


class DomainLease(Lease):
    """A ROS domain that no other run and no other test of this machine uses.

    Attributes:
        domain_id: from 1 to 101.
    """

    def __init__(self) -> None:
        first = os.getpid() % len(DOMAIN_IDS)
        for number in range(len(DOMAIN_IDS)):
            self.domain_id = DOMAIN_IDS[(first + number) % len(DOMAIN_IDS)]
            if not _has_participants(self.domain_id):
                with contextlib.suppress(NameTakenError):
                    super().__init__(f'domain/{self.domain_id}')
                    return
        raise NameTakenError(
            f'ROS domain: got none free, expected one of {DOMAIN_IDS[0]} to {DOMAIN_IDS[-1]}. '
            'End runs that are no longer needed, or set ROS_DOMAIN_ID.'
        )


def _has_participants(domain_id: int) -> bool:
    """Whether ROS uses a domain without a lease: DDSI-RTPS gives its first process this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('', 7400 + 250 * domain_id + 10))
        except OSError:
            return True
    return False
