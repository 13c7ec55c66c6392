"""Many strangers: means by hand at each share, what a crowd costs on the classes that have one, who leads, a line a method."""

from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import yaml
from given import around, together

from twofold.data import load_pair, normal_classes
from twofold.data.tasks import build_task
from twofold.errors import InputError
from twofold.lessons.strangers import crowd_costs, share_leads, share_panels, share_table
from twofold.runs.presets import PAIRS

REPOSITORY = Path(__file__).resolve().parents[2]
ME, OTHER = "pooled_gaussian", "target_only"
FIVE = [*PAIRS["dev"], ("emoji", "google", "twitter"), ("office_caltech", "webcam", "amazon")]


def frame_of(level, pairs=FIVE, ratios=(0.3, 0.0)):
    """Two methods on five classes of each pair, at ``level(method, share)``."""
    found = []
    for pair, ratio, method in product(pairs, ratios, (OTHER, ME)):
        task = dict(zip(("dataset", "source", "target"), pair, strict=True)) | {"anomaly_ratio": ratio}
        found.append(around(method, level(method, ratio), **task))
    return together(*found)


def spread_level(method, ratio):
    return 90.0 - 10 * ratio + (method == ME)


def crowd_level(method, ratio):
    return 90.0 - 40 * ratio + 2 * (method == ME)


@pytest.fixture
def spread():
    return frame_of(spread_level)


@pytest.fixture
def crowd():
    return frame_of(crowd_level).assign(anomaly_classes="one")


def test_a_row_a_pair_and_method_has_the_mean_at_each_share(spread):
    table = share_table(spread).set_index(["target", "method"])
    assert table.loc[("optdigits", ME), ["0%", "30%"]].tolist() == [91.0, 88.0]
    assert len(table) == 10


def test_a_crowd_costs_what_it_takes_from_the_classes_that_have_one(crowd, spread):
    few = crowd[~((crowd["target"] == "apple") & (crowd["normal"] == "4"))]
    table, counted = crowd_costs(few, spread)
    assert list(table) == ["method", "30%"], "without anomalies there is no crowd"
    costs = table.set_index("method")["30%"]
    assert costs[OTHER].startswith("below, -9.0 points [-9.0, -9.0] over 5 trials")
    assert costs[ME].startswith("below, -8.0 points")
    assert counted.startswith("2 verdicts; ")


def test_the_leads_stand_at_each_share_by_whence_the_anomalies_come(crowd, spread):
    table, counted = share_leads({"of all others": spread, "of one": crowd}, ME)
    assert table["lead over"].tolist() == [f"{OTHER}, anomalies of all others", f"{OTHER}, anomalies of one"]
    assert [cell.split(" points")[0] for cell in table["30%"]] == ["above, +1.0", "above, +2.0"]
    assert counted.startswith("4 verdicts; ")


def one_pair(frame):
    return frame[frame["target"] == "optdigits"]


def test_one_pair_alone_is_judged_over_its_classes(crowd, spread):
    table, _ = crowd_costs(one_pair(crowd), one_pair(spread))
    assert table["30%"].tolist() == ["below, -9.0 points [-9.0, -9.0]", "below, -8.0 points [-8.0, -8.0]"]


def test_each_method_has_a_line_over_the_shares_in_each_panel():
    figure = share_panels(frame_of(spread_level), ME, "of one class", plt.figure(layout="constrained"))
    panels = [ax for ax in figure.axes if ax.has_data()]
    assert len(panels) == 5
    assert len({ax.get_ylim() for ax in panels}) == 1, "a point of AUROC is as long in every panel"
    for ax in panels:
        assert [line.get_xdata().tolist() for line in ax.lines] == [[0.0, 30.0]] * 2
        np.testing.assert_allclose([line.get_ydata() for line in ax.lines], [[90.0, 87.0], [91.0, 88.0]])
    assert len(figure.legends[0].get_texts()) == 2
    title = figure.legends[0].get_title().get_text().replace("\n", " ")
    assert title.startswith(
        "Anomalies of one class: lead of pooled Gaussians over the best of the others +1.0 to +1.0 with 0 %"
    )
    plt.close(figure)


@pytest.mark.parametrize("dataset", ["digits", "emoji"])
def test_the_crowd_of_a_class_is_the_next_by_name_that_has_enough_for_a_half(dataset):
    presets = yaml.safe_load((REPOSITORY / "twofold/lessons/presets/embedded.yaml").read_text("utf-8"))["16_beyond_the_paper"]
    for pair in [tuple(pair) for pair in presets["worth_on"] if pair[0] == dataset]:
        source, target = load_pair(*pair)
        expected = {}
        for normal in normal_classes(*pair):
            at = target.classes.index(normal)
            for other in [*target.classes[at + 1 :], *target.classes[:at]]:
                try:
                    build_task(source, target, normal, anomaly_ratio=max(presets["shares"]), anomaly_classes=other)
                except InputError:
                    continue
                expected[normal] = other
                break
        assert presets["crowds"][dataset] == expected
