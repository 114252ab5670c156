"""The frozen policy as the suite sees it: a black box from state, images and noise to a chunk."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import ConfigError, PolicyOutputError, ShapeMismatchError
from dsrl_ros.core.types import Array, ImageArray, PolicySpec

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


@runtime_checkable
class SeeingPolicy(FrozenPolicy, Protocol):
    """A policy that can look through cameras.

    It needs the images that `spec.image_names` names; where there are none, `see` is a call.
    """

    def see(self, state: Array, noise: Array, images: Sequence[ImageArray]) -> Array:
        """Turn noise into actions; state, noise, return and errors as in a call.

        Args:
            state: (B, O).
            noise: (B, H, A).
            images: RGB of each of `spec.image_names`, in that order, (I,) of
                (B, height, width, 3) uint8.
        """
        ...


def ask(
    policy: FrozenPolicy, state: Array, noise: Array, images: Sequence[ImageArray] = ()
) -> Array:
    """Turn noise into actions by a policy of either kind; errors as in a call.

    Args:
        policy: who is asked.
        state: (B, O).
        noise: (B, H, A).
        images: as in `SeeingPolicy.see`; a policy of states alone never gets them.

    Raises:
        ConfigError: a policy with cameras that is no `SeeingPolicy`.
    """
    if not policy.spec.image_names:
        return policy(state, noise)
    if not isinstance(policy, SeeingPolicy):
        raise ConfigError(
            f'policy {policy.spec.name}: got {type(policy).__name__}, which takes no images, '
            f'expected one that looks through {", ".join(policy.spec.image_names)}. Give it a '
            'method `see`, or take image_names out of its spec.'
        )
    return policy.see(state, noise, images)


def check_input(
    spec: PolicySpec, state: Array, noise: Array, images: Sequence[ImageArray] = ()
) -> None:
    """Raise unless the arguments of `SeeingPolicy.see` fit `spec` and are finite."""
    require_shape('state', state, (None, spec.state_dim))
    require_shape('noise', noise, (len(state), spec.horizon, spec.action_dim))
    require_finite('state', state)
    require_finite('noise', noise)
    if len(images) != len(spec.image_names):
        raise ShapeMismatchError(
            f'policy {spec.name}: got {len(images) or "no"} images, expected '
            f'{len(spec.image_names)} ({", ".join(spec.image_names) or "none"}). Ask it through '
            '`see`, with an image of each of its cameras.'
        )
    for name, image, shape in zip(spec.image_names, images, spec.image_shapes, strict=True):
        require_shape(f'images of {name}', image, (len(state), *shape))
        if image.dtype != np.uint8:
            raise ShapeMismatchError(
                f'images of {name}: got {image.dtype}, expected uint8, RGB from 0 to 255. Leave '
                'scaling to the policy.'
            )


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
