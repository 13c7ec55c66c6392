"""A method between its controls and its oracle: rows in order, leads by hand, warnings counted, pictures moved."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from twofold import load_domain
from twofold.lessons.beyond_the_paper import (
    change_dots,
    gap_lines,
    lead_panels,
    lead_reading,
    lead_table,
    moved_pictures,
    pair_table,
    spread_table,
    strangers,
    warning_dots,
    warning_table,
)
from twofold.results.controls import best_controls
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


CONTROLS = ["target_only", "source_knn"]


def test_a_pair_s_row_says_use_best_control_gain_and_oracle():
    table = pair_table(best_controls(two_pairs(), ME, CONTROLS, ORACLE), ME)
    assert table["pair"].tolist() == [pair_name(DEV), pair_name(CONFIRMATION)]
    assert table["use"].tolist() == ["dev", "confirmation"]
    decided, few = table["gain"]
    assert decided.startswith("above, +5.0 points [+3.9, ")
    assert few == "too few classes, -0.5 points (above on 0 of 2 classes)"
    assert table["told the true normals"].tolist() == ["97.0", "99.0"]


def test_a_pair_in_which_a_run_collapsed_is_told_of_the_rest():
    frame = two_pairs()
    frame["collapsed"] = frame["method"].eq(ME) & frame["target"].eq("optdigits") & frame["normal"].eq("p")
    row = pair_table(best_controls(frame, ME, CONTROLS, ORACLE), ME).iloc[0]
    assert (row[ME], row["its AUROC"]) == ("94.8", "90.0")
    assert row["gain"].startswith(f"{ME} 1/6 collapsed; of the rest above, +4.8 points [")


def test_a_pair_in_which_the_method_collapsed_everywhere_draws_no_number(figure):
    frame = two_pairs()
    frame["collapsed"] = frame["method"].eq(ME) & frame["target"].eq("optdigits")
    gaps = best_controls(frame, ME, CONTROLS, ORACLE)
    row = pair_table(gaps, ME).iloc[0]
    assert (row[ME], row["best control"], row["gain"]) == (
        "collapsed",
        "collapsed",
        f"{ME} 6/6 collapsed; no class is left",
    )
    ax = gap_lines(gaps, ME, figure.subplots())
    assert [text.get_text() for text in ax.texts] == ["collapsed", "-0.5"]


def test_the_lead_is_read_over_targets_by_use_and_from_one_control():
    levels = {pair: 4.0 + i for i, pair in enumerate([*PAIRS["dev"], *PAIRS["seen"][:2]])}
    parts = [runs({"target_only": 80, "source_knn": 60, ME: (80 + g,) * 5, ORACLE: 90}, **of(p)) for p, g in levels.items()]
    parts.append(runs({"target_only": 98, "source_knn": 70, ME: (97.5,) * 5, ORACLE: 98.5}, **of(CONFIRMATION)))
    whole, worst, dev, seen, confirmation, rest, closed, single = lead_reading(pd.concat(parts), ME, CONTROLS, ORACLE)
    assert whole.startswith("lead over the control that labels judge the best of each pair: above, +4.9 points [")
    assert whole.endswith("over 6 trials")
    assert worst == f"worst pair -0.5, {pair_name(CONFIRMATION)}; without a number: none"
    assert dev == "dev alone: too few trials, +5.0 points (above on 3 of 3 trials)"
    assert seen.startswith("seen alone: too few trials, +7.5")
    assert confirmation.startswith("confirmation alone: too few trials, -0.5")
    assert rest.startswith("without dev: too few trials, +4.8")
    assert closed == f"of the gap to {ORACLE} 60% is closed; left out, with a gap under 1 point: {pair_name(CONFIRMATION)}"
    assert single == "from target_only, the single control best on dev, 60% is closed"


def test_a_stranger_is_another_class_large_enough_to_be_drawn_from():
    names = ["a"] * 5 + ["b"] + ["c"] * 4 + ["d"] * 2
    found = strangers(names)
    assert found == {"a": "c", "b": "c", "c": "d", "d": "a"}
    assert strangers(names[::-1]) == found


def test_spreads_and_collapsed_runs_stand_in_the_cells():
    n = {"n_runs": 6, "n_classes": 6}
    collected = pd.DataFrame(
        [
            {**of(DEV), "method": "a", "mean": 90.0, "std_classes": 2.0, "std_seeds": 1.0, "n_collapsed": 0, "rest": 90.0} | n,
            {**of(DEV), "method": "b", "mean": None, "std_classes": None, "std_seeds": None, "n_collapsed": 1, "rest": 80.0}
            | n,
        ]
    )
    table = spread_table(collected).set_index("method")["digits type→optdigits (dev)"]
    assert table.to_dict() == {"a": "90.0 (classes 2.0, seeds 1.0)", "b": "1/6 collapsed; of the rest 80.0"}


def test_lines_go_from_control_to_oracle_and_write_the_gain(figure):
    gaps = best_controls(two_pairs(), ME, CONTROLS, ORACLE)
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
    assert table["least"].tolist() == ["+1.0 points [+1.0, +1.0]", "-2.0 points [-2.0, -2.0]"]
    assert table["verdict"].tolist() == ["above", "below"]


def fallen_curve():
    """The same, the method's first class collapsed at 30 %."""
    frame = curve()
    return frame.assign(collapsed=frame["method"].eq(ME) & frame["anomaly_ratio"].eq(0.3) & frame["normal"].eq("p"))


def test_where_a_run_collapsed_the_lead_is_of_the_rest_and_never_the_least(figure):
    frame = fallen_curve()
    table = lead_table(frame, ME, "target_only")
    assert table["30%"].tolist() == [f"+1.0 ({ME} 1/6 collapsed)", f"-2.0 ({ME} 1/6 collapsed)"]
    assert table["least"].tolist() == ["+4.0 points [+4.0, +4.0]", "+1.0 points [+1.0, +1.0]"]
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
