"""Success from an image: a small network as it runs, in plain numpy, and its files.

NAME.safetensors holds the weights, NAME.json beside it the card: how it was made, what it reached
on images held out, and the hash of the weights. Training: `classifier_training`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dsrl_ros.core.errors import ClassifierError, DsrlError
from dsrl_ros.core.types import Array, ImageArray, Observation
from dsrl_ros.learning.steering.actor_encoder import ActorEncoder
from dsrl_ros.learning.steering.observation import ObservationSpec

FORMAT = 'dsrl-success-classifier/1'
ENCODER = 'encoder.'
_AGAIN = 'Get the file again, or make it anew with `dsrl train-classifier`.'
_NO_STATE = np.zeros(0, dtype=np.float32)


def fit(image: ImageArray, size: int) -> ImageArray:
    """Return an image as the network reads it, when it learns and when it judges.

    Args:
        image: RGB, (H, W, 3).
        size: side of the square that it is scaled to [pixels].

    Returns:
        (3, size, size).
    """
    scaled = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(scaled, dtype=np.uint8).transpose(2, 0, 1))


def observation_spec(size: int) -> ObservationSpec:
    """Return what the encoder of a classifier sees: one RGB image and no state."""
    return ObservationSpec(0, image_shape=(3, size, size))


def card_path(path: Path) -> Path:
    """Return where the card of the classifier at `path` lies."""
    return path.with_suffix('.json')


def save_classifier(
    path: Path, tensors: Mapping[str, Array], size: int, notes: Mapping[str, Any]
) -> None:
    """Write weights and card.

    Args:
        path: of the weights, ending in `.safetensors`.
        tensors: `encoder.<name>` as `ActorEncoder` has them, `output.weight`, `output.bias`.
        size: of the images [pixels].
        notes: how it was made and what it reaches, for people; plain values.

    Raises:
        ClassifierError: another ending.
    """
    if path.suffix != '.safetensors':
        raise ClassifierError(f'classifier {path}: got {path.suffix!r}, expected .safetensors.')
    data = save(dict(tensors))
    card = {
        'format': FORMAT,
        'size': size,
        'sha256': hashlib.sha256(data).hexdigest(),
        'notes': dict(notes),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    card_path(path).write_text(json.dumps(card, indent=2) + '\n')


class SuccessClassifier:
    """Says how likely it is that an image shows the task done.

    Args:
        tensors: see `save_classifier`.
        size: of the images [pixels].

    Raises:
        ClassifierError: entries that are missing, do not fit each other, or are not finite.
    """

    def __init__(self, tensors: Mapping[str, Array], size: int) -> None:
        self.size = size
        for name, values in tensors.items():
            if values.dtype != np.float32 or not np.isfinite(values).all():
                raise ClassifierError(f'{name}: got {values.dtype}, expected finite float32.')
        try:
            encoder = {n.removeprefix(ENCODER): t for n, t in tensors.items() if ENCODER in n}
            self._encoder = ActorEncoder(observation_spec(size), encoder)
            self._weight, self._bias = tensors['output.weight'], tensors['output.bias']
        except KeyError as error:
            raise ClassifierError(f'got no entry {error}, expected one. {_AGAIN}') from None
        except DsrlError as error:
            raise ClassifierError(f'{error}') from error
        shapes = (self._weight.shape, self._bias.shape)
        if shapes != ((1, self._encoder.num_outputs), (1,)):
            raise ClassifierError(
                f'output: got shapes {shapes[0]} and {shapes[1]}, expected '
                f'{(1, self._encoder.num_outputs)} and (1,). {_AGAIN}'
            )

    @classmethod
    def load(cls, path: Path) -> SuccessClassifier:
        """Read weights and card.

        Args:
            path: of the weights; the card lies beside them.

        Raises:
            ClassifierError: a file that is missing, corrupt, of another format or hash.
        """
        try:
            card = json.loads(card_path(path).read_text())
            data = path.read_bytes()
            if card['format'] != FORMAT:
                raise ValueError(f'format {card["format"]!r}')
            size, expected = int(card['size']), str(card['sha256'])
        except OSError as error:
            raise ClassifierError(
                f'classifier {error.filename}: {error.strerror}, expected weights and card side '
                f'by side. {_AGAIN}'
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ClassifierError(
                f'classifier card {card_path(path)}: {error}, expected {FORMAT}. {_AGAIN}'
            ) from error
        got = hashlib.sha256(data).hexdigest()
        if got != expected:
            raise ClassifierError(
                f'classifier {path}: got sha256 {got[:12]}, expected {expected[:12]} as its card '
                f'says. {_AGAIN}'
            )
        try:
            return cls(load(data), size)
        except (ClassifierError, SafetensorError) as error:
            raise ClassifierError(f'classifier {path}: {error}') from error

    def probability(self, image: ImageArray) -> float:
        """Return how likely it is that an image shows success, from 0 to 1.

        Args:
            image: RGB, (H, W, 3), of any size.
        """
        encoded = self._encoder(Observation(_NO_STATE, fit(image, self.size)))
        logit = float(self._weight[0] @ encoded + self._bias[0])
        return 0.5 * (1.0 + float(np.tanh(0.5 * logit)))
