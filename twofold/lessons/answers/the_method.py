"""Answers to notebook 02."""

from __future__ import annotations

import numpy as np
import torch

from twofold.lessons.judging import Code, Number, Open, Word
from twofold.parts.alignment import contrastive_loss

__all__ = ["ANSWERS"]


def _features(rng: np.random.Generator, *rows: int) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(rng.normal(size=(n, 5))) for n in rows)


ANSWERS = {
    "02.1": Number(
        lambda nb: float(np.log(1 + len(nb.negatives))),
        (
            "every term of the denominator equals the numerator",
            "so the fraction is one over how many terms? `len(negatives)` of them are negatives",
        ),
    ),
    "02.2": Number(
        lambda nb: float(np.exp((0.9 - 0.7) / min(nb.temperatures))),
        (
            "the denominators of the two weights are the same: only the numerators differ",
            "divide exp(0.9 / τ) by exp(0.7 / τ), with the smallest of `temperatures`",
        ),
    ),
    "02.3": Code(
        lambda nb: lambda zs, zp, zn, tau: contrastive_loss(zs, zp, zn, tau, in_batch=False),
        (
            "cosines first: torch.nn.functional.normalize(z, dim=1), then one matrix product for each kind of pair",
            "the sum over negatives is one number a source picture, (n_source, 1); positives are (n_source, n_positive)",
            "-log(e^p / (e^p + R)) = log(1 + R / e^p); the loss is the mean over all pairs",
        ),
        cases=lambda rng: {
            "four sources, three positives, two negatives": (*_features(rng, 4, 3, 2), 0.5),
            "one of each": (*_features(rng, 1, 1, 1), 1.0),
            "a small temperature": (*_features(rng, 3, 2, 6), 0.1),
        },
    ),
    "02.4": Word(
        lambda nb: "rises" if nb.losses["one_class"][-5:].mean() > nb.losses["one_class"][:5].mean() else "falls",
        (
            "two terms share one network: which of them has the larger gradient at the start?",
            "compare the first and the last five steps of one_class, printed under the figure",
        ),
        choices={"rises": ["up", "grows"], "falls": ["down", "drops", "sinks"]},
    ),
    "02.5": Open(
        lambda nb: (
            "the AUROC asks for the order of distances alone. The source may move off the centre as a whole (offset) while it "
            "draws together (spread), and the target's normals come along with it: distances of normals shrink beside those of "
            "anomalies although no distance to the centre gets small, and L_AD, which is spread plus offset, need not fall."
        ),
        (),
    ),
}
