"""The steering actor as it travels and acts: plain numpy, so that a node that acts needs no torch.

Owns the wire format of the weights; training belongs to `learning.algorithms`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dsrl_ros.core.errors import ConfigError, WeightsError
from dsrl_ros.core.noise import num_rows
from dsrl_ros.core.types import Array, NoiseLayout, Observation, PolicySpec
from dsrl_ros.learning.steering.actor_encoder import ActorEncoder
from dsrl_ros.learning.steering.observation import ObservationSpec

FORMAT = 'dsrl-actor-1'
_NORM_EPS = 1e-5  # of torch.nn.LayerNorm


@dataclass(frozen=True)
class ActorHeader:
    """What the weights are for.

    Attributes:
        version: rises with every set of weights of a run; 0 is the untrained actor.
        trained_episodes: episodes whose data the weights have seen, always the first ones.
        policy_sha256: frozen policy that the actor was trained on.
        layout: how its rows become the noise of a chunk.
        num_rows, action_dim: R and A.
        noise_magnitude: b_W.
        activation: 'tanh', 'relu' or 'gelu'.
        log_std_low, log_std_high, log_std_offset: see `actor_critic_networks`.
        num_features, image_shape: of the observations, see `ObservationSpec`.
        exploration: share of its spread that it explores with, see `actor_critic.exploration`.
    """

    version: int
    trained_episodes: int
    policy_sha256: str
    layout: NoiseLayout
    num_rows: int
    action_dim: int
    noise_magnitude: float
    activation: str
    log_std_low: float
    log_std_high: float
    log_std_offset: float
    num_features: int = 0
    image_shape: tuple[int, int, int] | None = None
    exploration: float = 1.0


@dataclass(frozen=True)
class _Layer:
    weight: Array  # (out, in)
    bias: Array  # (out,)
    norm_weight: Array | None = None  # (out,)
    norm_bias: Array | None = None  # (out,)


class SteeringActor:
    """Chooses the noise of a decision.

    Args:
        header: what the weights are for.
        tensors: `linears.<i>.weight` (out, in) and `linears.<i>.bias` (out,); for hidden layers
            optionally `norms.<i>.weight` and `norms.<i>.bias` (out,); `state_mean` and
            `state_std` (O,); with images or features the `encoder.<name>` of `ActorEncoder`.

    Attributes:
        header: what the weights are for.
        observation: the parts of the observations that it reads.

    Raises:
        WeightsError: entries missing, of the wrong shape, or not finite.
    """

    def __init__(self, header: ActorHeader, tensors: dict[str, Array]) -> None:
        self.header = header
        self._tensors = tensors
        for name, values in tensors.items():
            if values.dtype != np.float32:
                raise WeightsError(f'{name}: got {values.dtype}, expected float32.')
            if not np.isfinite(values).all():
                raise WeightsError(
                    f'{name}: got non-finite weights. Keep the previous weights; '
                    'see the log of the trainer.'
                )
        try:
            self._mean = tensors['state_mean']
            self._std = tensors['state_std']
            self._layers = _read_layers(tensors)
            self.observation = ObservationSpec(
                self._mean.size, header.num_features, header.image_shape
            )
            self._encoder = None
            if not self.observation.state_only:
                self._encoder = ActorEncoder(self.observation, _encoder_tensors(tensors))
        except ConfigError as error:
            raise WeightsError(f'weights: {error}') from error
        except KeyError as error:
            raise WeightsError(f'weights: entry {error} is missing.') from None
        self._activation = _ACTIVATIONS.get(header.activation)
        self._check_header()
        self._check_shapes()

    @property
    def state_dim(self) -> int:
        """Number of state entries, O."""
        return int(self._mean.shape[0])

    def act(self, observation: Observation, rng: np.random.Generator | None = None) -> Array:
        """Choose noise rows for one observation.

        Args:
            observation: its image is never cropped.
            rng: source of the exploration; None for the deterministic actor.

        Returns:
            (R, A) float32, each entry within +/- b_W.

        Raises:
            ShapeMismatchError, NonFiniteError: the observation does not fit.
        """
        self.observation.check(observation)
        mean, log_std = self.distribution(observation)
        if rng is not None:
            eps = rng.standard_normal(mean.shape, dtype=np.float32)
            mean += np.float32(self.header.exploration) * np.exp(log_std) * eps
        rows: Array = np.float32(self.header.noise_magnitude) * np.tanh(mean)  # (D,)
        return rows.reshape(self.header.num_rows, self.header.action_dim)

    def distribution(self, observation: Observation) -> tuple[Array, Array]:
        """Return mean and log standard deviation (D,) before squashing, as the torch actor does.

        Args:
            observation: checked.
        """
        x = (observation.state.astype(np.float32, copy=False) - self._mean) / self._std
        if self._encoder is not None:
            x = self._encoder(replace(observation, state=x))
        for layer in self._layers[:-1]:
            x = self._activate(layer, layer.weight @ x + layer.bias)
        out = self._layers[-1].weight @ x + self._layers[-1].bias  # (2 D,)
        mean, raw = np.split(out, 2)
        low, high = self.header.log_std_low, self.header.log_std_high
        gate = 0.5 * (1.0 + np.tanh(0.5 * (raw + self.header.log_std_offset)))  # sigmoid
        return mean, (low + (high - low) * gate).astype(np.float32)

    def _activate(self, layer: _Layer, x: Array) -> Array:
        if layer.norm_weight is not None and layer.norm_bias is not None:
            x = x - x.mean()
            x = x / np.sqrt(x.dot(x) / np.float32(x.size) + np.float32(_NORM_EPS))
            x = x * layer.norm_weight + layer.norm_bias
        assert self._activation is not None  # checked at construction
        out: Array = self._activation(x)
        return out

    def to_bytes(self) -> bytes:
        """Return the weights as safetensors, the header as JSON in its metadata.

        The same weights always give the same bytes.
        """
        header = {**self.header.__dict__, 'layout': self.header.layout.name, 'format': FORMAT}
        # One metadata entry only: safetensors does not keep the order of several.
        return save(self._tensors, metadata={'actor': json.dumps(header, sort_keys=True)})

    @classmethod
    def from_bytes(cls, data: bytes, spec: PolicySpec) -> SteeringActor:
        """Read weights and check that they were made for this policy.

        Raises:
            WeightsError: corrupt, non-finite, of another shape, or for another policy.
        """
        try:
            tensors = load(data)
            header = _read_header(data)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(
                f'weights: {len(data)} bytes cannot be read as {FORMAT}: {error}. '
                'Ask the trainer to send them again.'
            ) from error
        if header.policy_sha256 != spec.sha256:
            raise WeightsError(
                f'weights: made for policy {header.policy_sha256[:12]}, expected '
                f'{spec.sha256[:12]}. Train on this policy, or load the other one.'
            )
        actor = cls(header, tensors)
        actor.check_fits(spec)
        return actor

    def check_fits(self, spec: PolicySpec) -> None:
        """Raise unless state and noise have the sizes of `spec`.

        Raises:
            WeightsError: says both sides.
        """
        got = (self.state_dim, self.header.num_rows, self.header.action_dim)
        try:
            rows = num_rows(self.header.layout, spec.horizon, self.header.num_rows)
        except ConfigError as error:
            raise WeightsError(f'weights: {error}') from error
        want = (spec.state_dim, rows, spec.action_dim)
        if got != want:
            raise WeightsError(
                f'weights: got state, rows, actions {got} in layout {self.header.layout.name}, '
                f'expected {want}. Use weights trained with this layout and policy.'
            )

    def _check_header(self) -> None:
        header = self.header
        if self._activation is None:
            raise WeightsError(
                f'weights: got activation {header.activation!r}, '
                f'expected one of {", ".join(_ACTIVATIONS)}.'
            )
        if not 0.0 < header.noise_magnitude < np.inf:
            raise WeightsError(
                f'weights: got noise_magnitude {header.noise_magnitude}, expected more than 0.'
            )
        if not 0.0 <= header.exploration <= 1.0:
            raise WeightsError(f'weights: got exploration {header.exploration}, expected 0 to 1.')
        span = (header.log_std_low, header.log_std_high, header.log_std_offset)
        if not np.isfinite(span).all():
            raise WeightsError(f'weights: got log_std {span}, expected finite numbers.')

    def _check_shapes(self) -> None:
        size = self._mean.size
        if not (self._mean.shape == self._std.shape == (size,) and (self._std > 0).all()):
            raise WeightsError(
                f'state_mean, state_std: got shapes {self._mean.shape} and {self._std.shape}, '
                f'expected ({size},) and every state_std more than 0.'
            )
        if self._encoder is not None:
            size = self._encoder.num_outputs
        for i, layer in enumerate(self._layers):
            size_out = layer.bias.shape[0] if layer.bias.ndim == 1 else -1
            if i == len(self._layers) - 1:
                size_out = 2 * self.header.num_rows * self.header.action_dim
            shapes_fit = (
                layer.weight.shape == (size_out, size)
                and layer.bias.shape == (size_out,)
                and all(
                    norm is None or norm.shape == (size_out,)
                    for norm in (layer.norm_weight, layer.norm_bias)
                )
            )
            if not shapes_fit:
                raise WeightsError(
                    f'linears.{i}: got weight {layer.weight.shape} and bias {layer.bias.shape}, '
                    f'expected ({size_out}, {size}) and ({size_out},).'
                )
            size = size_out


def _read_layers(tensors: dict[str, Array]) -> list[_Layer]:
    count = sum(name.startswith('linears.') and name.endswith('.weight') for name in tensors)
    return [
        _Layer(
            weight=tensors[f'linears.{i}.weight'],
            bias=tensors[f'linears.{i}.bias'],
            norm_weight=tensors.get(f'norms.{i}.weight'),
            norm_bias=tensors.get(f'norms.{i}.bias'),
        )
        for i in range(count)
    ]


def _encoder_tensors(tensors: dict[str, Array]) -> dict[str, Array]:
    prefix = 'encoder.'
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _read_header(data: bytes) -> ActorHeader:
    """Read the metadata, which `safetensors.numpy.load` does not return."""
    length = int.from_bytes(data[:8], 'little')
    fields = json.loads(json.loads(data[8 : 8 + length])['__metadata__']['actor'])
    found = fields.pop('format')
    if found != FORMAT:
        raise ValueError(f'format {found!r}')
    fields['layout'] = NoiseLayout[fields['layout']]
    if (image_shape := fields.get('image_shape')) is not None:  # absent in older weights
        channels, height, width = image_shape
        fields['image_shape'] = (int(channels), int(height), int(width))
    return ActorHeader(**fields)


def _gelu(x: Array) -> Array:
    """Exact GELU; numpy has no erf, and the standard library's is fast enough for one state."""
    from math import erf, sqrt

    cdf = [0.5 * (1.0 + erf(v / sqrt(2.0))) for v in x.tolist()]
    out: Array = x * np.asarray(cdf, dtype=np.float32)
    return out


def _relu(x: Array) -> Array:
    out: Array = np.maximum(x, np.float32(0.0))
    return out


def _tanh(x: Array) -> Array:
    out: Array = np.tanh(x)
    return out


_ACTIVATIONS = {'tanh': _tanh, 'relu': _relu, 'gelu': _gelu}
