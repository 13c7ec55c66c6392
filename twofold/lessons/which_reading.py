"""Which reading of Eq. 8: how many of the paper's printed signs each one reproduces, from the committed rows.

Run as a module it makes ``signs_told.csv``, a row a sign and reading, and from that ``signs.csv``, a row a reading, and
``signs_by_negatives.csv``, these two in Markdown as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from twofold.files import write_text
from twofold.lessons.study import project_folder
from twofold.results.sentences import markdown_table
from twofold.results.signs import PLAN, Reading, planned, sign_table, signs
from twofold.results.statistics import PAIR, as_frame
from twofold.results.tables import pair_name
from twofold.runs.rows import TABLE, Known
from twofold.runs.search import Pair

__all__ = ["tables", "told_by"]


def told_by(known: Known, plan: Mapping[Pair, Sequence[Reading]] = PLAN) -> pd.DataFrame:
    """Every printed sign under every reading, from rows of finished runs; ``signs`` on those of the plan alone.

    Parameters
    ----------
    known : rows, and where the pictures are whose classes the plan has to know.
    plan : readings of each pair.
    """
    return signs(as_frame(list(known.among(planned(plan, root=known.root)).values())), plan)


def tables(told: pd.DataFrame) -> dict[str, str]:
    """File name -> text of the tables that follow from the signs, as CSV and as Markdown with what runs they are.

    Parameters
    ----------
    told : of ``told_by``.
    """
    found = {"signs": _spelled(sign_table(told)), "signs_by_negatives": _spelled(sign_table(told, [*PAIR, "negatives"]))}
    n_classes = " and ".join(
        f"{int(some['n_classes'].max())} classes of {pair_name(pair)}" for pair, some in told.groupby(PAIR, sort=False)
    )
    note = f"{n_classes}, seed 0, preset embedded, 10 % anomalies but where a sign is about their share."
    texts = {f"{name}.csv": table.to_csv(index=False) for name, table in found.items()}
    return texts | {f"{name}.md": f"{markdown_table(table)}\n\n{note}\n" for name, table in found.items()}


def _spelled(table: pd.DataFrame) -> pd.DataFrame:
    """With pairs by their names and the share in percent."""
    pairs = [pair_name(pair) for pair in table[PAIR].itertuples(index=False, name=None)]
    share = [f"{share:.0%}" for share in table["share"]]
    return table.drop(columns=PAIR).assign(share=share, pair=pairs)[["pair", *table.columns.drop(PAIR)]]


if __name__ == "__main__":
    folder = project_folder() / "figures" / "embedded"
    write_text(folder / "signs_told.csv", told_by(Known(project_folder() / TABLE)).to_csv(index=False, float_format="%.4f"))
    for name, text in tables(pd.read_csv(folder / "signs_told.csv")).items():
        write_text(folder / name, text)
