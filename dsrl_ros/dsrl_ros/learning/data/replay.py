"""Uniform replay of transitions: every observation kept once, sampling in O(batch)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dsrl_ros.core.checks import require_finite
from dsrl_ros.core.errors import CheckpointError, ConfigError
from dsrl_ros.core.types import Array, Observation
from dsrl_ros.learning.data.storage import (
    Columns,
    GrowingRows,
    Observations,
    PackedTransitions,
    TransitionRing,
    links,
)
from dsrl_ros.learning.networks.encoder import ObservationBatch

# What an episode was for, in the order of their codes in a saved replay: append, never reorder.
PHASES = ('warmup', 'online', 'offline')
OFFLINE = 'offline'


class Batch(NamedTuple):
    """Transitions as the losses read them.

    Attributes:
        observation, next_observation: B each.
        action: (B, D) what the critics take: noise rows as used, or an action chunk; flattened.
        reward: (B,).
        discount: (B,).
        terminated: (B,) 1 where nothing follows; time-outs are 0 and bootstrap.
    """

    observation: ObservationBatch
    action: Tensor
    reward: Tensor
    discount: Tensor
    terminated: Tensor
    next_observation: ObservationBatch

    def at(self, index: Tensor) -> Batch:
        """Return the transitions at `index`, (n,)."""
        return Batch._make(column[index] for column in self)


class Replay:
    """The newest collected transitions, and all offline ones.

    The next observation of a transition is, within an episode, the observation of the one that
    follows: it is known again by its values and kept once. Collected transitions ('warmup',
    'online') make a ring in which the oldest goes first. Offline ones lie apart and are never
    overwritten: what is collected must not push out the data that a run started from.
    Memory is taken as data comes in.

    Args:
        capacity: collected transitions kept; as many offline ones are taken beside them.
        state_dim: O.
        action_dim: D, entries of what the critics take.
        num_features, image_shape: F and (C, H, W) of the observations; 0 and None without.
        device: where the data lies and batches are made.
    """

    def __init__(
        self,
        capacity: int,
        state_dim: int,
        action_dim: int,
        num_features: int = 0,
        image_shape: tuple[int, int, int] | None = None,
        device: torch.device | str = 'cpu',
    ) -> None:
        self.capacity = capacity
        self._action_dim = action_dim
        self._device = torch.device(device)
        parts: Columns = {'state': ((state_dim,), torch.float32)}
        if num_features:
            parts['features'] = ((num_features,), torch.float32)
        if image_shape is not None:
            parts['image'] = (image_shape, torch.uint8)
        self._observations = Observations(parts, self._device)
        shape = (action_dim + PackedTransitions.NUM_MORE,)
        self._rows = GrowingRows(shape, torch.int32, self._device)
        self._collected, self._offline = (
            TransitionRing(capacity, self._rows, self._observations) for _ in range(2)
        )

    def __len__(self) -> int:
        return len(self._collected) + len(self._offline)

    @property
    def num_added(self) -> int:
        """Transitions ever added, those overwritten since included."""
        return self._collected.num_added + self._offline.num_added

    @property
    def num_bytes(self) -> int:
        """Memory taken by the data [bytes]."""
        return self._observations.num_bytes + self._rows.num_bytes

    def count(self, phase: str) -> int:
        """Return how many kept transitions belong to `phase`, one of `PHASES`."""
        code = phase_code(phase)
        return self._collected.count(code) + self._offline.count(code)

    def add(
        self,
        observation: Observation,
        action: Tensor,
        reward: float,
        discount: float,
        terminated: bool,
        truncated: bool,
        next_observation: Observation,
        phase: str,
    ) -> int:
        """Keep one transition and return its place.

        The oldest collected one goes when there are `capacity` of them.

        Args:
            action: (D,) what the critics take.
            observation, reward, discount, terminated, truncated, next_observation, phase: as in
                `core.types.Transition`.

        Raises:
            ConfigError: an unknown phase, or more offline transitions than `capacity`.
            NonFiniteError: a state too large for float32.
        """
        code = phase_code(phase)
        ring = self._offline if phase == OFFLINE else self._collected
        if ring is self._offline and len(ring) == self.capacity:
            raise ConfigError(
                f'replay: got more than {self.capacity} offline transitions, expected at most '
                'replay_capacity of them, as they are never overwritten. Raise replay_capacity.'
            )
        return ring.add(
            action.float(),
            reward,
            discount,
            bool(terminated),
            bool(truncated),
            code,
            _tensors(observation),
            _tensors(next_observation),
        )

    def sample(
        self, batch_size: int, generator: torch.Generator, offline_share: float = 0.0
    ) -> Batch:
        """Draw transitions uniformly, with replacement; see `sample_index`."""
        return self.gather(self.sample_index(batch_size, generator, offline_share))

    def sample_index(
        self,
        count: int,
        generator: torch.Generator,
        offline_share: float = 0.0,
        among: int = 0,
    ) -> Tensor:
        """Draw the places of `count` transitions, (count,) int64, for `gather`.

        A place is that of its transition until a newer one overwrites it.

        Args:
            count: how many.
            generator: source of the draw.
            offline_share: of the draw that comes from phase 'offline', while there is any and
                any other, rounded down to whole transitions. They are spread evenly, so that
                every batch of a larger draw has its share too. 0 draws from all alike.
            among: how many different transitions the draw may take, themselves drawn first; 0
                for any number.

        Raises:
            ConfigError: the replay is empty.
        """
        if not len(self):
            raise ConfigError('replay: got 0 transitions, expected at least 1. Add data first.')
        collected, offline = len(self._collected), len(self._offline)
        if not (collected and offline and offline_share):
            # Places are the first whole numbers.
            return self._draw(len(self), count, generator, among)
        numbers = torch.arange(count + 1, dtype=torch.float64, device=self._device)
        # The small addend keeps 0.29 * 100 from falling short of 29.
        from_offline = (numbers * offline_share + 1e-9).floor().diff().bool()
        of_offline = among and max(1, round(among * offline_share))
        of_collected = among and max(1, round(among * (1.0 - offline_share)))
        return torch.where(
            from_offline,
            self._offline.slots.select(self._draw(offline, count, generator, of_offline)),
            self._collected.slots.select(self._draw(collected, count, generator, of_collected)),
        )

    def gather(self, index: Tensor) -> Batch:
        """Return the transitions at the places `index`, (B,)."""
        stored = PackedTransitions(self._rows.tensor.index_select(0, index))
        rows = stored.rows.view(-1)  # of each observation, then of its next one
        parts = {
            name: part.view(len(index), 2, *part.shape[1:]).unbind(dim=1)
            for name, part in self._observations.select(rows).items()
        }
        return Batch(
            ObservationBatch(**{name: part[0] for name, part in parts.items()}),
            stored.action,
            stored.reward,
            stored.discount,
            stored.terminated.to(torch.float32),
            ObservationBatch(**{name: part[1] for name, part in parts.items()}),
        )

    def observation_ids(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return which observations the transitions at `index`, (n,), begin and end with.

        An observation that ends one transition and begins the next has one id, until the replay
        changes.

        Returns:
            Two tensors (n,) int64, for `observations`.
        """
        stored = PackedTransitions(self._rows.tensor.index_select(0, index))
        before, after = stored.rows.long().t().contiguous().unbind(dim=0)
        return before, after

    def observations(self, ids: Tensor) -> ObservationBatch:
        """Return observations as they were added.

        Args:
            ids: (n,), see `observation_ids`.
        """
        return ObservationBatch(**self._observations.select(ids))

    def state_tensors(self) -> dict[str, Tensor]:
        """Return what is kept, by place; copies.

        Observations lie in the rows in which they lie here, so that their ids outlast a save:
        `row` (N, 2) has the ids of a transition's observation and of its next one.
        """
        stored = PackedTransitions(self._rows.tensor[: len(self)].cpu())
        return {
            **self._observations.state_tensors(),
            'row': stored.rows.long(),
            'action': stored.action.clone(),
            'reward': stored.reward.clone(),
            'discount': stored.discount.clone(),
            'terminated': stored.terminated,
            'truncated': stored.truncated,
            'phase': stored.phase,
            'num_added': torch.tensor([self._collected.num_added, self._offline.num_added]),
        }

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `state_tensors` returned.

        Raises:
            CheckpointError: columns are missing, do not fit this replay or contradict each
                other; the replay stays as it was.
        """
        collected, offline = self._check(tensors)
        phase = tensors['phase']
        row, next_row = tensors['row'].unbind(dim=1)
        words = links(row, next_row, tensors['terminated'], tensors['truncated'], phase)
        numbers = (tensors['action'], tensors['reward'][:, None], tensors['discount'][:, None])
        packed = (torch.cat(numbers, dim=1).view(torch.int32), torch.stack(words, dim=1).int())
        self._rows.replace(torch.cat(packed, dim=1).to(self._device))
        self._observations.replace(tensors)
        of_offline = phase == PHASES.index(OFFLINE)
        self._collected.recover((~of_offline).nonzero().flatten(), collected)
        self._offline.recover(of_offline.nonzero().flatten(), offline)

    def _check(self, tensors: Mapping[str, Tensor]) -> tuple[int, int]:
        """Raise unless `load_state_tensors` can take these; return what each ring ever took."""
        names = set(self._columns(0, 0, 0))
        if set(tensors) != names:
            raise CheckpointError(
                f'replay: got columns {sorted(tensors)}, expected {sorted(names)}. '
                'Resume with the configuration of the checkpoint.'
            )
        _require('num_added', tensors['num_added'], (2,), torch.int64)
        collected, offline = (int(number) for number in tensors['num_added'])
        if collected < 0 or not 0 <= offline <= self.capacity:
            raise CheckpointError(
                f'replay: got {collected} collected and {offline} offline transitions, expected '
                f'at least 0 and 0 to {self.capacity}. Resume with the replay_capacity of the '
                'checkpoint.'
            )
        count = min(collected, self.capacity) + offline
        num_rows, num_free = (tensors[name].shape[:1].numel() for name in ('state', 'free'))
        for name, (shape, dtype) in self._columns(count, num_rows, num_free).items():
            _require(name, tensors[name], shape, dtype)
        row, phase = tensors['row'], tensors['phase']
        of_offline = phase == PHASES.index(OFFLINE)
        consistent = bool((phase < len(PHASES)).all()) and int(of_offline.sum()) == offline
        if consistent:
            oldest = collected % self.capacity if collected > self.capacity else 0
            rings = (row[~of_offline].roll(-oldest, dims=0), row[of_offline])
            consistent = _rows_are_sound(rings, tensors['free'], num_rows)
        if not consistent:
            raise CheckpointError(
                'replay: got rows or phases that no replay writes. Use an older checkpoint.'
            )
        return collected, offline

    def _columns(self, count: int, num_rows: int, num_free: int) -> Columns:
        """Return shape and type of what is saved.

        Args:
            count: transitions.
            num_rows: rows of observations, `num_free` of them to be used again.
        """
        return {
            **self._observations.columns(num_rows),
            'free': ((num_free,), torch.int64),
            'row': ((count, 2), torch.int64),
            'action': ((count, self._action_dim), torch.float32),
            'reward': ((count,), torch.float32),
            'discount': ((count,), torch.float32),
            'terminated': ((count,), torch.bool),
            'truncated': ((count,), torch.bool),
            'phase': ((count,), torch.uint8),
            'num_added': ((2,), torch.int64),
        }

    def _draw(self, size: int, count: int, generator: torch.Generator, among: int) -> Tensor:
        def draw(below: int, number: int) -> Tensor:
            return torch.randint(below, (number,), generator=generator, device=generator.device)

        drawn = draw(size, among)[draw(among, count)] if 0 < among < size else draw(size, count)
        return drawn.to(self._device)


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


def _rows_are_sound(rings: Iterable[Tensor], free: Tensor, num_rows: int) -> bool:
    """Return whether every row is either free or holds one observation of one ring.

    Only the next observation of a transition and the observation of the one that follows may be
    one: any other row that is used twice would be given back twice.

    Args:
        rings: (N, 2) each, rows of transitions, the oldest first.
        free: (F,).
        num_rows: how many rows there are.
    """
    held = [free]
    for row in rings:
        next_rows = row[:-1, 1]
        held += [row[:, 0], row[-1:, 1], next_rows[next_rows != row[1:, 0]]]
    return torch.equal(torch.cat(held).sort().values, torch.arange(num_rows))


def _require(name: str, got: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Raise unless a saved column has this shape and type."""
    if got.shape != shape or got.dtype != dtype:
        raise CheckpointError(
            f'replay: got {name} {tuple(got.shape)} {got.dtype}, expected {shape} {dtype}. '
            'Resume with the configuration of the checkpoint.'
        )


def as_tensor(name: str, values: Array) -> Tensor:
    """Return values as float32.

    Raises:
        NonFiniteError: values too large for it.
    """
    with np.errstate(over='ignore'):
        single = np.ascontiguousarray(values, dtype=np.float32)
    require_finite(name, single)
    return torch.from_numpy(single)


def _tensors(observation: Observation) -> dict[str, Tensor]:
    """Return the parts that an observation has, by name."""
    parts = {'state': as_tensor('observation', observation.state)}
    if observation.features is not None:
        parts['features'] = torch.from_numpy(observation.features)
    if observation.image is not None:
        parts['image'] = torch.from_numpy(observation.image)
    return parts
