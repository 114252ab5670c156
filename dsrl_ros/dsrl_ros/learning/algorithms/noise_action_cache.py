"""Pairs (noise, action) of the frozen policy per state, kept because they never change."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from dsrl_ros.core.errors import CheckpointError
from dsrl_ros.learning.data.storage import Columns, GrowingRows

Answer = Callable[[Tensor, Tensor], Tensor]
"""From places (n,) int64 and noise (n, D) to actions (n, C)."""


def affordable_pairs(wanted: int, num_bytes: int, places: int, pair_size: int) -> int:
    """Return how many pairs per place can be kept.

    Args:
        wanted: most of them.
        num_bytes: that all may take, in every place.
        places: how many there will be.
        pair_size: D + C, float32 numbers of a pair.
    """
    per_pair = 4 * pair_size + 1  # and whether it is known
    return min(wanted, num_bytes // (per_pair * places))


class PairCache:
    """A few pairs (w, f(s, w)) for every place of a replay, w drawn from N(0, I).

    Args:
        per_state: pairs per place, K; with 0 none is kept, and each is asked for when drawn.
        noise_dim: D.
        action_dim: C, entries of a flat chunk.
    """

    def __init__(self, per_state: int, noise_dim: int, action_dim: int) -> None:
        self.per_state = per_state
        cpu = torch.device('cpu')
        self._noise = GrowingRows((per_state, noise_dim), torch.float32, cpu)
        self._action = GrowingRows((per_state, action_dim), torch.float32, cpu)
        self._known = GrowingRows((per_state,), torch.bool, cpu)

    def forget(self, place: int) -> None:
        """Drop the pairs of a place: it holds another state now."""
        if place >= self._known.count:
            self._resize(place + 1)
        self._known.tensor[place] = False

    def draw(
        self, places: Tensor, fresh_share: float, answer: Answer, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return one pair for each place, all the missing and a share of the known made anew.

        Args:
            places: (n,) int64.
            fresh_share: of the known ones.
            answer: the frozen policy; called once. Nothing is kept when it raises.
            generator: source of the noise.

        Returns:
            Noise (n, D) and actions (n, C).
        """
        if not self.per_state:
            noise = self._drawn(len(places), generator)
            return noise, answer(places, noise)
        column = torch.randint(self.per_state, places.shape, generator=generator)
        chance = torch.rand(places.shape, generator=generator)
        stale = ~self._known.tensor[places, column] | (chance < fresh_share)
        # A pair drawn twice is made once.
        flat = torch.unique(places[stale] * self.per_state + column[stale])
        if len(flat):
            place, slot = flat // self.per_state, flat % self.per_state
            noise = self._drawn(len(flat), generator)
            action = answer(place, noise)  # before anything is kept: it may raise
            self._noise.tensor[place, slot] = noise
            self._action.tensor[place, slot] = action
            self._known.tensor[place, slot] = True
        return self._noise.tensor[places, column], self._action.tensor[places, column]

    def state_tensors(self) -> dict[str, Tensor]:
        """Return which pairs are known, (N, K), and those that are, in their order; copies."""
        known = self._known.tensor[: self._known.count].clone()
        return {
            'known': known,
            'noise': self._noise.tensor[: len(known)][known],
            'action': self._action.tensor[: len(known)][known],
        }

    def load_state_tensors(self, tensors: Mapping[str, Tensor], places: int) -> None:
        """Take over what `state_tensors` returned.

        Args:
            tensors: by name.
            places: of the replay, N.

        Raises:
            CheckpointError: tensors are missing, or of another shape or type; the cache stays as
                it was.
        """
        self._check(tensors, places)
        known = tensors['known']
        self._resize(places)
        self._known.tensor[:places] = known
        self._noise.tensor[:places][known] = tensors['noise']
        self._action.tensor[:places][known] = tensors['action']

    def _check(self, tensors: Mapping[str, Tensor], places: int) -> None:
        known = tensors.get('known', torch.zeros(0))
        num_pairs = int(known.count_nonzero())
        expected: Columns = {
            'known': ((places, self.per_state), torch.bool),
            'noise': ((num_pairs, *self._noise.shape[1:]), torch.float32),
            'action': ((num_pairs, *self._action.shape[1:]), torch.float32),
        }
        got = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}
        if got != expected:
            raise CheckpointError(
                f'pairs: got {got}, expected {expected}. '
                'Resume with the configuration of the checkpoint.'
            )

    def _drawn(self, count: int, generator: torch.Generator) -> Tensor:
        """Return noise from the prior, (count, D)."""
        return torch.empty(count, self._noise.shape[-1]).normal_(generator=generator)

    def _resize(self, places: int) -> None:
        for rows in (self._noise, self._action, self._known):
            rows.resize(places)
