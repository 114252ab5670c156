"""The frozen policy as the suite sees it: a black box from state and noise to a chunk."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import PolicyOutputError
from dsrl_ros.core.types import Array, PolicySpec

# A chunk that overshoots the stated limits a little is clipped to them, as the training of the
# policy expects; one this many times larger is a policy far out of its depth.
ABSURD = 10.0


class FrozenPolicy(Protocol):
    """A policy that is never trained here. Equal arguments give equal chunks.

    Attributes:
        spec: what it takes and gives.
    """

    @property
    def spec(self) -> PolicySpec:
        """What the policy takes and gives."""
        ...

    def __call__(self, state: Array, noise: Array) -> Array:
        """Turn noise into actions.

        Args:
            state: (B, O), SI units, not normalised.
            noise: (B, H, A), unit-free.

        Returns:
            Chunks in robot units, within the stated action limits, (B, H, A) float32.

        Raises:
            ShapeMismatchError: arguments that do not fit `spec`.
            NonFiniteError: arguments that are not finite.
            PolicyOutputError: an answer that is not finite, or absurdly large.
        """
        ...


@runtime_checkable
class SteppedPolicy(FrozenPolicy, Protocol):
    """A policy that denoises in steps and can be left between two of them."""

    def denoise(self, state: Array, noise: Array) -> Generator[int, None, Array]:
        """Turn noise into actions step by step; arguments and errors as in a call.

        Yields:
            The denoising steps done so far, from 1 to `spec.denoising_steps`.

        Returns:
            What a call returns, bit for bit.
        """
        ...


def check_input(spec: PolicySpec, state: Array, noise: Array) -> None:
    """Raise unless (B, O) `state` and (B, H, A) `noise` fit `spec` and are finite."""
    require_shape('state', state, (None, spec.state_dim))
    require_shape('noise', noise, (len(state), spec.horizon, spec.action_dim))
    require_finite('state', state)
    require_finite('noise', noise)


def sane_entries(spec: PolicySpec, actions: Array) -> NDArray[np.bool_]:
    """Return for each entry of (..., A) `actions` whether it is finite and not absurdly large."""
    low = np.asarray(spec.action_low, dtype=np.float64)
    high = np.asarray(spec.action_high, dtype=np.float64)
    beyond = np.abs(actions - (low + high) / 2) / ((high - low) / 2)
    return np.asarray(beyond <= ABSURD)  # False for NaN


def limit_output(spec: PolicySpec, actions: Array) -> Array:
    """Return (B, H, A) `actions` clipped to the stated limits.

    Raises:
        PolicyOutputError: an action that is not finite, or `ABSURD` times beyond the limits.
    """
    low = np.asarray(spec.action_low, dtype=np.float32)
    high = np.asarray(spec.action_high, dtype=np.float32)
    sane = sane_entries(spec, actions)
    if not sane.all():
        at = tuple(int(i) for i in np.argwhere(~sane)[0])
        raise PolicyOutputError(
            f'policy {spec.name}: got {spec.action_names[at[-1]]} = {actions[at]} in step {at[1]} '
            f'of the chunk, expected {low[at[-1]]:g} to {high[at[-1]]:g}. Check that state and '
            'noise lie where the policy was trained; lower the noise bound.'
        )
    return np.clip(actions, low, high)
