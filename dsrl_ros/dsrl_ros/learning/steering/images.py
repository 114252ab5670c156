"""The image of an observation: the cameras' images made smaller and put one behind the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from dsrl_ros.core.errors import ConfigError, ShapeMismatchError
from dsrl_ros.core.types import ImageArray
from dsrl_ros.learning.steering.actor import ActorHeader

_CHANNELS = 3  # of an RGB image


def check_sources(header: ActorHeader, cameras: Sequence[str], encoders: Sequence[str]) -> None:
    """Raise unless cameras and encoders give the image and features that an actor reads.

    The number of features is not checked here: it is known once an encoder has sent some.

    Raises:
        ConfigError: more or fewer channels; features without an encoder, or the reverse.
    """
    channels = 0 if header.image_shape is None else header.image_shape[0]
    if channels != _CHANNELS * len(cameras):
        raise ConfigError(
            f'learner_cameras: got {", ".join(cameras) or "none"}, which have '
            f"{_CHANNELS * len(cameras)} channels, expected {channels} as the learner's "
            'image_channels says. Give steering its cameras, or the trainer 3 channels for each.'
        )
    if bool(header.num_features) != bool(encoders):
        raise ConfigError(
            f'sensors: got {", ".join(encoders) or "none"} of kind features, but num_features of '
            f'the learner is {header.num_features}. Set it to the features of all of them.'
        )


def small(image: ImageArray, height: int, width: int) -> ImageArray:
    """Return an image, (H, W, 3), as (height, width, 3), each pixel the mean of what it covers.

    Raises:
        ShapeMismatchError: it is smaller than that already.
    """
    if image.shape[:2] == (height, width):
        return image
    if image.shape[0] < height or image.shape[1] < width:
        raise ShapeMismatchError(
            f'image: got {image.shape[0]} x {image.shape[1]} pixels, expected at least '
            f'{height} x {width}. Lower the image_height and image_width of the learner.'
        )
    size = (width, height)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX), dtype=np.uint8)


def stacked(images: Sequence[ImageArray]) -> ImageArray | None:
    """Return the images of I cameras as one, (3 I, H, W); None for no camera.

    Args:
        images: (H, W, 3) each, all of one size.

    Raises:
        ShapeMismatchError: images of several sizes.
    """
    if not images:
        return None
    if len({image.shape for image in images}) > 1:
        raise ShapeMismatchError(
            f'images: got {", ".join(str(image.shape) for image in images)}, expected one size.'
        )
    return np.concatenate([image.transpose(2, 0, 1) for image in images])
