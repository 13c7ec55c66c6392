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
    lead_table,
    moved_pictures,
    pair_table,
    spread_table,
    warning_dots,
    warning_table,
)
from twofold.results.statistics import PROTOCOL, gap_closed

DEV, CONFIRMATION = ("digits", "type", "optdigits"), ("pacs", "sketch", "photo")
ME, ORACLE = "pooled_gaussian", "pooled_gaussian[selection=oracle]"


@pytest.fixture
def figure():
    figure = plt.figure(layout="constrained")
    yield figure
    plt.close(figure)


def runs(aurocs, **fields):
    """A frame of one seed: method -> AUROC of two classes, or a pair of them."""
    rows = []
    for method, value in aurocs.items():
        for name, auroc in zip("pq", np.broadcast_to(value, 2), strict=True):
            rows.append({"normal": name, "method": method, "seed": 0, "auroc": auroc, "collapsed": False} | fields)
    plain = dict.fromkeys(PROTOCOL, "same") | {"anomaly_ratio": 0.1}
    return pd.DataFrame(rows).assign(**{k: v for k, v in plain.items() if k not in fields})


def of(pair):
    return dict(zip(("dataset", "source", "target"), pair, strict=True))


def two_pairs():
    first = runs({"target_only": 90, "source_knn": 50, ME: (96, 94), ORACLE: 97}, **of(DEV))
    second = runs({"target_only": 98, "source_knn": 70, ME: 97.5, ORACLE: 99}, **of(CONFIRMATION))
    return pd.concat([second, first], ignore_index=True)


def test_a_pair_s_row_says_use_best_control_gain_and_oracle():
    frame = two_pairs()
    gaps, _ = gap_closed(frame, ME, ["target_only", "source_knn"], ORACLE)
    table = pair_table(frame, gaps, ME)
    assert table["pair"].tolist() == ["digits type→optdigits", "pacs sketch→photo"]
    assert table["use"].tolist() == ["dev", "confirmation"]
    assert table["gain"].tolist() == ["above, +5.0 [+4.0, +6.0]", "below, -0.5 [-0.5, -0.5]"]
    assert table["told the true normals"].tolist() == ["97.0", "99.0"]


def test_spreads_and_collapsed_runs_stand_in_the_cells():
    collected = pd.DataFrame(
        [
            {**of(DEV), "method": "a", "mean": 90.0, "std_classes": 2.0, "std_seeds": 1.0, "n_collapsed": 0, "n_runs": 6},
            {**of(DEV), "method": "b", "mean": None, "std_classes": None, "std_seeds": None, "n_collapsed": 1, "n_runs": 6},
        ]
    )
    table = spread_table(collected).set_index("method")["digits type→optdigits (dev)"]
    assert table.to_dict() == {"a": "90.0 (classes 2.0, seeds 1.0)", "b": "1/6 collapsed"}


def test_lines_go_from_control_to_oracle_and_write_the_gain(figure):
    gaps, _ = gap_closed(two_pairs(), ME, ["target_only", "source_knn"], ORACLE)
    ax = gap_lines(gaps, ME, figure.subplots())
    assert [text.get_text() for text in ax.texts] == ["+5.0", "-0.5"]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[90, 97], [98, 99]]
    assert ax.get_yticklabels()[1].get_text() == "pacs sketch→photo\n(confirmation; best control target_only)"


def test_changes_are_to_the_whole_in_the_order_of_the_words(figure):
    rows = pd.DataFrame({"x": [90.0, 92.0, 88.5]}, index=["a", ME, "b"])
    change_dots(rows, ME, {"b": "without b", "a": "without a", "c": "not run"}, figure)
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["-3.5", "-2.0"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["without b", "without a"]


def curve():
    parts = []
    for origin, ratio in product(("all others", "one class"), (0.1, 0.3)):
        lead = {0.1: 4, 0.3: 1}[ratio] - (3 if origin == "one class" else 0)
        here = {"anomaly_ratio": ratio, "anomaly_classes": origin, **of(DEV)}
        parts.append(runs({"target_only": 80, ME: (80 + lead, 80 + lead)}, **here))
    return pd.concat(parts, ignore_index=True)


def test_the_least_lead_is_found_for_each_origin_of_anomalies():
    table = lead_table(curve(), ME, "target_only")
    assert table["anomalies from"].tolist() == ["all others", "one class"]
    assert table[["10%", "30%"]].to_numpy().tolist() == [["+4.0", "+1.0"], ["+1.0", "-2.0"]]
    assert table["least"].tolist() == ["above, +1.0 [+1.0, +1.0]", "below, -2.0 [-2.0, -2.0]"]


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
