"""Where the data of a replay lies: rows that grow, observations kept once, rings of transitions.

Owns memory and links between rows; who is drawn belongs to `replay`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_FIRST_ROWS = 64
_Whole = TypeVar('_Whole', int, Tensor)
_FLAG_BITS = 2  # below the row of an observation in a packed transition

# Shape and type of tensors by name.
Columns = dict[str, tuple[tuple[int, ...], torch.dtype]]


class GrowingRows:
    """A tensor (N, *shape) whose N rises as rows are needed, by a 128th at a time.

    In main memory the block grows where it lies (the C library moves pages, not contents), so
    that a replay of images does not need its own size again to grow.

    Args:
        shape: of one row.
        dtype: of the entries.
        device: where the rows lie.

    Attributes:
        tensor: the rows, `count` of them in use; another one after each growth.
        count: rows in use, always the first ones.
    """

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> None:
        self.shape = shape
        self.count = 0
        self.tensor = torch.zeros((0, *shape), dtype=dtype)
        self._array: NDArray[np.generic] | None = None
        if device.type == 'cpu':
            self._array = np.zeros((0, *shape), dtype=self.tensor.numpy().dtype)
        else:
            self.tensor = self.tensor.to(device)

    @property
    def num_bytes(self) -> int:
        """Memory taken [bytes]."""
        return self.tensor.numel() * self.tensor.element_size()

    def append(self) -> int:
        """Take one more row into use and return which."""
        self.resize(self.count + 1)
        return self.count - 1

    def resize(self, count: int) -> None:
        """Have just the first `count` rows in use; what new ones hold is undefined."""
        self.count = count
        size = len(self.tensor)
        if count > size:
            self._grow(max(count - size, size // 128, _FIRST_ROWS))

    def replace(self, rows: Tensor) -> None:
        """Hold just these rows."""
        self.resize(len(rows))
        self.tensor[: self.count] = rows

    def _grow(self, more: int) -> None:
        shape = (len(self.tensor) + more, *self.shape)
        if self._array is None:
            self.tensor.resize_(shape)
        else:
            # Unchecked: `tensor` is the one other user of the block, and is made anew here.
            self._array.resize(shape, refcheck=False)
            self.tensor = torch.from_numpy(self._array)


@dataclass(frozen=True)
class PackedTransitions:
    """Transitions as they lie in memory, one row of int32 each.

    Action, reward and discount are the bits of float32. The rows of observation and next
    observation follow, each shifted by two bits: those of the first say `terminated` and
    `truncated`, those of the second are the code of the phase. All of it is in one row, as what
    costs time in a large replay is the number of places that are read, not of bytes.

    Attributes:
        words: (N, D + 4) int32.
    """

    words: Tensor

    NUM_MORE = 4  # words of a transition behind its action

    @property
    def action(self) -> Tensor:
        """(N, D) float32."""
        return self.words[:, :-4].view(torch.float32)

    @property
    def reward(self) -> Tensor:
        """(N,) float32."""
        return self.words[:, -4].view(torch.float32)

    @property
    def discount(self) -> Tensor:
        """(N,) float32."""
        return self.words[:, -3].view(torch.float32)

    @property
    def rows(self) -> Tensor:
        """Rows of observation and next observation, (N, 2) int32."""
        return self.words[:, -2:] >> _FLAG_BITS

    @property
    def terminated(self) -> Tensor:
        """(N,) bool."""
        return (self.words[:, -2] & 1).bool()

    @property
    def truncated(self) -> Tensor:
        """(N,) bool."""
        return (self.words[:, -2] & 2).bool()

    @property
    def phase(self) -> Tensor:
        """Codes of the phases, (N,) uint8."""
        return (self.words[:, -1] & 3).to(torch.uint8)


def links(
    row: _Whole,
    next_row: _Whole,
    terminated: _Whole,
    truncated: _Whole,
    phase: _Whole,
) -> tuple[_Whole, _Whole]:
    """Return the last two words of packed transitions, of one or, as tensors (N,), of many.

    Args:
        row, next_row: of observation and next observation.
        terminated, truncated: whether the transition was.
        phase: its code, below 4.
    """
    return (row << _FLAG_BITS) + terminated + 2 * truncated, (next_row << _FLAG_BITS) + phase


class Observations:
    """Observations in rows that are used again once nothing refers to them.

    Args:
        parts: shape and type of what an observation consists of, by name.
        device: where they lie.
    """

    def __init__(self, parts: Columns, device: torch.device) -> None:
        self._parts = {name: GrowingRows(*part, device) for name, part in parts.items()}
        self._free: list[int] = []

    @property
    def num_bytes(self) -> int:
        """Memory taken [bytes]."""
        return sum(part.num_bytes for part in self._parts.values())

    def holds(self, row: int, observation: Mapping[str, Tensor]) -> bool:
        """Return whether a row holds just this observation."""
        return all(
            torch.equal(part.tensor[row], observation[name].to(part.tensor))
            for name, part in self._parts.items()
        )

    def put(self, observation: Mapping[str, Tensor]) -> int:
        """Keep an observation and return its row."""
        if self._free:
            row = self._free.pop()
        else:
            (row,) = {part.append() for part in self._parts.values()}
        for name, part in self._parts.items():
            part.tensor[row] = observation[name]
        return row

    def release(self, row: int) -> None:
        """Let a row be used again."""
        self._free.append(row)

    def select(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the parts of the observations in `rows`, (N,); copies."""
        return {name: part.tensor.index_select(0, rows) for name, part in self._parts.items()}

    def columns(self, count: int) -> Columns:
        """Return shape and type of every part of `count` observations."""
        return {
            name: ((count, *part.shape), part.tensor.dtype) for name, part in self._parts.items()
        }

    def state_tensors(self) -> dict[str, Tensor]:
        """Return the rows as they lie, by part, and as `free` those to be used again; copies.

        The order of `free` is that in which rows come back into use, the last one first.
        """
        rows = {
            name: part.tensor[: part.count].to('cpu', copy=True)
            for name, part in self._parts.items()
        }
        return {**rows, 'free': torch.tensor(self._free, dtype=torch.int64)}

    def replace(self, tensors: Mapping[str, Tensor]) -> None:
        """Hold what `state_tensors` returned, and nothing else."""
        self._free = tensors['free'].tolist()
        for name, part in self._parts.items():
            part.replace(tensors[name])


