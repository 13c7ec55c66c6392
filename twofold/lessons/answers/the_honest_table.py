"""Answers to notebook 13."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from twofold.lessons.judging import Code, Count, Open, Word
from twofold.results.statistics import above

__all__ = ["ANSWERS"]


def _below(nb: Any) -> int:
    """Methods told nothing that lie below ``target_only`` on the first pair."""
    first = nb.table[(nb.table["pair"] == nb.table["pair"].iloc[0]) & (nb.table["told"] == "")]
    means = first.set_index("method")["mean"]
    return int((means < means["target_only"]).sum())


def _verdict(gains: np.ndarray) -> float:
    runs = pd.DataFrame({"normal": [str(i) for i in range(len(gains))], "dataset": "digits", "source": "s", "target": "t"})
    runs = runs.assign(seed=0, anomaly_ratio=0.1, collapsed=False)
    both = [runs.assign(method="mine", auroc=50.0 + gains), runs.assign(method="control", auroc=50.0)]
    verdict = above(pd.concat(both, ignore_index=True), "mine", "control")["verdict"]
    return {"above": 1.0, "undecided": 0.0, "below": -1.0}.get(verdict, np.nan)


def _wider(nb: Any) -> str:
    """Which spread of ``twofold`` is the wider on the first pair; nothing where it has one class or one seed."""
    row = nb.table[(nb.table["pair"] == nb.table["pair"].iloc[0]) & (nb.table["method"] == "twofold")].iloc[0]
    if row["n_classes"] < 2 or row["n_seeds"] < 2:
        return ""
    return "classes" if row["std_classes"] > row["std_seeds"] else "seeds"


ANSWERS = {
    "13.1": Count(
        _below, ("oracles do not count", "the column of the first pair, every row whose number is under target_only's")
    ),
    "13.2": Open(
        lambda nb: (
            "source_only for the shift, target_only for what the unlabelled pictures are worth without adaptation, controls "
            "that look at the same layers, the oracle set apart, collapsed runs counted, n and seeds. Settings are chosen "
            "without a label of the pairs that are reported, on pairs that are named and left out of the claim."
        ),
        (),
    ),
    "13.3": Code(
        lambda nb: _verdict,
        (
            "under five classes there is none: float('nan'), before anything is computed",
            "the interval of 03.4: the mean plus and minus scipy.stats.t.ppf(0.975, n - 1) * gains.std(ddof=1) / n**0.5",
            "1 where its low end is above zero, -1 where its high end is below, else 0",
        ),
        cases=lambda rng: {
            "ten classes that gain": (rng.uniform(2, 6, 10),),
            "ten that lose": (-rng.uniform(2, 6, 10),),
            "five of either kind": (np.array([-9.0, -4.0, 0.5, 5.0, 9.0]) + rng.uniform(-1, 1),),
            "four that gain alike": (rng.uniform(5, 6, 4),),
        },
    ),
    "13.4": Word(
        _wider,
        (
            "set `normals` and `trained_seeds`, and run the notebook again",
            "the row of twofold in the first table says (classes ..., seeds ...)",
        ),
        choices={"classes": ["class", "over classes"], "seeds": ["seed", "over seeds"]},
    ),
}
