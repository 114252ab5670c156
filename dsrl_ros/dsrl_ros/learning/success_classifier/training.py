"""Train a success classifier from labelled images: small, by augmentation, on one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dsrl_ros.core.options import check, option
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.core.types import Array
from dsrl_ros.learning.networks.augmentation import random_crop
from dsrl_ros.learning.networks.encoder import Encoder, ObservationBatch
from dsrl_ros.learning.success_classifier.classifier import SuccessClassifier, observation_spec
from dsrl_ros.learning.success_classifier.images import LabelledImages

_CHANNELS, _HEAD = 16, 32
_BATCH = 16
_BRIGHTNESS = 0.3  # largest change, as a share
_CROP = 16  # the largest shift is this part of the image


@dataclass(frozen=True)
class ClassifierOptions:
    """How a classifier is trained."""

    size: int = option(64, 'Side of the square that images are scaled to.', low=16, high=256)
    epochs: int = option(60, 'Passes over the images.', low=1, high=10_000)
    seed: int = option(0, 'Seed of everything.', low=0, high=2**31)
    held_out: float = option(
        0.2, 'Share of the episodes that is measured on, not learned from.', low=0.0, high=0.9
    )
    learning_rate: float = option(3e-3, 'Of AdamW, falling to zero.', low=1e-6, high=0.1)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Accuracy:
    """How often a classifier was right on images it has not learned from, at probability 0.5.

    Attributes:
        success, failure: right ones of each class.
    """

    success: SuccessRate
    failure: SuccessRate

    @property
    def together(self) -> SuccessRate:
        """Right ones of all."""
        return SuccessRate(
            self.success.successes + self.failure.successes,
            self.success.trials + self.failure.trials,
        )


class SuccessNet(nn.Module):
    """The encoder of the learner, and one logit.

    Args:
        size: of the images [pixels].
        generator: source of the initial weights.
    """

    def __init__(self, size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.encoder = Encoder(observation_spec(size), _CHANNELS, _HEAD, generator)
        self.output = nn.Linear(_HEAD, 1)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, S, S) from 0 to 255 to logits (B,)."""
        no_state = torch.zeros(len(images), 0)
        logits: Tensor = self.output(self.encoder(ObservationBatch(no_state, image=images)))
        return logits.squeeze(1)

    def tensors(self) -> dict[str, Array]:
        """Return the weights by name, as `SuccessClassifier` takes them."""
        return {name: t.detach().numpy().copy() for name, t in self.state_dict().items()}


def train_classifier(
    data: LabelledImages,
    options: ClassifierOptions,
    on_epoch: Callable[[int, float], None] | None = None,
) -> SuccessNet:
    """Fit a classifier by binary cross-entropy in which both classes weigh the same.

    Sets torch to one thread.

    Args:
        data: images of both classes.
        options: how.
        on_epoch: called with the number of epochs done and the mean loss of the last.
    """
    torch.set_num_threads(1)  # sums in one order: the same seed gives the same weights
    generator = torch.Generator().manual_seed(options.seed)
    images = torch.from_numpy(data.images)
    labels = torch.from_numpy(data.success.astype(np.float32))
    share = float(labels.mean())
    weights = torch.where(labels > 0, 0.5 / share, 0.5 / (1.0 - share))
    net = SuccessNet(options.size, generator)
    optimizer = torch.optim.AdamW(net.parameters(), lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
    for epoch in range(options.epochs):
        losses = []
        order = torch.randperm(len(images), generator=generator)
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            logits = net(augmented(images[rows], generator))
            loss = nn.functional.binary_cross_entropy_with_logits(
                logits, labels[rows], weight=weights[rows]
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
        schedule.step()
        if on_epoch is not None:
            on_epoch(epoch + 1, float(np.mean(losses)))
    return net


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return images (B, 3, S, S) shifted, and brighter or darker, each by chance."""
    shifted = random_crop(images, images.shape[-1] // _CROP, generator)
    factor = 1.0 + _BRIGHTNESS * (2.0 * torch.rand(len(images), 1, 1, 1, generator=generator) - 1)
    return (shifted * factor).clamp(0.0, 255.0)


def accuracy(classifier: SuccessClassifier, data: LabelledImages) -> Accuracy:
    """Measure a classifier on images of its own size."""
    images = (image.transpose(1, 2, 0) for image in data.images)
    shown = np.array([classifier.probability(image) >= 0.5 for image in images], dtype=np.bool_)
    return Accuracy(SuccessRate.of(shown[data.success]), SuccessRate.of(~shown[~data.success]))
