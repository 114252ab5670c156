"""Conversion of message stamps to whole nanoseconds, and back."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

_NS = 1_000_000_000


def stamp_to_ns(stamp: Time) -> int:
    """Return a stamp as whole nanoseconds."""
    return int(stamp.sec) * _NS + int(stamp.nanosec)


def stamp_from_ns(nanoseconds: int) -> Time:
    """Return whole nanoseconds as a stamp."""
    sec, nanosec = divmod(nanoseconds, _NS)
    return Time(sec=sec, nanosec=nanosec)


def header(stamp_ns: int, frame: str = '') -> Header:
    """Return a header."""
    return Header(stamp=stamp_from_ns(stamp_ns), frame_id=frame)
