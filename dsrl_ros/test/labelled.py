"""Images whose label can be seen: a bright square in the middle means success."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dsrl_ros.core.types import ImageArray
from dsrl_ros.learning.success_classifier.classifier import save_classifier
from dsrl_ros.learning.success_classifier.images import image_name, read_images
from dsrl_ros.learning.success_classifier.training import ClassifierOptions, train_classifier

SIZE = 16


def picture(success: bool, number: int, height: int = 24, width: int = 32) -> ImageArray:
    """Return noise (height, width, 3), with a square in it for success."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 100, (height, width, 3), dtype=np.uint8)
    if success:
        image[height // 4 : -height // 4, width // 4 : -width // 4] += 120
    return image


def write_images(folder: Path, count: int = 12, frames: int = 2) -> Path:
    """Fill `success` and `failure` with so many images each, `frames` of each episode."""
    for label in ('success', 'failure'):
        (folder / label).mkdir(parents=True)
        for i in range(count):
            number = i + count * (label == 'success')
            name = image_name('run', number // frames, number % frames)
            Image.fromarray(picture(label == 'success', number)).save(folder / label / name)
    return folder


def write_classifier(folder: Path) -> Path:
    """Train a classifier in a second and return where its weights lie."""
    data = read_images(write_images(folder), SIZE)
    options = ClassifierOptions(size=SIZE, epochs=40)
    path = folder / 'classifier.safetensors'
    save_classifier(path, train_classifier(data, options).tensors(), SIZE, {})
    return path
