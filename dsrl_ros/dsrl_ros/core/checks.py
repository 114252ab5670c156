"""Checks of arrays: finite, and of the expected shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.errors import NonFiniteError, ShapeMismatchError


def require_finite(name: str, values: NDArray[np.floating]) -> None:
    """Raise unless every entry is finite.

    Raises:
        NonFiniteError: names the first bad entry and their number.
    """
    finite = np.isfinite(values)
    if finite.all():
        return
    bad = np.argwhere(~finite)
    first = tuple(int(i) for i in bad[0])
    raise NonFiniteError(
        f'{name}: got {len(bad)} non-finite of {values.size} entries, the first at {first} '
        f'({values[first]}); expected finite numbers. Check what produced it.'
    )


def require_shape(name: str, values: NDArray[np.generic], shape: tuple[int | None, ...]) -> None:
    """Raise unless `values` has `shape`; None allows any size.

    Raises:
        ShapeMismatchError: names both shapes.
    """
    fits = values.ndim == len(shape) and all(
        want is None or got == want for got, want in zip(values.shape, shape, strict=True)
    )
    if not fits:
        want = tuple('any' if size is None else size for size in shape)
        raise ShapeMismatchError(
            f'{name}: got shape {values.shape}, expected {want}. '
            'Check that the sender and the policy agree on the PolicySpec.'
        )
