"""Random views of pictures: what training looks at in place of the pictures themselves.

torchvision takes as long to load as torch does, so it is imported where a view is made: most runs need none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torchvision.transforms import v2

__all__ = [
    "Views",
    "baseline_views",
    "contrasted_view",
    "enlarged_px",
    "grey_views",
    "msc_views",
    "patched",
    "plain_views",
    "restyled",
]

SEVERITY, DEEPEST, CHAINS = 3, 3, 3  # of ten levels; operations a chain; chains that are mixed

Views = Callable[[Tensor], Tensor]  # uint8 (n, 3, h, w) -> views of them, others each time; torch's random numbers


def plain_views(x: Tensor) -> Tensor:
    """The pictures, or stem features, as they are."""
    return x


def grey_views(x: Tensor) -> Tensor:
    """The pictures without their colours, in three equal channels.

    >>> red, green, blue = grey_views(torch.tensor([200, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1))[0].flatten().tolist()
    >>> red == green == blue
    True
    """
    from torchvision.transforms.v2.functional import rgb_to_grayscale

    return rgb_to_grayscale(x, 3)


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
    from torchvision.transforms import v2

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
    view = contrasted_view(size_px, least_area=0.2)
    return lambda x: torch.stack([view(picture) for picture in x for _ in range(2)])


def contrasted_view(size_px: int, least_area: float) -> v2.Compose:
    """One view that shows the same thing: a crop, a flip, other colours, at times grey or blurred.

    Parameters
    ----------
    size_px : side of the view.
    least_area : smallest share of the picture that is cut out.

    Returns
    -------
    uint8 (3, h, w) -> uint8 (3, size_px, size_px).

    Source
    ------
    MoCo v2 (Chen et al. 2020). Deviations: the blur's kernel is a tenth of the side.

    >>> contrasted_view(16, least_area=0.2)(torch.zeros(3, 32, 32, dtype=torch.uint8)).shape
    torch.Size([3, 16, 16])
    """
    from torchvision.transforms import v2

    blur = v2.RandomApply([v2.GaussianBlur(kernel_size=max(3, size_px // 20 * 2 + 1), sigma=(0.1, 2.0))], p=0.5)
    jitter = v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8)
    crop = v2.RandomResizedCrop(size_px, scale=(least_area, 1.0), antialias=True)
    return v2.Compose([crop, v2.RandomHorizontalFlip(), jitter, v2.RandomGrayscale(p=0.2), blur])


def patched(picture: Tensor, smallest: float = 16 / 224, largest: float = 72 / 224) -> Tensor:
    """A view of the same textures and of no thing: a grid of square patches cut out of the picture at random.

    Parameters
    ----------
    picture : (c, s, s)
    smallest, largest : side of a patch as a share of the picture's, drawn evenly in whole pixels.

    Returns
    -------
    (c, s, s), patches of one side, the last row and column cut where they reach over the edge.

    Source
    ------
    Ge et al. 2021, patch-based negatives: 16 to 72 of 224 pixels. Deviations: none but that sides follow the picture's.

    >>> patched(torch.full((3, 32, 32), 7)).unique().tolist()
    [7]
    """
    size = picture.shape[-1]
    least, most = (max(1, min(size, round(share * size))) for share in (smallest, largest))
    side = int(torch.randint(least, most + 1, ()))
    across = -(-size // side)
    row, column = torch.randint(size - side + 1, (2, across**2))
    cut = picture.unfold(1, side, 1).unfold(2, side, 1)[:, row, column]  # (c, across * across, side, side)
    grid = cut.unflatten(1, (across, across)).transpose(2, 3)  # (c, across, side, across, side)
    return grid.flatten(3, 4).flatten(1, 2)[:, :size, :size]


def _operation(picture: Tensor) -> Tensor:
    """The picture after one of eight changes of colour, of a strength that is drawn."""
    from torchvision.transforms.v2 import functional as styles

    level = 0.1 + (SEVERITY - 0.1) * float(torch.rand(()))
    share, factor = level / 10, 1.8 * level / 10 + 0.1
    operations = (
        styles.autocontrast,
        styles.equalize,
        lambda x: styles.posterize(x, 4 - int(4 * share)),
        lambda x: styles.solarize(x, 256 - int(256 * share)),
        lambda x: styles.adjust_saturation(x, factor),
        lambda x: styles.adjust_contrast(x, factor),
        lambda x: styles.adjust_brightness(x, factor),
        lambda x: styles.adjust_sharpness(x, factor),
    )
    return operations[int(torch.randint(len(operations), ()))](picture)


def restyled(picture: Tensor) -> Tensor:
    r"""A view of the same shapes in other colours: chains of changes mixed with each other and with the picture.

    .. math:: x' = (1 - m) \, x + m \sum_{k=1}^{3} w_k \, c_k(x), \qquad m \sim U(0, 1), \quad w \sim Dirichlet(1, 1, 1)

    Parameters
    ----------
    picture : uint8 (3, h, w)

    Returns
    -------
    uint8 (3, h, w)

    Source
    ------
    AugMix (Hendrycks et al. 2020) without turns, shears and shifts, as GNL takes it. Deviations: none.

    >>> restyled(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """
    weights = -torch.rand(CHAINS).clamp_min(1e-12).log()
    mixed = torch.zeros(picture.shape)
    for weight in weights / weights.sum():
        view = picture
        for _ in range(int(torch.randint(1, DEEPEST + 1, ()))):
            view = _operation(view)
        mixed += weight * view
    share = float(torch.rand(()))
    return ((1 - share) * picture + share * mixed).round().clamp(0, 255).to(torch.uint8)
