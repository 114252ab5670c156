"""The encoder of images and given features that actor and critics each have (paper C.5, Table 11).

Owns the networks; `steering.actor_encoder` does the same in numpy.
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
class ObservationBatch:
    """Several `core.types.Observation`, as the replay gathers them and the networks read them.

    Attributes:
        state: (B, O), raw as gathered, normalised for the networks.
        image: (B, C, H, W) uint8; None where observations have no image.
        features: (B, F); None where observations have no features.
    """

    state: Tensor
    image: Tensor | None = None
    features: Tensor | None = None

    def __len__(self) -> int:
        return len(self.state)

    def __getitem__(self, index: Tensor | slice) -> ObservationBatch:
        return ObservationBatch(
            self.state[index],
            None if self.image is None else self.image[index],
            None if self.features is None else self.features[index],
        )


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

    def forward(self, observation: ObservationBatch) -> Tensor:
        """Return state, then image, then features, encoded: (B, num_outputs)."""
        parts, image = [observation.state], observation.image
        if self.image_head is not None and image is not None:
            size = len(image) if torch.is_grad_enabled() else _PASS
            passes = range(0, len(image), size)
            parts.append(torch.cat([self._image(image[i : i + size]) for i in passes]))
        if self.feature_head is not None and observation.features is not None:
            parts.append(self.feature_head(observation.features))
        return torch.cat(parts, dim=-1)

    def _image(self, images: Tensor) -> Tensor:
        assert self.image_head is not None
        x = images.float() / 255.0 - 0.5
        for conv in self.convs:
            x = torch.relu(conv(x))
        out: Tensor = self.image_head(x.flatten(1))
        return out


def encode(encoder: Encoder | None, observation: ObservationBatch) -> Tensor:
    """Return what the layers after the encoder read, (B, X): without one, the state."""
    return observation.state if encoder is None else encoder(observation)


def _draw(layer: nn.Linear | nn.Conv2d, fan_in: int, generator: torch.Generator) -> None:
    """Give a layer weights of torch's default distribution, drawn from our own generator."""
    bound = 1.0 / math.sqrt(fan_in)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
