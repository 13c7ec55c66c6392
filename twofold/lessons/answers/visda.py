"""Answers to notebook 04."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from twofold.lessons.judging import Code, Count, Number, Open, Word
from twofold.lessons.shots import shots_against
from twofold.results.controls import over_pairs
from twofold.results.statistics import PAIR

__all__ = ["ANSWERS"]


def _closed(gains: np.ndarray, gaps: np.ndarray) -> float:
    places = pd.MultiIndex.from_tuples([("d", "s", str(i)) for i in range(len(gains))], names=PAIR)
    return over_pairs(pd.DataFrame({"gain": gains, "gap": gaps}, index=places).reset_index())["closed"]


def _reaches(nb: Any) -> str:
    """Whether 20 labels reach what is told none, on the first pair; nothing before they were told."""
    found = shots_against(nb.shown, "target_gaussian")
    found = found[(found["shots"] == 20) & (found["base"] == "few_shot")]
    return "" if found.empty else "yes" if found["difference"].iloc[0] >= 0 else "no"


ANSWERS = {
    "04.1": Number(
        lambda nb: float((nb.view["mean"]["twofold"] - nb.floor) / (nb.ceiling - nb.floor)),
        ("how far it came, divided by how far it could have come", "gain over source_only, divided by the oracle's gain"),
        of="share",
    ),
    "04.2": Count(
        lambda nb: int((nb.printed["zero_shot"] > nb.printed["twofold"]).sum()),
        ("class by class, not on average", "compare the columns zero_shot and twofold of `printed`"),
    ),
    "04.3": Number(
        lambda nb: float(nb.means["target_only"] - nb.means["twofold"]),
        ("two rows of the table beside", "mind the order: target_only minus twofold"),
    ),
    "04.4": Open(
        lambda nb: (
            "no: this oracle is the same training with a perfect selection, so it bounds the price of the clustering, not what "
            "features and scores can do. A method with other features, another score or no training at all may pass it; a gap "
            "closed by more than the whole says so. It is a mistake only to call it an upper bound."
        ),
        (),
    ),
    "04.5": Code(
        lambda nb: _closed,
        (
            "a sum of gains over a sum of gaps, not a mean of shares: a small gap makes a wild share",
            "wide = gaps >= 1 says which pairs have a part in it; of none the answer is float('nan')",
        ),
        cases=lambda rng: {
            "six pairs": (rng.normal(3, 4, 6), rng.uniform(2, 20, 6)),
            "a gap under one point": (rng.normal(3, 4, 3), np.array([8.0, 0.4, 1.0])),
            "no gap to close": (rng.normal(0, 1, 2), np.array([0.2, -3.0])),
        },
    ),
    "04.6": Word(
        _reaches,
        (
            "put 20 behind the 10 in `shots` and run the notebook again",
            "the line under the last figure that names target_gaussian",
        ),
        choices={"yes": ["it does", "reaches"], "no": ["it does not", "never"]},
    ),
}
