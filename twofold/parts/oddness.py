"""What generic pictures tell: how odd a picture is in general, which the distance to what is normal has in it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from twofold.parts.neighbors import knn_distance, leave_one_out, nearest_others

__all__ = ["FARTHEST", "NEAREST", "general_oddness", "nearest", "own_oddness"]

NEIGHBORS = 7  # in the pile, as many as target_only has in the target
NEAREST = 1e-6  # a picture that is in the pile has a logarithm
FARTHEST = 2.0  # of the target's own distances, chosen on dev: 1.2 and 1.4 where a pile helps, 2.4 where it costs


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


def own_oddness(features: Tensor, squares: np.ndarray | None = None) -> Tensor:
    """(n,) ``general_oddness`` of every row with the others as the pile: how far a domain's pictures lie from each other.

    Their squared distances (n, n) may be known.
    """
    near = leave_one_out(features, NEIGHBORS) if squares is None else torch.from_numpy(nearest_others(squares, NEIGHBORS))
    return 2 * near.clamp_min(NEAREST).log()


def nearest(
    oddness: Mapping[str, Sequence[np.ndarray]], own: Sequence[np.ndarray], farthest: float = FARTHEST
) -> tuple[str | None, dict[str, float]]:
    r"""The pile whose style is nearest to the target's, if it is near at all: no label chooses.

    .. math:: \arg\min_b r_b, \quad r_b \le R, \qquad
        \log r_b = \frac{1}{2 L} \sum_l \operatorname{med}_i g_l^b(x_i) - \operatorname{med}_i g_l(x_i)

    Parameters
    ----------
    oddness : of each pile, of each layer (n,) ``general_oddness`` of pictures taken for normal.
    own : of each layer (n,) ``own_oddness`` of the same pictures.
    farthest : R; a pile farther away shares no style with the target and explains nothing of it.

    Returns
    -------
    The pile's name, None where none is near, and how far each lies in distances of the target's own; lower is nearer.

    Source
    ------
    Ours. The alternative, the pile that explains most of why normal pictures differ, is too noisy on few pictures.

    >>> own = [np.array([0.0, 1.0, 2.0])]
    >>> nearest({"emoji": [np.array([1.0, 1.0, 2.0])], "photos": [np.array([5.0])]}, own)[0]
    'emoji'
    >>> nearest({"photos": [np.array([5.0])]}, own)[0], nearest({}, own)
    (None, (None, {}))
    """
    medians = [np.median(layer) for layer in own]
    far = {
        name: float(np.exp(np.mean([np.median(layer) - median for layer, median in zip(layers, medians, strict=True)]) / 2))
        for name, layers in oddness.items()
    }
    near = {name: ratio for name, ratio in far.items() if ratio <= farthest}
    return min(near, key=near.__getitem__, default=None), far
