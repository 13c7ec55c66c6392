"""One-class objectives and their scores: what keeps the source compact, and how far a picture lies from it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["angular_loss", "angular_msc_loss", "center_distance", "dsvdd_loss", "msc_loss"]


def center_distance(z: Tensor, center: Tensor) -> Tensor:
    r"""Squared Euclidean distance to the centre, the anomaly score of DSVDD.

    .. math:: a(x) = \lVert f(x) - c \rVert^2

    Parameters
    ----------
    z : (n, d)
        Features.
    center : (d,)
        Centre of the hypersphere, from the source.

    Returns
    -------
    (n,) >= 0, higher is more anomalous.

    Source
    ------
    Ruff et al. 2018, the score of one-class DSVDD. Deviations: none.

    >>> center_distance(torch.tensor([[3.0, 4.0]]), torch.zeros(2))
    tensor([25.])
    """
    return ((z - center) ** 2).sum(dim=1)


def dsvdd_loss(z_source: Tensor, center: Tensor) -> Tensor:
    r"""Mean squared distance of normal source features to a fixed centre.

    .. math:: L_{AD} = \frac{1}{N_s} \sum_i \lVert f(x_i^s) - c \rVert^2

    Parameters
    ----------
    z_source : (n, d)
        Features of normal source pictures.
    center : (d,)
        Mean of the source features before training.

    Returns
    -------
    () scalar >= 0, zero iff every feature is the centre.

    Source
    ------
    Eq. 5. Deviations: no weight-decay term, the optimiser has it; the centre is fixed, since a centre that follows the
    features lets the loss reach zero by shrinking them.

    >>> dsvdd_loss(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.zeros(2))
    tensor(12.5000)
    """
    return center_distance(z_source, center).mean()


def angular_loss(z: Tensor, center: Tensor) -> Tensor:
    r"""Mean squared distance of features to a centre, both on the unit sphere: what holds the angles together beside MSC.

    .. math:: L = \frac{1}{n} \sum_i \left\lVert \frac{z_i}{\lVert z_i \rVert} - \frac{c}{\lVert c \rVert} \right\rVert^2
        = 2 - \frac{2}{n} \sum_i \cos(z_i, c)

    Parameters
    ----------
    z : (n, d)
    center : (d,) mean of the L2-normalised source features before training.

    Returns
    -------
    () scalar in [0, 4].

    Source
    ------
    Reiss & Hoshen 2023, the angular centre loss, as its public code has it. Deviations: none.

    >>> angular_loss(torch.tensor([[0.0, 5.0], [3.0, 0.0]]), torch.tensor([0.5, 0.0]))
    tensor(1.)
    """
    return center_distance(functional.normalize(z, dim=1), functional.normalize(center, dim=0)).mean()


def msc_loss(z_view1: Tensor, z_view2: Tensor, center: Tensor, temperature: float) -> Tensor:
    r"""Mean-shifted contrastive loss: NT-Xent of two views around the centre of the normals.

    .. math:: \theta_i = \frac{z_i / \lVert z_i \rVert - c}{\lVert z_i / \lVert z_i \rVert - c \rVert}, \qquad
        L = -\frac{1}{2B} \sum_i \log \frac{\exp(\theta_i \cdot \theta_{i'} / \tau)}
        {\sum_{k \ne i} \exp(\theta_i \cdot \theta_k / \tau)}

    Parameters
    ----------
    z_view1, z_view2 : (n, d)
        Features of two augmented views of the same normal source pictures, row by row.
    center : (d,)
        Mean of the L2-normalised source features before training.
    temperature : tau > 0.

    Returns
    -------
    () scalar >= 0.

    Source
    ------
    Reiss & Hoshen 2023. Deviations: none; the angular term is ``angular_loss``.

    >>> views = torch.eye(2)
    >>> round(msc_loss(views, views, torch.zeros(2), temperature=1.0).item(), 4)  # log(1 + 2 / e)
    0.5514
    """
    z = functional.normalize(torch.cat([z_view1, z_view2]), dim=1)
    theta = functional.normalize(z - center, dim=1)
    logits = theta @ theta.T / temperature  # (2n, 2n)
    logits = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool, device=logits.device), -torch.inf)
    twins = torch.arange(len(logits), device=logits.device).roll(len(z_view1))
    return functional.cross_entropy(logits, twins)


def angular_msc_loss(z_view1: Tensor, z_view2: Tensor, center: Tensor, temperature: float, weight: float) -> Tensor:
    r"""The mean-shifted contrastive loss with the angular term of each view; with it the centre is put on the sphere.

    .. math:: L = L_{msc} + \lambda \left( L_{angular}(z^{(1)}) + L_{angular}(z^{(2)}) \right)

    Parameters
    ----------
    z_view1, z_view2, center, temperature : as in ``msc_loss``.
    weight : lambda >= 0; 0 is ``msc_loss``.

    Returns
    -------
    () scalar >= 0.

    Source
    ------
    Reiss & Hoshen 2023; weight 1 in the public code. Deviations: none.

    >>> views, center = torch.eye(2), torch.zeros(2)
    >>> angular_msc_loss(views, views, center, 1.0, 0.0) == msc_loss(views, views, center, 1.0)
    tensor(True)
    """
    if weight == 0:
        return msc_loss(z_view1, z_view2, center, temperature)
    center = functional.normalize(center, dim=0)
    angular = angular_loss(z_view1, center) + angular_loss(z_view2, center)
    return msc_loss(z_view1, z_view2, center, temperature) + weight * angular
