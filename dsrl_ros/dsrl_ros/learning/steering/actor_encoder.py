"""The encoder of `networks.encoder` in plain numpy, for one observation at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dsrl_ros.core.errors import WeightsError
from dsrl_ros.core.types import Array, ImageArray, Observation
from dsrl_ros.learning.steering.observation import KERNEL, ObservationSpec

_NORM_EPS = np.float32(1e-5)  # of torch.nn.LayerNorm


class ActorEncoder:
    """Puts behind a state what it makes of image and features.

    Args:
        spec: the parts of an observation.
        tensors: by name, as `Encoder` has them: `convs.<i>` and the heads.

    Raises:
        WeightsError: entries that do not fit each other or the observation.
        KeyError: an entry is missing.
    """

    def __init__(self, spec: ObservationSpec, tensors: Mapping[str, Array]) -> None:
        self._spec = spec
        self._convs: list[tuple[Array, Array]] = []  # (out, in * 9) and (out, 1)
        self._image_head = self._feature_head = None
        self.num_outputs = spec.state_dim
        if spec.image_shape is not None:
            channels = spec.image_shape[0]
            for i in range(len(spec.strides)):
                weight, bias = tensors[f'convs.{i}.weight'], tensors[f'convs.{i}.bias']
                size = bias.shape[0] if bias.ndim == 1 else -1
                _require(f'convs.{i}.weight', weight, (size, channels, KERNEL, KERNEL))
                self._convs.append((weight.reshape(size, -1), bias[:, None]))
                channels = size
            height, width = spec.image_sizes()[-1]
            self._image_head = _Head('image_head', tensors, channels * height * width)
            self.num_outputs += self._image_head.num_outputs
        if spec.num_features:
            self._feature_head = _Head('feature_head', tensors, spec.num_features)
            self.num_outputs += self._feature_head.num_outputs

    def __call__(self, observation: Observation) -> Array:
        """Return state, then image, then features, encoded: (num_outputs,).

        Args:
            observation: checked, its state normalised.
        """
        parts = [observation.state]
        if self._image_head is not None and observation.image is not None:
            parts.append(self._image_head(self._convolved(observation.image)))
        if self._feature_head is not None and observation.features is not None:
            parts.append(self._feature_head(observation.features))
        return np.concatenate(parts)

    def _convolved(self, image: ImageArray) -> Array:
        x: Array = image.astype(np.float32) / np.float32(255.0) - np.float32(0.5)
        for (weight, bias), stride in zip(self._convs, self._spec.strides, strict=True):
            windows = np.lib.stride_tricks.sliding_window_view(x, (KERNEL, KERNEL), axis=(1, 2))
            windows = windows[:, ::stride, ::stride].transpose(0, 3, 4, 1, 2)
            height, width = windows.shape[-2:]
            columns = np.ascontiguousarray(windows).reshape(-1, height * width)
            x = np.maximum(weight @ columns + bias, np.float32(0.0)).reshape(-1, height, width)
        return x.reshape(-1)


class _Head:
    """Linear, LayerNorm and tanh."""

    def __init__(self, name: str, tensors: Mapping[str, Array], num_inputs: int) -> None:
        self._weight = tensors[f'{name}.linear.weight']
        self._bias = tensors[f'{name}.linear.bias']
        self._scale = tensors[f'{name}.norm.weight']
        self._shift = tensors[f'{name}.norm.bias']
        self.num_outputs = self._bias.shape[0] if self._bias.ndim == 1 else -1
        _require(f'{name}.linear.weight', self._weight, (self.num_outputs, num_inputs))
        _require(f'{name}.norm.weight', self._scale, (self.num_outputs,))
        _require(f'{name}.norm.bias', self._shift, (self.num_outputs,))

    def __call__(self, x: Array) -> Array:
        x = self._weight @ x + self._bias
        x = x - x.mean()
        x = x / np.sqrt(x.dot(x) / np.float32(x.size) + _NORM_EPS)
        out: Array = np.tanh(x * self._scale + self._shift)
        return out


def _require(name: str, values: Array, shape: tuple[int, ...]) -> None:
    if values.shape != shape or min(shape) < 1:
        raise WeightsError(
            f'encoder.{name}: got shape {values.shape}, expected {shape}. '
            'Ask the trainer to send the weights again.'
        )
