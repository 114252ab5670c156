"""What the learner sees of the cameras is the mean of what they saw; all that it sees fits it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dsrl_ros.core.errors import ConfigError, ShapeMismatchError
from dsrl_ros.core.types import NoiseLayout
from dsrl_ros.learning.steering.actor import ActorHeader
from dsrl_ros.learning.steering.images import check_sources, small, stacked

BLIND = ActorHeader(0, 0, 'a' * 64, NoiseLayout.FULL, 2, 1, 1.5, 'tanh', -1.0, 1.0, 0.0)
SEEING = dataclasses.replace(BLIND, image_shape=(6, 16, 16))
TOLD = dataclasses.replace(BLIND, num_features=5)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_smaller_image_has_the_mean_of_the_pixels_it_covers():
    large = picture(48, 64)
    means = large.reshape(12, 4, 16, 4, 3).astype(np.float64).mean(axis=(1, 3))
    np.testing.assert_allclose(small(large, 12, 16), means, atol=1.0)


def test_an_image_of_the_right_size_stays_as_it_is():
    image = picture(8, 12)
    assert small(image, 8, 12) is image


def test_an_image_is_never_made_larger():
    with pytest.raises(ShapeMismatchError, match='got 8 x 12 pixels, expected at least 9 x 12'):
        small(picture(8, 12), 9, 12)


def test_cameras_lie_one_after_the_other_along_the_channels():
    first, second = picture(4, 5), 255 - picture(4, 5)
    image = stacked([first, second])
    assert image is not None
    assert image.shape == (6, 4, 5)
    np.testing.assert_array_equal(image[:3].transpose(1, 2, 0), first)
    np.testing.assert_array_equal(image[3:].transpose(1, 2, 0), second)
    assert stacked([]) is None
    with pytest.raises(ShapeMismatchError, match=r'got \(4, 5, 3\), \(4, 6, 3\), expected one'):
        stacked([first, picture(4, 6)])


@pytest.mark.parametrize(
    ('header', 'cameras', 'encoders'),
    [
        (BLIND, (), ()),
        (SEEING, ('front', 'wrist'), ()),
        (TOLD, (), ('dino', 'clip')),
        (dataclasses.replace(SEEING, num_features=5), ('front', 'wrist'), ('dino',)),
    ],
)
def test_what_gives_what_the_actor_sees_is_taken(header, cameras, encoders):
    check_sources(header, cameras, encoders)


@pytest.mark.parametrize(
    ('header', 'cameras', 'encoders', 'what'),
    [
        (BLIND, ('front',), (), 'got front, which have 3 channels, expected 0'),
        (SEEING, (), (), 'got none, which have 0 channels, expected 6'),
        (SEEING, ('front',), (), 'got front, which have 3 channels, expected 6'),
        (TOLD, (), (), 'got none of kind features, but num_features of the learner is 5'),
        (BLIND, (), ('dino',), 'got dino of kind features, but num_features of the learner is 0'),
    ],
)
def test_others_are_refused(header, cameras, encoders, what):
    with pytest.raises(ConfigError, match=what):
        check_sources(header, cameras, encoders)
