"""Contacts and speed of a body of a scene, for the tests of success."""

from __future__ import annotations

import numpy as np

from dsrl_ros.robots.simulation.twin import Twin

SLOW = 0.05  # a body slower than this is at rest [m/s]


def touched_by(twin: Twin, body: str) -> set[str]:
    """Return the names of the bodies that a body touches; the table's is `world`."""
    model, data = twin.model, twin.data
    this = model.body(body).id
    pairs = model.geom_bodyid[data.contact.geom]
    others = {int(other) for pair in pairs for one, other in (pair, pair[::-1]) if one == this}
    return {model.body(other).name for other in others}


def is_slow(twin: Twin, body: str) -> bool:
    """Return whether a body with a free joint moves at less than `SLOW`."""
    first = twin.model.body(body).dofadr[0]
    return float(np.linalg.norm(twin.data.qvel[first : first + 3])) < SLOW
