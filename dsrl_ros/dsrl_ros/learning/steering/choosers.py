"""What chooses the noise of a decision: the prior, a constant, or the steering actor."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.types import Array, Noise, NoiseLayout, NoiseSource, Observation
from dsrl_ros.learning.steering.actor import SteeringActor
from dsrl_ros.learning.steering.seeding import Stream, keyed_generator


class NoiseChooser(Protocol):
    """Chooses the noise of one decision; the same arguments always give the same noise."""

    def choose(self, observation: Observation, episode: int, decision: int) -> Noise:
        """Choose.

        Args:
            observation: what the noise is for.
            episode, decision: of the decision's key.
        """
        ...


class PriorChooser:
    """Draws from N(0, c^2 I), the distribution the frozen policy was trained with for c = 1.

    Args:
        seed: of the run.
        layout: of the noise.
        shape: (R, A).
        scale: c.
    """

    def __init__(
        self,
        seed: int,
        layout: NoiseLayout,
        shape: tuple[int, int],
        scale: float = 1.0,
    ) -> None:
        self._seed = seed
        self._layout = layout
        self._shape = shape
        self._scale = np.float32(scale)

    def choose(self, observation: Observation, episode: int, decision: int) -> Noise:  # noqa: ARG002
        """Draw the noise of this key; the observation plays no part."""
        rng = keyed_generator(self._seed, Stream.PRIOR, episode, decision)
        rows = self._scale * rng.standard_normal(self._shape, dtype=np.float32)
        return Noise(rows, self._layout, NoiseSource.PRIOR)


class ConstantChooser:
    """Always the same noise.

    Args:
        rows: (R, A).
        layout: of the noise.

    Raises:
        NonFiniteError, ShapeMismatchError: rows that are no noise.
    """

    def __init__(self, rows: Array, layout: NoiseLayout) -> None:
        require_shape('noise', rows, (None, None))
        require_finite('noise', rows)
        self._rows = np.asarray(rows, dtype=np.float32)
        self._layout = layout

    def choose(self, observation: Observation, episode: int, decision: int) -> Noise:  # noqa: ARG002
        """Return the constant."""
        return Noise(self._rows.copy(), self._layout, NoiseSource.CONSTANT)


class ActorChooser:
    """Asks the steering actor.

    Args:
        actor: the weights in use.
        seed: of the run, for exploration; None for the deterministic actor.
    """

    def __init__(self, actor: SteeringActor, seed: int | None) -> None:
        self._actor = actor
        self._seed = seed

    def choose(self, observation: Observation, episode: int, decision: int) -> Noise:
        """Return the actor's noise, with exploration of this key when a seed was given."""
        rng = None
        if self._seed is not None:
            rng = keyed_generator(self._seed, Stream.EXPLORATION, episode, decision)
        header = self._actor.header
        rows = self._actor.act(observation, rng)
        return Noise(rows, header.layout, NoiseSource.ACTOR, header.version)
