"""A method between its controls and its oracle: rows in order, leads by hand, warnings counted, pictures moved."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from twofold import load_domain
from twofold.errors import InputError
from twofold.lessons.beyond_the_paper import (
    change_dots,
    gap_closed,
    gap_lines,
    lead_panels,
    lead_table,
    moved_pictures,
    pair_table,
    spread_table,
    strangers,
    warning_dots,
    warning_table,
)
from twofold.results.statistics import PROTOCOL
from twofold.results.tables import pair_name
from twofold.runs.presets import PAIRS

DEV, CONFIRMATION = PAIRS["dev"][0], PAIRS["confirmation"][0]
ME, ORACLE = "pooled_gaussian", "pooled_gaussian[selection=oracle]"


@pytest.fixture
def figure():
    figure = plt.figure(layout="constrained")
    yield figure
    plt.close(figure)


def runs(aurocs, **fields):
    """A frame of one seed: method -> AUROC of all classes, or of each."""
    rows, n = [], max(np.size(value) for value in aurocs.values())
    for method, value in aurocs.items():
        for name, auroc in zip("pqrstu"[:n], np.broadcast_to(value, n), strict=True):
            rows.append({"normal": name, "method": method, "seed": 0, "auroc": auroc, "collapsed": False} | fields)
    plain = dict.fromkeys(PROTOCOL, "same") | {"anomaly_ratio": 0.1}
    return pd.DataFrame(rows).assign(**{k: v for k, v in plain.items() if k not in fields})


def of(pair):
    return dict(zip(("dataset", "source", "target"), pair, strict=True))


def two_pairs():
    first = runs({"target_only": 90, "source_knn": 50, ME: (96, 94) * 3, ORACLE: 97}, **of(DEV))
    second = runs({"target_only": 98, "source_knn": 70, ME: (97.5, 97.5), ORACLE: 99}, **of(CONFIRMATION))
    return pd.concat([second, first], ignore_index=True)


def test_a_pair_s_row_says_use_best_control_gain_and_oracle():
    frame = two_pairs()
    gaps, _ = gap_closed(frame, ME, ["target_only", "source_knn"], ORACLE)
    table = pair_table(frame, gaps, ME)
    assert table["pair"].tolist() == [pair_name(DEV), pair_name(CONFIRMATION)]
    assert table["use"].tolist() == ["dev", "confirmation"]
    decided, few = table["gain"]
    assert decided.startswith("above, +5.0 points [+4.")
    assert few == "too few classes, -0.5 points (above on 0 of 2 classes)"
    assert table["told the true normals"].tolist() == ["97.0", "99.0"]


def test_a_pair_in_which_the_method_collapsed_says_so_and_draws_no_number(figure):
    frame = two_pairs()
    frame["collapsed"] = frame["method"].eq(ME) & frame["target"].eq("optdigits") & frame["normal"].eq("p")
    gaps, _ = gap_closed(frame, ME, ["target_only", "source_knn"], ORACLE)
    row = pair_table(frame, gaps, ME).iloc[0]
    assert (row[ME], row["gain"], row["its AUROC"]) == ("collapsed", "collapsed", "90.0")
    ax = gap_lines(gaps, ME, figure.subplots())
    assert [text.get_text() for text in ax.texts] == ["collapsed", "-0.5"]


def gaps(ratio=0.1, collapsed=()):
    parts = []
    for target, scores in {"b": (70, 60, 75, 80), "c": (50, 90, 88, 95), "d": (99, 90, 99.2, 99.5)}.items():
        part = runs(
            {m: (v, v) for m, v in zip(("one", "two", "mine", "oracle"), scores, strict=True)}, **of(("x", "a", target))
        )
        parts.append(part.assign(collapsed=[(m, target) in collapsed for m in part["method"]], anomaly_ratio=ratio))
    return pd.concat(parts, ignore_index=True)


def test_the_gap_closed_is_the_sum_of_gains_over_the_sum_of_gaps_that_matter():
    table, whole = gap_closed(gaps(), "mine", ["one", "two"], "oracle")
    assert table["best_control"].tolist() == ["one", "two", "one"]
    assert whole["closed"] == pytest.approx((5 - 2) / (10 + 5))  # pair d has a gap below one point
    assert whole["worst_gain"] == -2
    assert whole["mean_gain"] == pytest.approx((5 - 2 + 0.2) / 3)


def test_a_collapsed_control_is_not_the_best_one():
    fallen = gaps(collapsed=[("one", "b")])
    table, _ = gap_closed(fallen, "mine", ["one", "two"], "oracle")
    assert table["best_control"].tolist() == ["two", "two", "one"]
    table, whole = gap_closed(fallen, "mine", ["one"], "oracle")  # then pair b has no control at all
    assert table["best_control"].isna().tolist() == [True, False, False]
    assert whole["closed"] == pytest.approx((88 - 50) / (95 - 50))


def test_gaps_want_one_ratio_and_every_method():
    with pytest.raises(InputError, match="one anomaly_ratio"):
        gap_closed(pd.concat([gaps(), gaps(0.2)]), "mine", ["one"], "oracle")
    with pytest.raises(InputError, match="wanted runs of absent"):
        gap_closed(gaps(), "absent", ["one"], "oracle")


def test_a_stranger_is_another_class_large_enough_to_be_drawn_from():
    names = ["a"] * 5 + ["b"] + ["c"] * 4 + ["d"] * 2
    found = strangers(names)
    assert found == {"a": "c", "b": "c", "c": "d", "d": "a"}
    assert strangers(names[::-1]) == found


def test_spreads_and_collapsed_runs_stand_in_the_cells():
    n = {"n_runs": 6, "n_classes": 6}
    collected = pd.DataFrame(
        [
            {**of(DEV), "method": "a", "mean": 90.0, "std_classes": 2.0, "std_seeds": 1.0, "n_collapsed": 0} | n,
            {**of(DEV), "method": "b", "mean": None, "std_classes": None, "std_seeds": None, "n_collapsed": 1} | n,
        ]
    )
    table = spread_table(collected).set_index("method")["digits type→optdigits (dev)"]
    assert table.to_dict() == {"a": "90.0 (classes 2.0, seeds 1.0)", "b": "1/6 collapsed"}


def test_lines_go_from_control_to_oracle_and_write_the_gain(figure):
    gaps, _ = gap_closed(two_pairs(), ME, ["target_only", "source_knn"], ORACLE)
    ax = gap_lines(gaps, ME, figure.subplots())
    assert [text.get_text() for text in ax.texts] == ["+5.0", "-0.5"]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[90, 97], [98, 99]]
    assert ax.get_yticklabels()[1].get_text() == f"{pair_name(CONFIRMATION)}\n(confirmation; best control target_only)"


def test_changes_are_to_the_whole_in_the_order_of_the_words(figure):
    rows = pd.DataFrame({"x": [90.0, 92.0, 88.5]}, index=["a", ME, "b"])
    change_dots(rows, ME, {"b": "without b", "a": "without a", "c": "not run"}, figure)
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["-3.5", "-2.0"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["without b", "without a"]
    figure.clear()
    change_dots(rows.assign(x=[90.0, 92.0, np.nan]), ME, {"b": "without b", "a": "without a"}, figure)
    assert [text.get_text() for text in figure.axes[0].texts] == ["collapsed", "-2.0"]


def curve():
    parts = []
    for origin, ratio in product(("all others", "one class"), (0.1, 0.3)):
        lead = {0.1: 4, 0.3: 1}[ratio] - (3 if origin == "one class" else 0)
        here = {"anomaly_ratio": ratio, "anomaly_classes": origin, **of(DEV)}
        parts.append(runs({"target_only": 80, ME: (80 + lead,) * 6}, **here))
    return pd.concat(parts, ignore_index=True)


def test_the_least_lead_is_found_for_each_origin_of_anomalies():
    table = lead_table(curve(), ME, "target_only")
    assert table["anomalies from"].tolist() == ["all others", "one class"]
    assert table[["10%", "30%"]].to_numpy().tolist() == [["+4.0", "+1.0"], ["+1.0", "-2.0"]]
    assert table["least"].tolist() == ["above, +1.0 points [+1.0, +1.0]", "below, -2.0 points [-2.0, -2.0]"]


def fallen_curve():
    """The same, the method's first class collapsed at 30 %."""
    frame = curve()
    return frame.assign(collapsed=frame["method"].eq(ME) & frame["anomaly_ratio"].eq(0.3) & frame["normal"].eq("p"))


