"""Images of success and failure in folders, and which of them are held out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from dsrl_ros.core.errors import ClassifierError
from dsrl_ros.core.types import ImageArray
from dsrl_ros.learning.success_classifier.classifier import fit

SUCCESS, FAILURE = 'success', 'failure'
_SUFFIXES = ('.png', '.jpg', '.jpeg')
# As `dsrl export-images` names them; frames of one episode look alike.
_OF_EPISODE = re.compile(r'(?P<episode>.+_e\d+)_f\d+')


def image_name(run: str, episode: int, frame: int) -> str:
    """Return the name of an image of a recorded run; frames of an episode are known by it."""
    return f'{run}_e{episode:04d}_f{frame:04d}.png'


@dataclass(frozen=True)
class LabelledImages:
    """Images with their labels.

    Attributes:
        images: (N, 3, S, S).
        success: (N,).
        groups: name of each one's episode, or of itself, (N,).
    """

    images: ImageArray
    success: NDArray[np.bool_]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.success)

    def select(self, mask: NDArray[np.bool_]) -> LabelledImages:
        """Return those where `mask` (N,) holds."""
        groups = tuple(g for g, kept in zip(self.groups, mask, strict=True) if kept)
        return LabelledImages(self.images[mask], self.success[mask], groups)


def read_images(folder: Path, size: int) -> LabelledImages:
    """Read `folder/success` and `folder/failure`.

    Args:
        folder: holds both, with PNG or JPEG images.
        size: side of the square that each is scaled to [pixels].

    Raises:
        ClassifierError: a folder that is missing or holds no image, or a file that is none.
    """
    images, success, groups = [], [], []
    for label in (SUCCESS, FAILURE):
        paths = sorted(p for p in (folder / label).glob('*') if p.suffix.lower() in _SUFFIXES)
        if len(paths) < 2:
            raise ClassifierError(
                f'{folder / label}: got {len(paths)} images ({", ".join(_SUFFIXES)}), expected at '
                'least 2: a classifier learns from both classes, and is measured on both. '
                '`dsrl export-images` takes them from a recorded run.'
            )
        for path in paths:
            images.append(_read(path, size))
            success.append(label == SUCCESS)
            of_episode = _OF_EPISODE.fullmatch(path.stem)
            groups.append(of_episode['episode'] if of_episode else f'{label}/{path.name}')
    return LabelledImages(np.stack(images), np.array(success), tuple(groups))


def _read(path: Path, size: int) -> ImageArray:
    try:
        with Image.open(path) as image:
            return fit(np.asarray(image.convert('RGB'), dtype=np.uint8), size)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ClassifierError(
            f'{path}: {error}, expected a PNG or JPEG. Leave it out, or mend it.'
        ) from error


def hold_out(data: LabelledImages, share: float, seed: int) -> NDArray[np.bool_]:
    """Choose what is measured on and never learned from.

    Frames of one episode stay together: they look alike, and would make a net that has learned
    them by heart look good.

    Args:
        data: both classes.
        share: of the episodes, or single images, of each class; 0 holds nothing out.
        seed: of the choice.

    Returns:
        (N,): True where held out.

    Raises:
        ClassifierError: a class would be left without images on one of the sides.
    """
    rng = np.random.default_rng(seed)
    held = np.zeros(len(data), dtype=np.bool_)
    if share == 0.0:
        return held
    groups = np.array(data.groups)
    with_success = sorted(set(groups[data.success]))
    without = sorted(set(groups) - set(with_success))
    for names in (with_success, without):
        count = max(1, round(share * len(names))) if len(names) > 1 else 0
        held |= np.isin(groups, rng.permutation(names)[:count])
    for side, mask in (('to learn from', ~held), ('held out', held)):
        for label, is_success in ((SUCCESS, True), (FAILURE, False)):
            if not (mask & (data.success == is_success)).any():
                raise ClassifierError(
                    f'images: got no {label} {side} with a held-out share of {share:g}, expected '
                    'some. Give more images, of more episodes, or set --held-out 0.'
                )
    return held
