"""The toy's policy with two cameras: how bright their images are moves what it does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from toy import SPEC, ToyPolicy

from dsrl_ros.core.types import Array, ImageArray
from dsrl_ros.policies.base import check_input

CAMERAS = {'image_names': ('wrist', 'front'), 'image_heights': (4, 6), 'image_widths': (5, 3)}
SEEING = dataclasses.replace(SPEC, **CAMERAS)


class SeeingToy:
    """`ToyPolicy`, and 0.1 to the side for a bright wrist, 0.2 for a bright front."""

    spec = SEEING

    def __call__(self, state: Array, noise: Array) -> Array:
        return self.see(state, noise, ())

    def see(self, state: Array, noise: Array, images: Sequence[ImageArray]) -> Array:
        check_input(self.spec, state, noise, images)
        bright = np.stack([image.mean(axis=(1, 2, 3)) / 255 for image in images], axis=1)  # (B, 2)
        side = bright @ np.float32([0.1, 0.2])
        return (ToyPolicy()(state, noise) + side[:, None, None]).astype(np.float32)


def views(batch: int, seed: int = 0) -> list[ImageArray]:
    """Return the images of `batch` observations, each its own."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (batch, *size), dtype=np.uint8) for size in SEEING.image_shapes]
