"""Random views of pictures: what training looks at in place of the pictures themselves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2

__all__ = ["Views", "baseline_views", "enlarged_px", "msc_views", "plain_views"]

Views = Callable[[Tensor], Tensor]  # uint8 (n, 3, h, w) -> views of them, others each time; torch's random numbers


def plain_views(x: Tensor) -> Tensor:
    """The pictures, or stem features, as they are."""
    return x


def enlarged_px(size_px: int) -> int:
    """Side at which pictures are read where a crop of ``size_px`` is taken of them: 256 for 224, others alike.

    >>> enlarged_px(224), enlarged_px(32)
    (256, 37)
    """
    return round(size_px * 256 / 224)


def baseline_views(size_px: int) -> Views:
    """Of every picture one view: a crop, a flip in half of the cases, a turn by up to 30 degrees.

    Parameters
    ----------
    size_px : side of the crop, of pictures that are larger.

    Returns
    -------
    uint8 (n, 3, h, w) -> uint8 (n, 3, size_px, size_px).

    Source
    ------
    MsRA (Li et al. 2023), whose setting the paper says it follows. Deviations: the crop is drawn; theirs is the middle, in
    training and test alike, and our test looks at whole pictures.

    >>> baseline_views(32)(torch.zeros(5, 3, enlarged_px(32), enlarged_px(32), dtype=torch.uint8)).shape
    torch.Size([5, 3, 32, 32])
    """
    view = v2.Compose([v2.RandomCrop(size_px), v2.RandomHorizontalFlip(), v2.RandomRotation(30)])
    return lambda x: torch.stack([view(picture) for picture in x])


def msc_views(size_px: int) -> Views:
    """Of every picture two views, beside each other: a crop, a flip, other colours, at times grey or blurred.

    Parameters
    ----------
    size_px : side of the views.

    Returns
    -------
    uint8 (n, 3, h, w) -> uint8 (2n, 3, size_px, size_px).

    Source
    ------
    Reiss & Hoshen 2023. Deviations: none.

    >>> msc_views(32)(torch.zeros(5, 3, 48, 48, dtype=torch.uint8)).shape
    torch.Size([10, 3, 32, 32])
    """
    blur = v2.RandomApply([v2.GaussianBlur(kernel_size=max(3, size_px // 20 * 2 + 1), sigma=(0.1, 2.0))], p=0.5)
    jitter = v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8)
    crop = v2.RandomResizedCrop(size_px, scale=(0.2, 1.0), antialias=True)
    view = v2.Compose([crop, v2.RandomHorizontalFlip(), jitter, v2.RandomGrayscale(p=0.2), blur])
    return lambda x: torch.stack([view(picture) for picture in x for _ in range(2)])
