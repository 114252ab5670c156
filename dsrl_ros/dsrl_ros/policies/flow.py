"""A flow-matching policy on states: an MLP velocity field carries noise to an action chunk."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.types import Array, PolicySpec
from dsrl_ros.policies.base import check_input, limit_output

_TIME_FREQUENCIES = 8
_LARGEST = 65_536  # a size beyond this is an error in a card, not a policy


@dataclass(frozen=True)
class FlowShape:
    """Sizes of a velocity field.

    Attributes:
        state_dim: O.
        horizon: H [steps].
        action_dim: A.
        width: neurons of each hidden layer.
        depth: hidden layers.
    """

    state_dim: int
    horizon: int
    action_dim: int
    width: int
    depth: int

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            size = getattr(self, name)
            if not (isinstance(size, int) and 1 <= size <= _LARGEST):
                raise ConfigError(
                    f'FlowShape.{name}: got {size!r}, expected a whole number from 1 to '
                    f'{_LARGEST}.'
                )


class VelocityField(nn.Module):
    """v(x, t, s): where the chunk x at flow time t heads, everything normalised.

    Flow time runs from 0, where x is the starting noise, to 1, where x is the action chunk.
    """

    state_mean: Tensor
    state_std: Tensor
    action_mean: Tensor
    action_std: Tensor

    def __init__(self, shape: FlowShape) -> None:
        super().__init__()
        self.shape = shape
        chunk = shape.horizon * shape.action_dim
        sizes = [chunk + 2 * _TIME_FREQUENCIES + shape.state_dim, *[shape.width] * shape.depth]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], chunk))
        for name, size in (('state', shape.state_dim), ('action', shape.action_dim)):
            self.register_buffer(f'{name}_mean', torch.zeros(size))
            self.register_buffer(f'{name}_std', torch.ones(size))

    def forward(self, chunk: Tensor, time: Tensor, state: Tensor) -> Tensor:
        """Return the velocity, (B, H * A).

        Args:
            chunk: (B, H * A), normalised.
            time: flow time, (B, 1).
            state: (B, O), normalised.
        """
        frequency = torch.pi * torch.arange(1, _TIME_FREQUENCIES + 1, dtype=chunk.dtype)
        angle = time * frequency  # (B, F)
        inputs = torch.cat([chunk, angle.sin(), angle.cos(), state], dim=-1)
        velocity: Tensor = self.layers(inputs)
        return velocity


class FlowPolicy:
    """A trained velocity field, integrated by Euler steps; a `SteppedPolicy`."""

    def __init__(self, spec: PolicySpec, field: VelocityField) -> None:
        """Freeze `field`.

        Args:
            spec: what the policy takes and gives; `spec.denoising_steps` Euler steps are taken.
            field: its velocity field. Both are attributes as well.
        """
        self.spec = spec
        self.field = field.eval().requires_grad_(False)

    def __call__(self, state: Array, noise: Array) -> Array:
        """Turn noise into actions; see `FrozenPolicy`."""
        steps = self.denoise(state, noise)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return np.asarray(end.value)

    @torch.inference_mode()
    def denoise(self, state: Array, noise: Array) -> Generator[int, None, Array]:
        """Turn noise into actions, one Euler step at a time; see `SteppedPolicy`."""
        check_input(self.spec, state, noise)
        field, steps = self.field, self.spec.denoising_steps
        normal = (torch.from_numpy(state) - field.state_mean) / field.state_std  # (B, O)
        chunk = torch.from_numpy(noise).flatten(1)  # (B, H * A)
        for k in range(steps):
            time = torch.full((len(chunk), 1), k / steps)
            chunk = chunk + field(chunk, time, normal) / steps
            yield k + 1
        actions = chunk.reshape(noise.shape) * field.action_std + field.action_mean
        return limit_output(self.spec, np.asarray(actions.numpy(), dtype=np.float32))
