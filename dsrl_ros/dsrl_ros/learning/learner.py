"""What every learner of the suite offers to runs, the trainer, the benches and the checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from dsrl_ros.core.types import PolicySpec, Transition
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.steering.actor import SteeringActor
from dsrl_ros.learning.steering.choosers import NoiseChooser

# Group name (one file each in a checkpoint) to tensor name to tensor.
StateGroups = dict[str, dict[str, Tensor]]


class Learner(Protocol):
    """Takes transitions in and gives steering weights out."""

    @property
    def spec(self) -> PolicySpec:
        """The frozen policy that is steered."""
        ...

    @property
    def config(self) -> LearnerConfig:
        """The options in use."""
        ...

    @property
    def gradient_steps(self) -> int:
        """Gradient steps taken so far."""
        ...

    @property
    def num_transitions(self) -> int:
        """Transitions added so far."""
        ...

    def chooser(self, seed: int | None) -> NoiseChooser:
        """Return who chooses noise by what is learned so far; it stays as it is.

        Args:
            seed: of the run, to explore; None for the choice held best.
        """
        ...

    def add(self, transition: Transition) -> int:
        """Keep a transition; raise, and keep nothing, when it does not fit.

        Returns:
            Its place among those kept.
        """
        ...

    def update(self, num_steps: int) -> dict[str, float]:
        """Take gradient steps and return their mean metrics."""
        ...

    def state_groups(self) -> StateGroups:
        """Return all that a bit-equal continuation needs, as copies."""
        ...

    def load_state_groups(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over what `state_groups` returned."""
        ...


class ActorLearner(Learner, Protocol):
    """A learner whose choice is an actor, which can be sent to the node that acts."""

    def export_actor(self, version: int, trained_episodes: int) -> SteeringActor:
        """Return a copy of the actor that acts without torch."""
        ...
