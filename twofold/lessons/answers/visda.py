"""Answers to notebook 04."""

from __future__ import annotations

from twofold.lessons.judging import Count, Number, Open

__all__ = ["ANSWERS"]

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
}
