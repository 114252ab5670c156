"""Images of ROS become RGB arrays, whatever their order of colours and their padding."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from sensor_msgs.msg import Image

from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.ros.images import image_from_msg, image_to_msg

RGB = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)


def message(encoding: str, pixels: np.ndarray, padding: int = 0) -> Image:
    rows = pixels.reshape(len(pixels), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)))
    return Image(
        encoding=encoding,
        height=len(pixels),
        width=pixels.shape[1],
        step=rows.shape[1],
        data=rows.tobytes(),
    )


def test_what_the_twin_sends_comes_back():
    np.testing.assert_array_equal(image_from_msg(image_to_msg(1, 'front', RGB)), RGB)


@pytest.mark.parametrize('padding', [0, 3])
@pytest.mark.parametrize(
    ('encoding', 'pixels'),
    [
        ('rgb8', RGB),
        ('bgr8', RGB[..., ::-1]),
        ('rgba8', np.dstack([RGB, RGB[..., 0]])),
        ('bgra8', np.dstack([RGB[..., ::-1], RGB[..., 0]])),
    ],
)
def test_colours_are_put_in_order(encoding, pixels, padding):
    np.testing.assert_array_equal(image_from_msg(message(encoding, pixels, padding)), RGB)


def test_grey_is_grey_in_every_colour():
    image = image_from_msg(message('mono8', RGB[..., :1], padding=1))
    np.testing.assert_array_equal(image, np.repeat(RGB[..., :1], 3, axis=2))


@pytest.mark.parametrize(
    'bad',
    [
        Image(),
        message('32FC1', RGB),
        Image(encoding='rgb8', height=4, width=5, step=15, data=bytes(59)),
        Image(encoding='rgb8', height=4, width=5, step=14, data=bytes(60)),
        Image(encoding='rgb8', height=0, width=0, step=0),
    ],
)
def test_what_is_no_image_is_refused(bad):
    with pytest.raises(ShapeMismatchError, match='camera driver'):
        image_from_msg(bad)
