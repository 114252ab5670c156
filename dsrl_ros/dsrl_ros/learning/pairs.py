"""Pairs (noise, action) of the frozen policy per state, kept because they never change."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from dsrl_ros.core.errors import CheckpointError

Answer = Callable[[Tensor, Tensor], Tensor]
"""From places (n,) int64 and noise (n, D) to actions (n, C)."""


class PairCache:
    """A few pairs (w, f(s, w)) for every place of a replay, w drawn from N(0, I).

    Args:
        per_state: pairs per place, K.
        noise_dim: D.
        action_dim: C, entries of a flat chunk.
    """

    def __init__(self, per_state: int, noise_dim: int, action_dim: int) -> None:
        self.per_state = per_state
        self._noise = torch.zeros(0, per_state, noise_dim)
        self._action = torch.zeros(0, per_state, action_dim)
        self._known = torch.zeros(0, per_state, dtype=torch.bool)

    def forget(self, place: int) -> None:
        """Drop the pairs of a place: it holds another state now."""
        if place >= len(self._known):
            self._grow(place + 1)
        self._known[place] = False

    def draw(
        self, places: Tensor, fresh_share: float, answer: Answer, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return one pair for each place, all the missing and a share of the known made anew.

        Args:
            places: (n,) int64.
            fresh_share: of the known ones.
            answer: the frozen policy; called once.
            generator: source of the noise.

        Returns:
            Noise (n, D) and actions (n, C).
        """
        column = torch.randint(self.per_state, places.shape, generator=generator)
        chance = torch.rand(places.shape, generator=generator)
        stale = ~self._known[places, column] | (chance < fresh_share)
        # A pair drawn twice is made once.
        flat = torch.unique(places[stale] * self.per_state + column[stale])
        if len(flat):
            place, slot = flat // self.per_state, flat % self.per_state
            noise = torch.empty(len(flat), self._noise.shape[-1]).normal_(generator=generator)
            action = answer(place, noise)  # before anything is kept: it may raise
            self._noise[place, slot], self._action[place, slot] = noise, action
            self._known[place, slot] = True
        return self._noise[places, column], self._action[places, column]

    def state_tensors(self) -> dict[str, Tensor]:
        """Return all pairs, as copies."""
        return {
            'noise': self._noise.clone(),
            'action': self._action.clone(),
            'known': self._known.to(torch.uint8),
        }

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `state_tensors` returned.

        Raises:
            CheckpointError: tensors of another shape.
        """
        own = {'noise': self._noise, 'action': self._action, 'known': self._known}
        for name, tensor in own.items():
            if name not in tensors or tensors[name].shape[1:] != tensor.shape[1:]:
                raise CheckpointError(
                    f'pairs: got {name} {tuple(tensors[name].shape) if name in tensors else None},'
                    f' expected (any, {", ".join(map(str, tensor.shape[1:]))}). '
                    'Resume with the configuration of the checkpoint.'
                )
        self._noise = tensors['noise'].clone()
        self._action = tensors['action'].clone()
        self._known = tensors['known'].to(torch.bool)

    def _grow(self, places: int) -> None:
        """Make room, twice as much each time, so that growing costs O(1) per place."""
        more = max(places, 2 * len(self._known), 256) - len(self._known)
        self._noise = _longer(self._noise, more)
        self._action = _longer(self._action, more)
        self._known = _longer(self._known, more)


def _longer(tensor: Tensor, rows: int) -> Tensor:
    return torch.cat([tensor, tensor.new_zeros(rows, *tensor.shape[1:])])
