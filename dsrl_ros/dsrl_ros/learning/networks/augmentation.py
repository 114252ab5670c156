"""Random crops: the augmentation of images while learning (paper C.5). Never used to act."""

from __future__ import annotations

import torch
from torch import Tensor


def random_crop(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Return each image shifted at random, as if padded by its edge pixels and cropped again.

    Args:
        images: (B, C, H, W).
        padding: largest shift along each axis [pixels]; all channels of an image shift alike.
        generator: source of the shifts.

    Returns:
        (B, C, H, W), of the same type.
    """
    if not padding:
        return images
    batch, channels, height, width = images.shape
    shifts = torch.randint(
        -padding, padding + 1, (2, batch, 1), generator=generator, device=generator.device
    ).to(images.device)
    rows = _shifted(height, shifts[0])[:, None, :, None].expand(-1, channels, -1, width)
    columns = _shifted(width, shifts[1])[:, None, None, :].expand(-1, channels, height, -1)
    return images.gather(2, rows).gather(3, columns)


def _shifted(size: int, shifts: Tensor) -> Tensor:
    """Return the pixel along an axis that each comes from, (B, size)."""
    return (torch.arange(size, device=shifts.device) + shifts).clamp(0, size - 1)
