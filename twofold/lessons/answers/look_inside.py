"""Answers to notebook 12."""

from __future__ import annotations

from typing import Any

import torch

from twofold.lessons.judging import Code, Number, Open, Word
from twofold.methods import METHODS
from twofold.parts.one_class import center_distance
from twofold.results.statistics import look_of

__all__ = ["ANSWERS"]


def _wider(nb: Any) -> str:
    """Whether ``density`` leaves the wider way between anomalies and normals; nothing before it was run."""
    way = nb.after["anomalous"] - nb.after["normal"]
    return ("wider" if way["density"] > way["twofold"] else "narrower") if "density" in way.index else ""


ANSWERS = {
    "12.1": Number(lambda nb: 2 * (1 - 2 / 8), ("put the share of errors into 2 (1 - 2 ε)", "the share of errors is 1/8")),
    "12.2": Word(
        lambda nb: str((nb.after["anomalous"] - nb.after["normal"]).idxmax()),
        (
            "look for the longest way from the normal pictures' mark to the anomalies'",
            "`after` has both distances: subtract its columns",
        ),
        choices={name: [look_of(name).words, look_of(name).words.replace(" (paper)", "")] for name in METHODS},
    ),
    "12.3": Code(
        lambda nb: center_distance,
        ("one number a picture: the squared length of what lies between it and the centre", "sum over the features, dim 1"),
        cases=lambda rng: {
            "five pictures": (torch.from_numpy(rng.normal(size=(5, 3))), torch.from_numpy(rng.normal(size=3))),
        },
    ),
    "12.4": Open(
        lambda nb: (
            "t-SNE keeps neighbours, not distances: gaps between its islands and their sizes have no unit, another seed draws "
            "another map, and what is one cloud there may be two in the features. A statement about distance needs a number "
            "from the features: the proxy A-distance, the distance to the centre, the AUROC."
        ),
        (),
    ),
    "12.5": Word(
        _wider,
        (
            'put "density" into `methods` and run the notebook again',
            "the lines under the figure of arrows, after the semicolon",
        ),
        choices={"wider": ["larger", "more"], "narrower": ["smaller", "less"]},
    ),
}
