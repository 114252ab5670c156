"""Uniform replay of transitions in preallocated tensors; sampling costs O(batch)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from dsrl_ros.core.errors import CheckpointError, ConfigError

# What an episode was for, in the order of their codes in a saved replay: append, never reorder.
PHASES = ('warmup', 'online', 'offline')


class Batch(NamedTuple):
    """Transitions as the losses read them.

    Attributes:
        state: (B, O) raw units.
        action: (B, D) what the critics take: noise rows as used, or an action chunk; flattened.
        reward: (B,).
        discount: (B,).
        terminated: (B,) 1 where nothing follows; time-outs are 0 and bootstrap.
        next_state: (B, O) raw units.
    """

    state: Tensor
    action: Tensor
    reward: Tensor
    discount: Tensor
    terminated: Tensor
    next_state: Tensor

    def at(self, index: Tensor) -> Batch:
        """Return the transitions at `index`, (n,)."""
        return Batch(*(column[index] for column in self))


class Replay:
    """A ring of the newest transitions.

    Args:
        capacity: transitions kept.
        state_dim: O.
        action_dim: D, entries of what the critics take.
    """

    def __init__(self, capacity: int, state_dim: int, action_dim: int) -> None:
        self.capacity = capacity
        self._columns = {
            'state': torch.zeros(capacity, state_dim),
            'action': torch.zeros(capacity, action_dim),
            'reward': torch.zeros(capacity),
            'discount': torch.zeros(capacity),
            'terminated': torch.zeros(capacity),
            'truncated': torch.zeros(capacity),
            'next_state': torch.zeros(capacity, state_dim),
            'phase': torch.zeros(capacity, dtype=torch.uint8),
        }
        self._count = 0  # ever added

    def __len__(self) -> int:
        return min(self._count, self.capacity)

    @property
    def num_added(self) -> int:
        """Transitions ever added, those overwritten since included."""
        return self._count

    def count(self, phase: str) -> int:
        """Return how many kept transitions belong to `phase`, one of `PHASES`."""
        code = phase_code(phase)
        return int((self._columns['phase'][: len(self)] == code).sum())

    def add(
        self,
        state: Tensor,
        action: Tensor,
        reward: float,
        discount: float,
        terminated: bool,
        truncated: bool,
        next_state: Tensor,
        phase: str,
    ) -> int:
        """Keep one transition and return its place; the oldest goes when the ring is full.

        Args:
            state, next_state: (O,) raw units.
            action: (D,) what the critics take.
            reward, discount, terminated, truncated, phase: as in `core.types.Transition`.
        """
        code = phase_code(phase)
        slot = self._count % self.capacity
        values: dict[str, Tensor | float] = {
            'state': state,
            'action': action,
            'reward': reward,
            'discount': discount,
            'terminated': terminated,
            'truncated': truncated,
            'next_state': next_state,
            'phase': code,
        }
        for name, value in values.items():
            self._columns[name][slot] = value
        self._count += 1
        return slot

    def sample(
        self, batch_size: int, generator: torch.Generator, offline_share: float = 0.0
    ) -> Batch:
        """Draw transitions uniformly, with replacement; see `sample_index`."""
        return self.gather(self.sample_index(batch_size, generator, offline_share))

    def sample_index(
        self, count: int, generator: torch.Generator, offline_share: float = 0.0
    ) -> Tensor:
        """Draw the places of `count` transitions, (count,) int64, for `gather`.

        Args:
            count: how many.
            generator: source of the draw.
            offline_share: of the draw that comes from phase 'offline', while there is any and
                any other; 0 draws from all alike.

        Raises:
            ConfigError: the replay is empty.
        """
        if not len(self):
            raise ConfigError('replay: got 0 transitions, expected at least 1. Add data first.')
        return torch.randint(len(self), (count,), generator=generator)

    def gather(self, index: Tensor) -> Batch:
        """Return the transitions at the places `index`, (B,)."""
        return Batch(*(self._columns[name].index_select(0, index) for name in Batch._fields))

    def state_tensors(self) -> dict[str, Tensor]:
        """Return what is kept, oldest slots as they lie; copies, ready to be written."""
        kept = {name: column[: len(self)].clone() for name, column in self._columns.items()}
        return {**kept, 'num_added': torch.tensor(self._count)}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `state_tensors` returned.

        Raises:
            CheckpointError: columns are missing or do not fit this replay.
        """
        expected = {*self._columns, 'num_added'}
        if set(tensors) != expected:
            raise CheckpointError(
                f'replay: got columns {sorted(tensors)}, expected {sorted(expected)}.'
            )
        count = int(tensors['num_added'])
        kept = min(count, self.capacity)
        for name, column in self._columns.items():
            got = tensors[name]
            if got.shape != (kept, *column.shape[1:]) or got.dtype != column.dtype:
                raise CheckpointError(
                    f'replay: got {name} {tuple(got.shape)} {got.dtype}, expected '
                    f'{(kept, *column.shape[1:])} {column.dtype}. '
                    'Resume with the configuration of the checkpoint.'
                )
        for name, column in self._columns.items():
            column[:kept] = tensors[name]
        self._count = count


def phase_code(phase: str) -> int:
    """Return the code of a phase in the replay.

    Raises:
        ConfigError: unknown phase.
    """
    if phase not in PHASES:
        raise ConfigError(
            f'transition: got phase {phase!r}, expected one of {", ".join(PHASES)}. '
            'Do not send other episodes to the learner.'
        )
    return PHASES.index(phase)
