"""An append-only file of records that survives `kill -9` at any byte.

Record: length (uint32, little-endian), CRC-32 of the payload (uint32), payload. A record is with
the operating system before `append` returns, so the death of the process loses nothing; `sync`
writes it to the disk, against the death of the machine.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from dsrl_ros.core.errors import ConfigError

_HEADER = struct.Struct('<II')
_MAX_RECORD = 1 << 30  # a length beyond this is a torn or foreign header


class Journal:
    """Appends records; opening cuts off a torn tail left by a crash.

    Args:
        path: file; made when missing, together with its folder.

    Attributes:
        num_records: whole records in the file.
        torn_bytes: bytes cut off at opening; 0 after a clean end.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        end = 0
        self.num_records = 0
        for payload in read_journal(path):
            end += _HEADER.size + len(payload)
            self.num_records += 1
        self.torn_bytes = path.stat().st_size - end
        if self.torn_bytes:
            os.truncate(path, end)
        self._file = path.open('ab', buffering=0)

    def append(self, payload: bytes) -> None:
        """Add one record.

        Raises:
            ConfigError: the record is larger than 1 GiB.
            OSError: e.g. a full disk.
        """
        if len(payload) > _MAX_RECORD:
            raise ConfigError(
                f'journal: got {len(payload)} bytes, expected at most {_MAX_RECORD}.'
            )
        record = _HEADER.pack(len(payload), zlib.crc32(payload)) + payload
        written = self._file.write(record)
        while written < len(record):  # a raw file may write less than asked
            written += self._file.write(record[written:])
        self.num_records += 1

    def sync(self) -> None:
        """Write everything to the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close; a second call does nothing."""
        if not self._file.closed:
            self.sync()
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_journal(path: Path) -> Iterator[bytes]:
    """Yield the whole records of a journal in order; stops before a torn or corrupt one."""
    with path.open('rb') as file:
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            length, crc = _HEADER.unpack(header)
            if length > _MAX_RECORD:
                return
            payload = file.read(length)
            if len(payload) < length or zlib.crc32(payload) != crc:
                return
            yield payload
