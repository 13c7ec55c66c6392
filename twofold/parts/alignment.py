"""Alignment losses: pure functions of feature batches that draw selected target pictures to the source."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "DomainDiscriminator",
    "contrastive_loss",
    "domain_adversarial_loss",
    "mmd_loss",
    "reversal_strength",
    "reverse_gradient",
]

# ours: octaves around the mean squared distance, as deep adaptation networks have them
BANDWIDTH_FACTORS = (0.125, 0.25, 0.5, 1.0, 2.0)


def _check_widths(z_source: Tensor, z_other: Tensor, name: str) -> None:
    if z_source.ndim != 2 or z_other.ndim != 2 or z_source.shape[1] != z_other.shape[1]:
        raise ValueError(
            f"{name} must be (n, {z_source.shape[-1]}) like z_source, got shape {tuple(z_other.shape)}; "
            "embed both domains with the same backbone"
        )
    if len(z_source) == 0 or len(z_other) == 0:
        raise ValueError(f"z_source and {name} must not be empty; skip the step where a batch holds no pair")


def contrastive_loss(
    z_source: Tensor,
    z_positive: Tensor,
    z_negative: Tensor | None,
    temperature: float,
    in_batch: bool,
    pictures: Tensor | None = None,
) -> Tensor:
    r"""Draw source and selected target features together, and repel the negatives from the source.

    .. math:: \ell_{ij} = -\log \frac{\exp(s(z_i^s, z_j^t) / \tau)}
        {\exp(s(z_i^s, z_j^t) / \tau) + \sum_{n \in N} \exp(s(z_i^s, z_n^t) / \tau)}, \qquad
        L_{UDA} = \frac{1}{|P|} \sum_{(i,j) \in P} \ell_{ij}

    With explicit negatives P holds every source-positive pair. With ``in_batch`` pairs are one to one, row i with row
    i (mod the number of positives), and the batch's other positives are negatives too, but those of the partner's own picture:
    a domain smaller than its batch comes in copies, and perfect alignment would cost the logarithm of their number.

    Parameters
    ----------
    z_source : (n_source, d)
        Normal source features.
    z_positive : (n_positive, d)
        Target features taken for normal.
    z_negative : (n_negative, d) or None
        Target features taken for anomalous.
    temperature : tau > 0.
    in_batch : whether other positives are negatives.
    pictures : (n_positive,)
        Which picture each positive is, as any numbers; None where no two are the same.

    Returns
    -------
    () scalar >= 0, zero where there are no negatives at all.

    Raises
    ------
    ValueError : widths differ, or a side is empty.

    Source
    ------
    Eq. 8 and 9. Deviations: the printed denominator is lost; the non-dominant form follows the description of the loss
    by the paper's reviewers, the in-batch form is InfoNCE.

    >>> z = torch.tensor([[1.0, 0.0]])
    >>> contrastive_loss(z, z, -z, temperature=1.0, in_batch=False)  # log(1 + exp(-2))
    tensor(0.1269)
    """
    _check_widths(z_source, z_positive, "z_positive")
    z_source, z_positive = functional.normalize(z_source, dim=1), functional.normalize(z_positive, dim=1)
    pull = z_source @ z_positive.T / temperature  # (n_source, n_positive)
    push = None
    if z_negative is not None and len(z_negative):
        _check_widths(z_source, z_negative, "z_negative")
        push = z_source @ functional.normalize(z_negative, dim=1).T / temperature  # (n_source, n_negative)
    if in_batch:
        partner = torch.arange(len(z_source), device=pull.device) % len(z_positive)
        if pictures is not None:
            copies = pictures[partner][:, None] == pictures[None, :]  # (n_source, n_positive)
            pull = pull.masked_fill(copies.scatter(1, partner[:, None], False), -torch.inf)
        logits = pull if push is None else torch.cat([pull, push], dim=1)
        return functional.cross_entropy(logits, partner)
    if push is None:
        return (pull * 0).sum()
    repelled = push.logsumexp(dim=1, keepdim=True)  # (n_source, 1)
    return functional.softplus(repelled - pull).mean()


def mmd_loss(z_source: Tensor, z_target: Tensor) -> Tensor:
    r"""Unbiased squared maximum mean discrepancy under a sum of Gaussian kernels.

    .. math:: MMD^2 = E\,k(s, s') + E\,k(t, t') - 2 E\,k(s, t), \qquad
        k(x, y) = \sum_u \exp\!\left(-\frac{\lVert x - y \rVert^2}{2 \alpha_u \bar d^2}\right)

    Parameters
    ----------
    z_source : (n_source, d)
        n_source >= 2.
    z_target : (n_target, d)
        n_target >= 2, need not equal n_source.

    Returns
    -------
    () scalar; expectation zero iff the distributions agree, may be negative, at most 2 for each of the five kernels.

    Raises
    ------
    ValueError : widths differ, or a side has fewer than two rows.

    Source
    ------
    Gretton et al. 2006. Deviations: the paper gives no bandwidth; ours are five octaves around the mean squared
    distance of the joint batch, detached. Squared distances come from the Gram matrix: memory is (n_source +
    n_target)^2 and the gradient is finite where two features coincide.

    >>> mmd_loss(torch.zeros(2, 3), torch.zeros(4, 3))
    tensor(0.)
    """
    _check_widths(z_source, z_target, "z_target")
    n_source, n_target = len(z_source), len(z_target)
    if min(n_source, n_target) < 2:
        raise ValueError(f"mmd_loss wants at least two rows a side, got {n_source} and {n_target}; enlarge the batch")
    z = torch.cat([z_source, z_target])
    norms = (z * z).sum(dim=1)
    squared = (norms[:, None] + norms[None, :] - 2 * z @ z.T).clamp_min(0)
    n = len(z)
    scale = (squared.detach().sum() / (n * n - n)).clamp_min(torch.finfo(z.dtype).tiny)
    kernel = sum(torch.exp(-squared / (2 * factor * scale)) for factor in BANDWIDTH_FACTORS)
    within_source, within_target = kernel[:n_source, :n_source], kernel[n_source:, n_source:]
    return (
        (within_source.sum() - within_source.trace()) / (n_source * (n_source - 1))
        + (within_target.sum() - within_target.trace()) / (n_target * (n_target - 1))
        - 2 * kernel[:n_source, n_source:].mean()
    )


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return z.view_as(z)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradient, None


def reverse_gradient(z: Tensor, strength: float = 1.0) -> Tensor:
    """Identity whose gradient is multiplied by ``-strength`` (Ganin & Lempitsky 2015).

    >>> z = torch.ones(1, requires_grad=True)
    >>> reverse_gradient(z, 0.5).sum().backward()
    >>> z.grad
    tensor([-0.5000])
    """
    return _Reversal.apply(z, strength)


def reversal_strength(progress: float) -> float:
    r"""Strength of the reversal, from 0 to 1 over a run.

    .. math:: \lambda_p = \frac{2}{1 + \exp(-10 p)} - 1

    >>> reversal_strength(0.0), round(reversal_strength(1.0), 3)
    (0.0, 1.0)
    """
    return 2 / (1 + math.exp(-10 * progress)) - 1


class DomainDiscriminator(nn.Sequential):
    """Logit that a feature comes from the target: d -> 100 -> 1, small as in the few-shot baseline MsRA (ours)."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, 100), nn.ReLU(), nn.Linear(100, 1))


def domain_adversarial_loss(logits_source: Tensor, logits_target: Tensor) -> Tensor:
    r"""Binary cross-entropy of the domain discriminator, the two domains weighted equally.

    .. math:: L = -\tfrac12 \left[ E \log(1 - \sigma(D(s))) + E \log \sigma(D(t)) \right]

    Parameters
    ----------
    logits_source : (n_source, 1)
    logits_target : (n_target, 1)
        Discriminator outputs on reversed features.

    Returns
    -------
    () scalar >= 0; log 2 where the domains cannot be told apart.

    Source
    ------
    Ganin & Lempitsky 2015. Deviations: none.

    >>> domain_adversarial_loss(torch.zeros(3, 1), torch.zeros(5, 1))
    tensor(0.6931)
    """
    return (functional.softplus(logits_source).mean() + functional.softplus(-logits_target).mean()) / 2
