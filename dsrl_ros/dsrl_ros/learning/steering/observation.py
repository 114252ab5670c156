"""What an observation consists of, for everything that reads one; plain numpy, no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import ConfigError, ShapeMismatchError
from dsrl_ros.core.types import Observation

# Four convolutions 3 x 3 without padding (paper C.5, Table 11), and their strides from each size
# of the smaller side on: those published at 64 and 128, and finer ones for small images.
KERNEL = 3
_STRIDES = ((96, (3, 2, 2, 2)), (32, (2, 1, 1, 1)), (0, (1, 1, 1, 1)))


@dataclass(frozen=True)
class ObservationSpec:
    """The parts of an observation.

    Attributes:
        state_dim: O, entries of the state.
        num_features: F, entries of a given feature vector; 0 without.
        image_shape: (C, H, W) of the image, all cameras together; None without.
    """

    state_dim: int
    num_features: int = 0
    image_shape: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.image_shape is not None and min(self.image_sizes()[-1]) < 1:
            raise ConfigError(
                f'image: got {self.image_shape[1]} x {self.image_shape[2]} pixels, expected at '
                f'least 9 x 9 for {len(self.strides)} convolutions. Give larger images.'
            )

    @property
    def state_only(self) -> bool:
        """Whether an observation has neither image nor features."""
        return not self.num_features and self.image_shape is None

    @property
    def strides(self) -> tuple[int, ...]:
        """Stride of each convolution."""
        assert self.image_shape is not None
        smaller = min(self.image_shape[1:])
        return next(strides for size, strides in _STRIDES if smaller >= size)

    def image_sizes(self) -> list[tuple[int, int]]:
        """Return height and width of what each convolution makes."""
        assert self.image_shape is not None
        sizes = [self.image_shape[1:]]
        for stride in self.strides:
            height, width = sizes[-1]
            sizes.append(((height - KERNEL) // stride + 1, (width - KERNEL) // stride + 1))
        return sizes[1:]

    def check(self, observation: Observation) -> None:
        """Raise unless an observation has these parts and no others, and they fit.

        Raises:
            ShapeMismatchError, NonFiniteError: names the part.
        """
        image, features = observation.image, observation.features
        require_shape('observation', observation.state, (self.state_dim,))
        require_finite('observation', observation.state)
        if (features is not None) != bool(self.num_features):
            raise ShapeMismatchError(
                f'features: got {"none" if features is None else features.shape}, '
                f'expected {self.num_features or "none"}. Set num_features to what is observed.'
            )
        if (image is not None) != (self.image_shape is not None):
            raise ShapeMismatchError(
                f'image: got {"none" if image is None else image.shape}, expected '
                f'{self.image_shape or "none"}. Set image_channels, image_height and '
                'image_width to what is observed.'
            )
        if features is not None:
            require_shape('features', features, (self.num_features,))
            require_finite('features', features)
        if image is not None and self.image_shape is not None:
            require_shape('image', image, self.image_shape)
            if image.dtype != np.uint8:
                raise ShapeMismatchError(f'image: got {image.dtype}, expected uint8, 0 to 255.')
