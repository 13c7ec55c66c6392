"""The ladder's verdicts, and what becomes of the target: shares that counting finds, bars that show them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from given import around, runs, together, written

from twofold.lessons.components import aligned_bars, aligned_parts, steps
from twofold.parts.selection import selection_quality


def ladder():
    """Two that differ class by class both ways, one far above both."""
    rows = [runs("source_only", *(50.0, 60.0, 40.0) * 2), runs("align_all", *(55.0, 50.0, 45.0) * 2)]
    return together(*rows, runs("twofold", *(80.0, 85.0, 90.0) * 2))


def test_a_ladder_holds_is_reversed_or_undecided_step_by_step():
    found = steps(ladder(), ["source_only", "align_all", "twofold", "source_only"])
    verdicts = [line.split(": ")[1].split(",")[0] for line in found[:3]]
    assert verdicts == ["undecided", "holds", "reversed"]
    assert found[1].startswith("align_all < twofold: holds, +35.0 points [")
    assert found[3].startswith("3 verdicts; ")
    few = ladder()
    few = few[few["normal"].astype(int) < 4]
    lines = steps(few, ["source_only", "align_all", "twofold"])
    assert {line.split(": ")[1].split(",")[0] for line in lines} == {"too few classes"}


def test_a_step_to_what_collapsed_is_named():
    frame = ladder()
    frame = frame.assign(collapsed=frame["method"].eq("twofold") & frame["normal"].eq("0"))
    line, _ = steps(frame, ["source_only", "twofold"])
    assert line.startswith("source_only < twofold: twofold 1/6 collapsed; of the rest holds, +36.0 points [")
    gone = frame.assign(collapsed=frame["method"].eq("twofold"))
    assert steps(gone, ["source_only", "twofold"]) == ["source_only < twofold: twofold 6/6 collapsed; no class is left"]


@pytest.mark.parametrize("seed", range(8))
def test_the_parts_of_the_target_are_those_that_counting_finds(seed):
    rng = np.random.default_rng(seed)
    anomalous, taken = rng.random(60) < 0.2, rng.random(60) < 0.7
    taken[np.flatnonzero(~anomalous)[0]] = True
    quality = selection_quality(taken, anomalous.astype(int))
    frame = runs("twofold", 80.0, anomaly_ratio=0.2, **{of: quality[of] for of in ("purity", "recall", "accuracy")})
    counted = [(taken & ~anomalous), (taken & anomalous), (~taken & anomalous), (~taken & ~anomalous)]
    assert aligned_parts(frame, ["twofold"]).iloc[0].tolist() == pytest.approx([part.mean() for part in counted])


def test_an_errorless_selection_aligns_the_normals_and_repels_the_drawn_share():
    frame = around("oracle", 90.0, told="labels", purity=1.0, recall=1.0, accuracy=1.0)
    assert aligned_parts(frame, ["twofold", "oracle"]).loc["oracle"].tolist() == pytest.approx([0.9, 0, 0.1, 0])


def test_what_a_run_selected_is_known_where_it_collapsed():
    frame = runs("twofold", 80.0, purity=1.0, recall=1.0, accuracy=1.0, collapsed=True)
    assert aligned_parts(frame, ["twofold"]).notna().all(axis=None)


def test_every_bar_is_100_percent_wide_and_hatched_where_it_repels():
    parts = pd.DataFrame(
        {"normals aligned": [0.7, 0.5], "anomalies aligned": [0.1, 0.0]}
        | {"anomalies repelled": [0.1, 0.2], "normals repelled": [0.1, 0.3]},
        index=["a", "b"],
    )
    figure, ax = plt.subplots()
    aligned_bars(parts, ax)
    ends = [max(bar.get_x() + bar.get_width() for bar in ax.patches if round(bar.get_y() + 0.31) == i) for i in range(2)]
    assert ends == pytest.approx([100, 100])
    assert [bar.get_hatch() for bar in ax.patches[::2]] == ["", "", "////", "////"]
    assert written(ax) == ["70", "50", "10", "10", "20", "10", "30"]  # nothing is written on a part of nothing
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    plt.close(figure)
