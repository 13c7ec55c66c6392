"""What generic pictures tell: how odd a picture is in general, which the distance to what is normal has in it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from twofold.parts.neighbors import knn_distance

__all__ = ["NEAREST", "general_oddness", "nearest"]

NEIGHBORS = 7  # in the pile, as many as target_only has in the target
NEAREST = 1e-6  # a picture that is in the pile has a logarithm


def general_oddness(features: Tensor, pile: Tensor) -> Tensor:
    r"""Logarithm of the squared mean distance to the nearest generic pictures.

    .. math:: g(x) = \log \Big( \tfrac{1}{k} \sum_{j \in N_k(x)} \lVert x - b_j \rVert \Big)^2

    Subtracted from the logarithm of the squared distance to what is normal it leaves a log-likelihood ratio of two heavy
    tails: how much farther a picture lies from the normal ones than it lies from pictures at large. A busy drawing is far
    from everything, and that says nothing against it.

    Parameters
    ----------
    features : (n, d) unit features.
    pile : (m, d) unit features of generic pictures.

    Returns
    -------
    (n,) float64.

    Source
    ------
    The ratio in place of the likelihood: Ren et al. 2019 and 2021 (relative Mahalanobis distance). Deviations: ours in that
    the pile is generic pictures of the target's style, and its density is that of neighbours.

    >>> import torch
    >>> general_oddness(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))  # log 2
    tensor([0.6931], dtype=torch.float64)
    """
    return 2 * knn_distance(features, pile, NEIGHBORS).clamp_min(NEAREST).log()


def nearest(oddness: Mapping[str, Sequence[np.ndarray]]) -> tuple[str | None, dict[str, float]]:
    r"""The pile whose style is nearest to the target's: no label chooses.

    .. math:: \arg\min_b \frac{1}{L} \sum_l \operatorname{med}_i g_l^b(x_i)

    Parameters
    ----------
    oddness : of each pile, of each layer (n,) ``general_oddness`` of pictures taken for normal.

    Returns
    -------
    The pile's name, None where there is none, and how far each lies, lower is nearer.

    Source
    ------
    Ours. The alternative, the pile that explains most of why normal pictures differ, is too noisy on few pictures.

    >>> nearest({"emoji": [np.array([0.0, 1.0, 2.0])], "photos": [np.array([5.0])]}), nearest({})
    (('emoji', {'emoji': 1.0, 'photos': 5.0}), (None, {}))
    """
    far = {name: float(np.mean([np.median(layer) for layer in layers])) for name, layers in oddness.items()}
    return min(far, key=far.__getitem__, default=None), far
