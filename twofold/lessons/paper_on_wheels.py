"""The paper's recipe on the networks whose weights pip brings, beside ours on the same networks, from the committed rows.

Run as a module it makes ``paper_on_wheels.csv`` and ``paper_on_wheels.md``.
"""

from __future__ import annotations

import pandas as pd

from twofold.files import write_text
from twofold.lessons.study import project_folder
from twofold.results.sentences import markdown_table, verdict_count, verdict_words, with_spread
from twofold.results.statistics import PAIR, above, as_frame, class_means
from twofold.results.tables import pair_name
from twofold.runs.config import RunConfig
from twofold.runs.rows import TABLE, Known
from twofold.runs.sweeps import expand

__all__ = ["planned", "tables"]

NETWORKS = {"backbone": "tf_efficientnet_lite0", "backbone_size_px": 32}
NETWORKS |= {"encoder": "tf_efficientnet_lite2", "encoder_size_px": 64}
RECIPES = {"paper": {"steps": 20}, "embedded": {}}  # preset -> what a CPU asks of it besides
CLASSES = {  # pair -> normal classes; of Office-Caltech those that the paper has
    ("digits", "type", "optdigits"): ["0", "2", "4", "6", "8"],
    ("office_caltech", "amazon", "webcam"): ["backpack", "headphones", "keyboard", "laptop", "mouse"],
}
METHODS = ["target_only", "source_only", "twofold"]


def planned() -> list[RunConfig]:
    """Each method by each recipe on every pair and class, at seed 0.

    >>> [len(planned()), planned()[-1].recipe.batch_size, planned()[0].preset]
    [60, 32, 'paper']
    """
    configs = []
    for preset, fields in RECIPES.items():
        for pair, normals in CLASSES.items():
            task = {**dict(zip(PAIR, pair, strict=True)), "normal": normals, "preset": preset}
            configs += expand({**task, "method": METHODS, **NETWORKS, **fields})
    return configs


def tables(frame: pd.DataFrame) -> dict[str, str]:
    """File name -> text of the table, as CSV and as Markdown with what runs they are.

    Parameters
    ----------
    frame : of ``as_frame`` over the runs that are planned, with their ``steps``.

    Returns
    -------
    A row a pair and recipe: the methods' AUROC in percent with what collapsed, the lead of ``twofold`` over training on the
    source alone, its lead over ``twofold`` by the other recipe, and in how many of its steps no negative was met.
    """
    frame, rows, verdicts = frame.assign(method=frame["base"]), [], []
    for pair, runs in frame.groupby(PAIR, sort=False):
        ours = runs[runs["method"] == "twofold"].assign(method=lambda r: r["preset"], preset="")
        for preset, other in (tuple(RECIPES), tuple(reversed(RECIPES))):
            here = runs[runs["preset"] == preset]
            means = class_means(here).set_index("method")
            lead, beside = above(here, "twofold", "source_only"), above(ours, preset, other)
            verdicts += [lead["verdict"]] + ([beside["verdict"]] if preset == "paper" else [])
            of_it = here[here["method"] == "twofold"]
            without = (of_it["fallback_steps"] / of_it["steps"]).mean()
            row = {"pair": pair_name(pair), "recipe": preset} | {name: with_spread(means.loc[name]) for name in METHODS}
            row |= {"twofold over source_only": verdict_words(lead), "over the other recipe": verdict_words(beside)}
            rows.append(row | {"steps without a negative": f"{without:.0%}"})
    table, steps = pd.DataFrame(rows), RECIPES["paper"]["steps"]
    note = (
        f"n = {frame.groupby(PAIR)['normal'].nunique().min()} classes, seed 0, 10 % anomalies; paper with {steps} steps of "
        f"its 1000, embedded as it is; both on lite0 at 32 px and lite2 at 64 px. {verdict_count(verdicts)}"
    )
    return {"paper_on_wheels.csv": table.to_csv(index=False), "paper_on_wheels.md": f"{markdown_table(table)}\n\n{note}\n"}


if __name__ == "__main__":
    rows = Known(project_folder() / TABLE).among(planned())
    for name, text in tables(as_frame(list(rows.values()), ["steps"])).items():
        write_text(project_folder() / "figures" / "embedded" / name, text)
