"""Leads where a data set declares its one normal class: intervals over the test pictures, since there are no classes to judge.

Run as a module on the store of the runs, whose scores no row holds, it makes ``declared_leads.csv``, a row a pair and control,
and from that ``declared.csv`` and ``declared.md``, a row a pair.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from twofold.data import NORMAL
from twofold.files import write_text
from twofold.lessons.study import project_folder
from twofold.results.sentences import markdown_table
from twofold.results.statistics import PAIR, above, as_frame
from twofold.results.tables import pair_name
from twofold.runs.config import RunConfig
from twofold.runs.presets import PAIRS
from twofold.runs.rows import TABLE, Known
from twofold.runs.store import RunStore
from twofold.runs.sweeps import expand

__all__ = ["leads", "planned", "tables"]

METHOD = "pooled_gaussian"
CONTROLS = ["target_only", "target_only[background=auto,features=layers]", "target_gaussian"]  # what sees less, the same eyes
SEEDS = [0, 1, 2]


def planned() -> list[RunConfig]:
    """The method and its controls on every pair of ours that has one class, which is declared.

    >>> len(planned()), sorted({config.task.dataset for config in planned()})
    (336, ['elpv', 'piped'])
    """
    configs = []
    for pair in [pair for pairs in PAIRS.values() for pair in pairs if pair[0] in NORMAL]:
        task = {**dict(zip(PAIR, pair, strict=True)), "normal": NORMAL[pair[0]][0], "seed": SEEDS}
        configs += expand({**task, "method": ["target_only", "target_gaussian", METHOD]})
        configs += expand({**task, "method": "target_only", "features": "layers", "background": "auto"})
    return configs


def leads(frame: pd.DataFrame, scores: Callable[[str], Mapping[str, np.ndarray]]) -> pd.DataFrame:
    """The lead over each control on each pair, with its interval over pictures.

    Parameters
    ----------
    frame : the runs that are planned, from ``as_frame``.
    scores : as in ``statistics.above``.

    Returns
    -------
    A row a pair and control: dataset, source, target, control, difference, low, high (points of AUROC), n_pictures (tested, of
    all seeds) and n_seeds.
    """
    rows = []
    for pair, runs in frame.groupby(PAIR, sort=False):
        mine = runs[runs["method"] == METHOD]
        n_pictures = len({str(name) for one in mine["config_hash"] for name in scores(one)["ids"]})
        for control in CONTROLS:
            found = above(runs, METHOD, control, scores)
            row = dict(zip(PAIR, pair, strict=True)) | {"control": control}
            row |= {field: found[field] for field in ("difference", "low", "high")}
            rows.append(row | {"n_pictures": n_pictures, "n_seeds": mine["seed"].nunique()})
    return pd.DataFrame(rows)


def tables(found: pd.DataFrame) -> dict[str, str]:
    """File name -> text of the table, as CSV and as Markdown with what runs they are.

    Parameters
    ----------
    found : of ``leads``.
    """
    words = [f"{row.difference:+.1f} [{row.low:+.1f}, {row.high:+.1f}]" for row in found.itertuples()]
    named = found.assign(words=words, pair=[pair_name(pair) for pair in found[PAIR].itertuples(index=False, name=None)])
    wide = named.pivot(index="pair", columns="control", values="words").loc[named["pair"].unique(), CONTROLS]
    table = wide.rename(columns=lambda control: f"over {control}").reset_index()
    table.insert(1, "n", [f"{row.n_pictures} x {row.n_seeds}" for row in named.drop_duplicates("pair").itertuples()])
    counts = "; ".join(
        f"over {control} the interval is above zero on {int((some['low'] > 0).sum())} of {len(some)} pairs, below on "
        f"{int((some['high'] < 0).sum())}"
        for control, some in found.groupby("control", sort=False)
    )
    note = (
        f"{METHOD}, points of AUROC, 95 % intervals of a bootstrap over the n test pictures x seeds, preset embedded, 10 % "
        f"anomalies; a pair with one class has no verdict. {counts[0].upper()}{counts[1:]}."
    )
    return {"declared.csv": table.to_csv(index=False), "declared.md": f"{markdown_table(table)}\n\n{note}\n"}


if __name__ == "__main__":
    folder, store = project_folder() / "figures" / "embedded", RunStore(sys.argv[1] if len(sys.argv) > 1 else "runs")
    frame = as_frame(list(Known(project_folder() / TABLE).among(planned()).values()))
    made = leads(frame, store.test_features).to_csv(index=False, float_format="%.4f")
    write_text(folder / "declared_leads.csv", made)
    for name, text in tables(pd.read_csv(folder / "declared_leads.csv")).items():
        write_text(folder / name, text)
