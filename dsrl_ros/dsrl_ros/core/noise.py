"""Noise layouts: expand the few learned numbers to the (H, A) noise of a policy."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import ConfigError, ShapeMismatchError
from dsrl_ros.core.types import Array, Noise, NoiseLayout, PolicySpec


def num_rows(layout: NoiseLayout, horizon: int, num_basis: int = 3) -> int:
    """Return R, the number of rows of a noise in `layout`.

    Args:
        layout: the layout.
        horizon: H [steps].
        num_basis: vectors of the basis layout, 1 to H.

    Raises:
        ConfigError: unset layout, or more basis vectors than steps.
    """
    if layout == NoiseLayout.FULL:
        return horizon
    if layout == NoiseLayout.REPEATED:
        return 1
    if layout == NoiseLayout.BASIS:
        if not 1 <= num_basis <= horizon:
            raise ConfigError(f'num_basis: got {num_basis}, expected 1 to the horizon, {horizon}.')
        return num_basis
    raise ConfigError(f'noise layout: got {layout!r}, expected FULL, REPEATED or BASIS.')


@lru_cache(maxsize=32)
def basis(horizon: int, num_basis: int) -> Array:
    """Return the (H, R) orthonormal cosine (DCT-II) vectors of the basis layout, scaled.

    Each column has norm sqrt(H / R), so that rows drawn from N(0, I) give an expanded noise with
    a mean variance of one, the scale the policy was trained on.
    """
    step = (np.arange(horizon) + 0.5) / horizon
    columns = np.cos(np.pi * np.outer(step, np.arange(num_basis)))
    columns *= np.sqrt(horizon / num_basis) / np.linalg.norm(columns, axis=0)
    return columns.astype(np.float32)


def expand(rows: Array, layout: NoiseLayout, horizon: int) -> Array:
    """Turn noise rows into the starting noise of the whole chunk.

    Args:
        rows: (..., R, A).
        layout: of the rows.
        horizon: H.

    Returns:
        (..., H, A), float32.

    Raises:
        ShapeMismatchError: R does not fit the layout.
    """
    got = rows.shape[-2]
    if layout == NoiseLayout.BASIS and 1 <= got <= horizon:
        return np.asarray(basis(horizon, got) @ rows, dtype=np.float32)
    want = num_rows(layout, horizon, max(1, min(got, horizon)))
    if got != want:
        raise ShapeMismatchError(
            f'noise: got {got} rows in layout {layout.name}, expected {want} for a horizon of '
            f'{horizon}. Check the noise layout of the steering node against the PolicySpec.'
        )
    if layout == NoiseLayout.REPEATED:
        return np.repeat(rows, horizon, axis=-2).astype(np.float32, copy=False)
    return rows.astype(np.float32, copy=False)


def check_noise(noise: Noise, spec: PolicySpec) -> None:
    """Raise unless `noise` is finite, fits `spec` and lies within the policy's validity bound.

    Raises:
        ShapeMismatchError: wrong columns, or rows that do not fit the layout.
        NonFiniteError: a NaN or an infinity.
        ConfigError: an entry beyond `spec.noise_bound`.
    """
    require_shape('noise', noise.rows, (None, spec.action_dim))
    require_finite('noise', noise.rows)
    expanded = expand(noise.rows, noise.layout, spec.horizon)
    largest = float(np.abs(expanded).max(initial=0.0))
    if largest > spec.noise_bound:
        raise ConfigError(
            f'noise: got an entry of magnitude {largest:.3g}, expected at most noise_bound '
            f'({spec.noise_bound:.3g}). Lower b_W or the scale of the prior.'
        )
