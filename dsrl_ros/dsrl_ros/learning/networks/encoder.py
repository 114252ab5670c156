"""The encoder of images and given features that actor and critics each have (paper C.5, Table 11).

Owns the networks; `actor` does the same in numpy.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dsrl_ros.learning.steering.observation import KERNEL, ObservationSpec

# Images per pass where no gradient is needed: what a pass makes is far larger than its images.
_PASS = 256


@dataclass(frozen=True)
class Observed:
    """Observations as the networks read them.

    Attributes:
        state: (B, O), normalised.
        features: (B, F) or None.
        image: (B, C, H, W) uint8 or None.
    """

    state: Tensor
    features: Tensor | None = None
    image: Tensor | None = None

    def __len__(self) -> int:
        return len(self.state)

    def __getitem__(self, index: Tensor | slice) -> Observed:
        return Observed(
            self.state[index],
            None if self.features is None else self.features[index],
            None if self.image is None else self.image[index],
        )


# What actor and critics are asked about: states alone, or observations with more in them.
Seen = Tensor | Observed


class Head(nn.Module):
    """Linear, LayerNorm and tanh: from many numbers to a few of the state's own magnitude."""

    def __init__(self, num_inputs: int, num_outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = nn.Linear(num_inputs, num_outputs)
        self.norm = nn.LayerNorm(num_outputs)
        _draw(self.linear, num_inputs, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, num_inputs) to (B, num_outputs)."""
        return torch.tanh(self.norm(self.linear(x)))


class Encoder(nn.Module):
    """Puts behind the state what its heads make of image and features.

    Given features have a head of their own: a vision-language model has thousands of them, on a
    scale of its own, beside which the few entries of a state would count for nothing.

    Args:
        spec: the parts of an observation.
        num_channels: of each convolution.
        head_size: outputs of each head.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        spec: ObservationSpec,
        num_channels: int,
        head_size: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleList()
        self.image_head: Head | None = None
        self.feature_head: Head | None = None
        self.num_outputs = spec.state_dim
        if spec.image_shape is not None:
            channels = [spec.image_shape[0], *([num_channels] * len(spec.strides))]
            for (n_in, n_out), stride in zip(
                itertools.pairwise(channels), spec.strides, strict=True
            ):
                conv = nn.Conv2d(n_in, n_out, KERNEL, stride)
                _draw(conv, n_in * KERNEL**2, generator)
                self.convs.append(conv)
            height, width = spec.image_sizes()[-1]
            self.image_head = Head(num_channels * height * width, head_size, generator)
            self.num_outputs += head_size
        if spec.num_features:
            self.feature_head = Head(spec.num_features, head_size, generator)
            self.num_outputs += head_size

    def forward(self, observed: Observed) -> Tensor:
        """Return state, then image, then features, encoded: (B, num_outputs)."""
        parts = [observed.state]
        if self.image_head is not None and observed.image is not None:
            size = len(observed) if torch.is_grad_enabled() else _PASS
            passes = range(0, len(observed), size)
            parts.append(torch.cat([self._image(observed.image[i : i + size]) for i in passes]))
        if self.feature_head is not None and observed.features is not None:
            parts.append(self.feature_head(observed.features))
        return torch.cat(parts, dim=-1)

    def _image(self, images: Tensor) -> Tensor:
        assert self.image_head is not None
        x = images.float() / 255.0 - 0.5
        for conv in self.convs:
            x = torch.relu(conv(x))
        out: Tensor = self.image_head(x.flatten(1))
        return out


def encode(encoder: Encoder | None, seen: Seen) -> Tensor:
    """Return what the layers after the encoder read, (B, X); a state alone is that already."""
    if isinstance(seen, Observed):
        assert encoder is not None  # one configuration makes both
        out: Tensor = encoder(seen)
        return out
    return seen


def _draw(layer: nn.Linear | nn.Conv2d, fan_in: int, generator: torch.Generator) -> None:
    """Give a layer weights of torch's default distribution, drawn from our own generator."""
    bound = 1.0 / math.sqrt(fan_in)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