def test_where_a_run_collapsed_there_is_no_lead_and_no_mean(figure):
    frame = fallen_curve()
    table = lead_table(frame, ME, "target_only")
    assert table["30%"].tolist() == ["collapsed", "collapsed"]
    assert table["least"].tolist() == ["above, +4.0 points [+4.0, +4.0]", "above, +1.0 points [+1.0, +1.0]"]
    lead_panels(frame, ME, "target_only", figure)
    (ax,) = figure.axes
    ends = {(line.get_linestyle(), line.get_ydata()[0]): line.get_ydata()[1] for line in ax.lines}
    assert np.isnan(ends["-", 84.0])
    assert np.isnan(ends["--", 81.0])
    assert ends["-", 80.0] == 80
    assert [text.get_text() for text in ax.texts] == ["1/6\ncollapsed"] * 2


def test_panels_draw_both_origins_of_both_methods(figure):
    lead_panels(curve(), ME, "target_only", figure)
    lines = figure.axes[0].lines
    assert sorted((line.get_linestyle(), *line.get_ydata()) for line in lines) == sorted(
        [("-", 80, 80), ("--", 80, 80), ("-", 84, 81), ("--", 81, 78)]
    )


def test_warnings_are_counted_by_use_and_share():
    frame = pd.concat([runs({ME: (95, 70)}, anomaly_ratio=0.1, **of(DEV)), runs({ME: (60, 70)}, anomaly_ratio=0.4, **of(DEV))])
    frame["contrast"] = [0.2, 0.3, 0.1, 0.1]
    table = warning_table(frame, 0.25).set_index("anomalies")
    assert table.loc["10%"].tolist() == ["dev", 2, "50", "0", "100"]
    assert table.loc["40%"].tolist() == ["dev", 2, "100", "100", ""]
    assert table.loc["all"].tolist() == ["dev", 4, "75", "67", "100"]


def test_dots_that_warned_are_on_the_low_side(figure):
    frame = runs({ME: (95, 70)}, **of(DEV)).assign(contrast=[0.5, 0.1])
    ax = warning_dots(frame, ME, 0.25, figure.subplots())
    assert {c.get_label(): c.get_offsets().data.tolist() for c in ax.collections} == {
        "not warned": [[0.5, 95.0]],
        "warned": [[0.1, 70.0]],
    }


def test_pictures_that_moved_to_their_right_side_come_first():
    domain = load_domain("digits", "optdigits")
    labels = np.array([0, 1, 0, 1])
    control, scores = np.array([4.0, 1.0, 2.0, 3.0]), np.array([1.0, 4.0, 3.0, 2.0])
    right, wrong = moved_pictures(scores, control, labels, domain.ids[:4], domain, n=1)
    assert (right[0] == domain.images([0, 1], 64)).all()
    assert (wrong[0] == domain.images([2, 3], 64)).all()
    assert right[1].tolist() == wrong[1].tolist() == [0, 1]
