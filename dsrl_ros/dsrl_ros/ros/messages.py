"""Conversion of messages to core types and back; the only module that knows both.

Sizes are checked here, so that the core never gets an array that contradicts its message. Arrays
are passed as `array.array`, which the generated code takes whole; a list costs a check per entry.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from dsrl_msgs import msg
from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import (
    Array,
    ControlMode,
    DecisionKey,
    Noise,
    NoiseLayout,
    NoiseSource,
    PolicySpec,
)
from dsrl_ros.ros.stamps import header

# Fields of a PolicySpec message and of its type, which have the same names but for one unit.
_SPEC_FIELDS = {name.removesuffix('_s'): name for name in PolicySpec.__dataclass_fields__}


def run_to_bytes(run: str) -> NDArray[np.uint8]:
    """Return the 32 hexadecimal digits of a run as the bytes of a `uint8[16]`."""
    return np.frombuffer(bytes.fromhex(run), dtype=np.uint8)


def run_from_bytes(run: Sequence[int] | NDArray[np.uint8]) -> str:
    """Return the bytes of a `uint8[16]` as 32 hexadecimal digits."""
    return bytes(run).hex()


def key_to_msg(key: DecisionKey) -> msg.DecisionId:
    """Return a join key as a message."""
    return msg.DecisionId(
        robot=key.robot, run=run_to_bytes(key.run), episode=key.episode, decision=key.decision
    )


def key_from_msg(message: msg.DecisionId) -> DecisionKey:
    """Return the join key of a message."""
    return DecisionKey(
        message.robot, run_from_bytes(message.run), message.episode, message.decision
    )


def floats_to_msg(values: Array) -> array[float]:
    """Return the entries of an array of any shape, row-major, as a `float32[]`."""
    entries = array('f')
    entries.frombytes(np.ascontiguousarray(values, dtype=np.float32).tobytes())
    return entries


def floats_from_msg(name: str, data: Sequence[float], shape: tuple[int, ...]) -> Array:
    """Return a `float32[]` as an array of its own.

    Args:
        name: of the field, for the error.
        data: entries, row-major.
        shape: the sizes the message states.

    Raises:
        ShapeMismatchError: the sizes contradict the number of entries.
    """
    values = np.array(data, dtype=np.float32)
    if values.size != np.prod(shape, dtype=int):
        raise ShapeMismatchError(
            f'{name}: got {values.size} entries, expected {" x ".join(map(str, shape))} as the '
            'message states. Check its sender.'
        )
    return values.reshape(shape)


def spec_to_msg(spec: PolicySpec) -> msg.PolicySpec:
    """Return a policy's specification as a message."""
    values = {name: getattr(spec, field) for name, field in _SPEC_FIELDS.items()}
    values['control_mode'] = int(spec.control_mode)
    return msg.PolicySpec(**values)


def spec_from_msg(message: msg.PolicySpec) -> PolicySpec:
    """Return the specification of a policy in a message.

    Raises:
        ConfigError, ShapeMismatchError: it contradicts itself.
    """
    values: dict[str, Any] = {}
    for name, field in _SPEC_FIELDS.items():
        value = getattr(message, name)
        values[field] = value if isinstance(value, (str, int, float)) else tuple(value)
    values['control_mode'] = ControlMode(message.control_mode)
    return PolicySpec(**values)


def observation_to_msg(
    key: DecisionKey,
    stamp_ns: int,
    state_names: Sequence[str],
    state: Array,
    images: Mapping[str, Image] | None = None,
) -> msg.Observation:
    """Return one observation as a message.

    Args:
        key: of the decision it is for.
        stamp_ns: of the newest sample in it.
        state_names: (O,).
        state: (O,) raw, SI units.
        images: by the name of their camera, in order.
    """
    images = images or {}
    return msg.Observation(
        header=header(stamp_ns),
        id=key_to_msg(key),
        state_names=list(state_names),
        state=floats_to_msg(state),
        image_names=list(images),
        images=list(images.values()),
    )


def state_from_msg(message: msg.Observation, state_names: Sequence[str] | None = None) -> Array:
    """Return the (O,) state of an observation.

    Args:
        message: the observation.
        state_names: the names it must have, in this order; None takes any.

    Raises:
        ShapeMismatchError: other names, or another number of entries than names.
    """
    if state_names is not None and list(message.state_names) != list(state_names):
        raise ShapeMismatchError(
            f'observation: got state names {list(message.state_names)}, expected '
            f'{list(state_names)}. Check state_sources of the steering node against the policy.'
        )
    return floats_from_msg('observation.state', message.state, (len(message.state_names),))


def noise_to_msg(noise: Noise, key: DecisionKey, stamp_ns: int, policy_sha256: str) -> msg.Noise:
    """Return the noise of one decision as a message.

    Args:
        noise: exactly as used.
        key: of the decision.
        stamp_ns: of the observation it answers.
        policy_sha256: hash of the policy it is meant for.
    """
    rows, action_dim = noise.rows.shape
    return msg.Noise(
        header=header(stamp_ns),
        id=key_to_msg(key),
        source=int(noise.source),
        layout=int(noise.layout),
        weights_version=noise.weights_version,
        policy_sha256=policy_sha256,
        rows=rows,
        action_dim=action_dim,
        data=floats_to_msg(noise.rows),
    )


def noise_from_msg(message: msg.Noise) -> Noise:
    """Return the noise of a message.

    Raises:
        ShapeMismatchError: its sizes contradict its data, or it has an unknown layout or source.
    """
    try:
        layout, source = NoiseLayout(message.layout), NoiseSource(message.source)
    except ValueError as error:
        raise ShapeMismatchError(f'noise: {error}. Check its sender.') from None
    rows = floats_from_msg('noise.data', message.data, (message.rows, message.action_dim))
    return Noise(rows, layout, source, message.weights_version)


def chunk_to_msg(
    chunk: Array, spec: PolicySpec, key: msg.DecisionId, stamp: Time
) -> msg.ActionChunk:
    """Return the policy's answer as a message.

    Args:
        chunk: (H, A), robot units.
        spec: of the policy.
        key: of the decision, copied.
        stamp: of the observation it answers, copied.
    """
    return msg.ActionChunk(
        header=Header(stamp=stamp),
        id=key,
        control_mode=int(spec.control_mode),
        action_names=list(spec.action_names),
        horizon=spec.horizon,
        num_execute=spec.num_execute,
        step_period=spec.step_period_s,
        data=floats_to_msg(chunk),
    )


def chunk_from_msg(message: msg.ActionChunk) -> Array:
    """Return the (H, A) actions of a chunk.

    Raises:
        ShapeMismatchError: its sizes contradict its data.
    """
    return floats_from_msg(
        'action_chunk.data', message.data, (message.horizon, len(message.action_names))
    )


def executed_from_msg(message: msg.ChunkResult) -> Array:
    """Return the (n, A) actions that were really executed.

    Raises:
        ShapeMismatchError: its sizes contradict its data.
    """
    return floats_from_msg(
        'chunk_result.executed', message.executed, (message.num_executed, message.action_dim)
    )
