"""The plan of a run: what each episode is for, how it starts, and which weights it needs.

Pure: the same plan drives the graph and explains its results.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.learning.steering.actor import SteeringActor
from dsrl_ros.learning.steering.choosers import ActorChooser, NoiseChooser, PriorChooser
from dsrl_ros.learning.steering.pacing import trained_episodes_for
from dsrl_ros.learning.steering.seeding import Stream, keyed_seed


class Phase(str, Enum):
    """What an episode is for, in the order of a run. Values equal `EpisodeResult.phase`."""

    WARMUP = 'warmup'  # prior noise, learned from
    ONLINE = 'online'  # the stochastic actor, learned from
    EVAL_BASE = 'eval_base'  # prior noise on fresh resets, not learned from
    EVAL_STEERED = 'eval_steered'  # the deterministic actor on the same resets

    @property
    def learned(self) -> bool:
        """Whether its transitions go to the learner."""
        return self in (Phase.WARMUP, Phase.ONLINE)


@dataclass(frozen=True)
class Episode:
    """One episode of the plan.

    Attributes:
        number: from 0 within the run.
        phase: what it is for.
        reset_seed: of its start.
        trained_episodes: episodes that its weights must have learned from; None needs no weights.
    """

    number: int
    phase: Phase
    reset_seed: int
    trained_episodes: int | None


@dataclass(frozen=True)
class RunPlan:
    """Warm-up, online, then the base and the steered policy on the same fresh resets.

    Attributes:
        seed: of the run.
        warmup, online: episodes that are learned from.
        evaluation: episodes of the base, and as many of the steered policy.
    """

    seed: int
    warmup: int
    online: int
    evaluation: int

    @property
    def learned(self) -> int:
        """Episodes that are learned from."""
        return self.warmup + self.online

    def __len__(self) -> int:
        return self.learned + 2 * self.evaluation

    def episode(self, number: int) -> Episode:
        """Return one episode.

        Even a warm-up episode waits for learning to be at most one episode behind: that is the
        declared ratio of updates to data.

        Raises:
            ConfigError: the run has no such episode.
        """
        if not 0 <= number < len(self):
            raise ConfigError(f'episode: got {number}, expected 0 to {len(self) - 1}.')
        if number < self.learned:
            phase = Phase.WARMUP if number < self.warmup else Phase.ONLINE
            reset = keyed_seed(self.seed, Stream.RESET, number)
            return Episode(number, phase, reset, trained_episodes_for(number))
        index = number - self.learned
        steered = index >= self.evaluation
        reset = keyed_seed(self.seed, Stream.EVALUATION_RESET, index % self.evaluation)
        if steered:
            return Episode(number, Phase.EVAL_STEERED, reset, self.learned)
        return Episode(number, Phase.EVAL_BASE, reset, None)

    def chooser(
        self,
        phase: Phase,
        actor: SteeringActor,
        prior_scale: float,
    ) -> NoiseChooser:
        """Return who chooses the noise of an episode.

        Args:
            phase: of the episode.
            actor: newest weights; the prior draws noise of its shape and layout.
            prior_scale: c of the warm-up's N(0, c^2 I); the base is always measured at c = 1.
        """
        if phase == Phase.ONLINE:
            return ActorChooser(actor, self.seed)
        if phase == Phase.EVAL_STEERED:
            return ActorChooser(actor, None)
        scale = prior_scale if phase == Phase.WARMUP else 1.0
        header = actor.header
        return PriorChooser(self.seed, header.layout, (header.num_rows, header.action_dim), scale)
