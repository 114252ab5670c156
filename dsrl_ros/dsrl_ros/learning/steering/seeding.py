"""Random numbers by key, not by order: the same (seed, stream, episode, decision) always draws
the same, whatever else was drawn in between and in whichever process.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What random numbers are for. Streams never overlap; append, never reorder."""

    PRIOR = 0  # noise drawn from N(0, c^2 I)
    EXPLORATION = 1  # of the stochastic actor
    RESET = 2  # start poses of episodes that are trained on
    EVALUATION_RESET = 3  # start poses of episodes never trained on
    LEARNER = 4  # initial weights, replay sampling, updates
    CANDIDATES = 5  # noises to choose among


def keyed_generator(seed: int, stream: Stream, *key: int) -> np.random.Generator:
    """Return a generator for one purpose.

    Args:
        seed: of the run, >= 0.
        stream: purpose.
        key: e.g. (episode, decision), each >= 0.
    """
    return np.random.Generator(np.random.PCG64(_sequence(seed, stream, *key)))


def keyed_seed(seed: int, stream: Stream, *key: int) -> int:
    """Return a whole number below 2^31 for one purpose, say for a reset that takes a seed."""
    return int(_sequence(seed, stream, *key).generate_state(1)[0]) >> 1


def _sequence(seed: int, stream: Stream, *key: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(int(stream), *key))