class Slots:
    """Rising whole numbers, kept as the runs that they make."""

    def __init__(self) -> None:
        self._ends: list[int] = []  # how many slots there are up to the end of each run
        self._shifts: list[int] = []  # from the number of a slot, counted from 0, to the slot

    def append(self, slot: int) -> None:
        """Add a slot, greater than all before."""
        count = self._ends[-1] if self._ends else 0
        if self._shifts and slot == count + self._shifts[-1]:
            self._ends[-1] += 1
        else:
            self._shifts.append(slot - count)
            self._ends.append(count + 1)

    def at(self, number: int) -> int:
        """Return the slot of a number."""
        return number + self._shifts[bisect_right(self._ends, number)]

    def select(self, numbers: Tensor) -> Tensor:
        """Return the slots of these numbers, (n,)."""
        if len(self._shifts) == 1:
            return numbers + self._shifts[0] if self._shifts[0] else numbers
        ends = torch.tensor(self._ends, device=numbers.device)
        shifts = torch.tensor(self._shifts, device=numbers.device)
        return numbers + shifts[torch.bucketize(numbers, ends, right=True)]


class TransitionRing:
    """Transitions of one kind in the order in which they came; the oldest are overwritten.

    Args:
        capacity: transitions kept.
        rows: where transitions lie, as `PackedTransitions`; may serve several rings.
        observations: where their observations lie; may serve several rings.
    """

    def __init__(self, capacity: int, rows: GrowingRows, observations: Observations) -> None:
        self.capacity = capacity
        self._rows = rows
        self._observations = observations
        self.clear()

    def clear(self) -> None:
        """Forget everything; what was taken in rows and observations is not given back."""
        self.num_added = 0  # transitions ever added
        self.slots = Slots()
        self._newest: int | None = None  # row of the newest next observation
        self._phases: dict[int, int] = {}  # kept transitions by the code of their phase

    def __len__(self) -> int:
        return min(self.num_added, self.capacity)

    def count(self, phase: int) -> int:
        """Return how many kept transitions have this code."""
        return self._phases.get(phase, 0)

    def add(
        self,
        action: Tensor,
        reward: float,
        discount: float,
        terminated: bool,
        truncated: bool,
        phase: int,
        observation: Mapping[str, Tensor],
        next_observation: Mapping[str, Tensor],
    ) -> int:
        """Keep a transition and return its slot.

        Args:
            action: (D,) float32.
            reward, discount, terminated, truncated: as in `core.types.Transition`.
            phase: code of its phase.
            observation, next_observation: their parts by name.
        """
        row = self._newest
        if row is not None and not self._observations.holds(row, observation):
            row = None
        if self.num_added < self.capacity:
            slot = self._rows.append()
            self.slots.append(slot)
        else:
            slot = self._evict(row)
        if row is None:
            row = self._observations.put(observation)
        self._newest = self._observations.put(next_observation)
        numbers = torch.cat((action.cpu(), torch.tensor((reward, discount))))
        words = torch.tensor(
            links(row, self._newest, terminated, truncated, phase), dtype=torch.int32
        )
        self._rows.tensor[slot] = torch.cat((numbers.view(torch.int32), words))
        self._phases[phase] = self.count(phase) + 1
        self.num_added += 1
        return slot

    def _evict(self, incoming: int | None) -> int:
        """Give back the observations that only the oldest transition refers to; return its slot.

        Args:
            incoming: row of the observation of the transition about to come, if it has one.
        """
        slot = self._slot(self.num_added)
        (state, next_state), phase = self._linked(slot)
        follower = incoming
        if self.capacity > 1:
            follower = self._linked(self._slot(self.num_added + 1))[0][0]
        self._observations.release(state)
        if next_state != follower:
            self._observations.release(next_state)
        self._phases[phase] -= 1
        return slot

    def _slot(self, number: int) -> int:
        """Return where transition `number` lies or will lie."""
        return self.slots.at(number % self.capacity)

    def _linked(self, slot: int) -> tuple[tuple[int, int], int]:
        """Return the rows of a transition's observations, and the code of its phase."""
        first, last = self._rows.tensor[slot, -2:].tolist()
        return (first >> _FLAG_BITS, last >> _FLAG_BITS), last & 3

    def recover(self, slots: Tensor, num_added: int) -> None:
        """Go on with the transitions in `slots`, (n,) rising, of `num_added` there ever were."""
        self.clear()
        for slot in slots.tolist():
            self.slots.append(slot)
        self.num_added = num_added
        if num_added:
            self._newest = self._linked(self._slot(num_added - 1))[0][1]
            kept = PackedTransitions(self._rows.tensor[slots.to(self._rows.tensor.device)])
            self._phases = dict(enumerate(torch.bincount(kept.phase).tolist()))
