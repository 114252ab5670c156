"""Which gradient steps are owed, and which weights an episode must be run with.

Pure bookkeeping: takes no step and knows no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.types import Transition


def trained_episodes_for(episode: int) -> int:
    """Return how many episodes the weights of `episode` have seen, in lockstep.

    One episode of lag: while episode e runs, the learner works on episode e-1, so episode e acts
    on weights that have seen episodes 0 to e-2.
    """
    return max(0, episode - 1)


class GradientDebt:
    """Steps owed: `utd` for every `update_every`-th transition of the run.

    Args:
        utd: gradient steps per update.
        start_transitions: transitions before the first step. What they owe is paid afterwards.
        update_every: transitions from one update to the next.
    """

    def __init__(self, utd: int, start_transitions: int = 0, update_every: int = 1) -> None:
        self._utd = utd
        self._start = start_transitions
        self._every = update_every
        self._transitions = 0
        self._steps = 0

    @property
    def owed(self) -> int:
        """Steps that may be taken now."""
        if self._transitions < max(1, self._start):
            return 0
        return self._utd * (self._transitions // self._every) - self._steps

    def add(self, num_transitions: int) -> None:
        """Count transitions that entered the replay."""
        self._transitions += num_transitions

    def pay(self, num_steps: int) -> None:
        """Count steps that were taken.

        Raises:
            ConfigError: more than owed.
        """
        if not 0 <= num_steps <= self.owed:
            raise ConfigError(f'gradient steps: got {num_steps}, expected 0 to {self.owed} owed.')
        self._steps += num_steps

    def restore(self, num_transitions: int, num_steps: int) -> None:
        """Go on from the counts of a checkpoint."""
        self._transitions, self._steps = num_transitions, num_steps


@dataclass(frozen=True)
class EpisodeWork:
    """One episode's share of learning.

    Attributes:
        episode: its number.
        transitions: all of them, in order, to be added before the first step.
        gradient_steps: to be taken after.
    """

    episode: int
    transitions: tuple[Transition, ...]
    gradient_steps: int


class LockstepPacing:
    """Hands the learner whole episodes, in order, so that a run repeats from its seed.

    A transition of the episode under way waits here until the episode is complete: were it added
    while the steps of the episode before are taken, timing would decide what a batch holds.

    Args:
        debt: the account of gradient steps.
        trained_episodes: episodes already learned from, when a run is resumed.
    """

    def __init__(self, debt: GradientDebt, trained_episodes: int = 0) -> None:
        self._debt = debt
        self._waiting: list[Transition] = []
        self._complete: list[tuple[Transition, ...]] = []
        self._in_work: EpisodeWork | None = None
        self._trained = trained_episodes
        self._collected = trained_episodes  # complete episodes seen

    @property
    def trained_episodes(self) -> int:
        """Episodes learned from in full, always the first ones."""
        return self._trained

    def add(self, transition: Transition) -> None:
        """Take in the next transition of the run.

        Raises:
            ConfigError: of another episode than the one under way, or out of order within it.
        """
        key = transition.key
        want = (self._collected, len(self._waiting))
        if (key.episode, key.decision) != want:
            raise ConfigError(
                f'transition {key}: got (episode, decision) {(key.episode, key.decision)}, '
                f'expected {want}. Deliver transitions in order and without gaps.'
            )
        self._waiting.append(transition)
        if transition.terminated or transition.truncated:
            self._complete.append(tuple(self._waiting))
            self._waiting.clear()
            self._collected += 1

    def take(self) -> EpisodeWork | None:
        """Return the next episode to learn from; None when there is none, or one is in work."""
        if self._in_work is not None or not self._complete:
            return None
        transitions = self._complete.pop(0)
        self._debt.add(len(transitions))
        self._in_work = EpisodeWork(self._trained, transitions, self._debt.owed)
        return self._in_work

    def finish(self, work: EpisodeWork) -> None:
        """Note that all steps of `work` were taken.

        Raises:
            ConfigError: it is not the work that was handed out.
        """
        if work is not self._in_work:
            raise ConfigError(f'episode {work.episode}: finished, but it was not in work.')
        self._debt.pay(work.gradient_steps)
        self._in_work = None
        self._trained += 1
