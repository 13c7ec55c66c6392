"""The table says what the runs say, the loss's parts add up to the loss, and every ending has one name."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from twofold.lessons import when_it_breaks as autopsy
from twofold.lessons.look_inside import Anatomy, features_before_and_after
from twofold.runs.config import configure
from twofold.runs.metrics import collapse_parts
from twofold.runs.sweeps import sweep

TASK = ("digits", "type", "optdigits", "3")
TINY = {"steps": 4, "batch_size": 8}


@pytest.fixture(scope="module")
def taken() -> Anatomy:
    return features_before_and_after(configure(*TASK, "source_only", **TINY))


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def ended(taken: Anatomy, losses: list[float], collapsed: bool) -> Anatomy:
    far = np.full_like(taken.source_scores, losses[-1])  # a fixed centre: the loss is the mean score
    losses = {"one_class": np.array(losses)}
    return replace(taken, losses=losses, result={**taken.result, "collapsed": collapsed}, source_scores=far)


@pytest.mark.parametrize(("n", "d", "shift"), [(1, 1, 0.0), (2, 5, -3.0), (30, 3, 0.5), (7, 4, 3.0)])
def test_spread_and_offset_add_up_to_the_loss(n, d, shift):
    z = np.random.default_rng(n).normal(size=(n, d))
    center = np.full(d, shift)
    spread, offset = autopsy.loss_parts(z, ((z - center) ** 2).sum(axis=1))
    assert offset == pytest.approx(((z.mean(axis=0) - center) ** 2).sum(), abs=1e-9)
    assert spread == pytest.approx(np.trace(np.atleast_2d(np.cov(z.T, bias=True))) if n > 1 else 0, abs=1e-9)


def test_the_parts_of_a_real_run_add_up_to_its_mean_score(taken):
    spread, offset = autopsy.loss_parts(taken.source, taken.source_scores)
    assert spread + offset == pytest.approx(taken.source_scores.mean(), rel=1e-4)
    assert min(spread, offset) >= 0


@pytest.mark.parametrize(
    ("losses", "collapsed", "word"),
    [
        ([2.0, 1.0], False, "healthy"),
        ([1.0, 2.0], False, "off centre"),
        ([2.0, 1.0], True, "silent collapse"),
        ([1.0, 2.0], True, "loud collapse"),
        ([1.0, np.nan], True, "loud collapse"),
    ],
)
def test_an_ending_has_one_name_and_one_style(taken, losses, collapsed, word):
    run_ = ended(taken, losses, collapsed)
    assert autopsy.ending(run_) == word
    assert word in autopsy.ENDING_STYLES


def test_a_loss_of_zero_around_a_moved_centre_is_not_healthy(taken):
    run_ = replace(ended(taken, [2.0, 0.0], False), source_scores=np.full(9, 3200.0))
    assert autopsy.ending(run_) == "off centre"


def test_a_setting_is_said_by_what_it_changes():
    assert autopsy.setting(configure(*TASK, "twofold")) == "preset (learning_rate=0.01)"
    assert autopsy.setting(configure(*TASK, "source_only", train_batch_norm=True)) == "train_batch_norm=True"
    assert autopsy.setting(configure(*TASK, "twofold", learning_rate=0.1)) == "learning_rate=0.1"
    both = configure(*TASK, "source_only", clip_norm=0.0, center="batch")
    assert autopsy.setting(both) == "center=batch, clip_norm=0"


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> tuple[list, list, pd.DataFrame]:
    store = tmp_path_factory.mktemp("runs")
    fields = ({}, {"normalize_features": False}, {"learning_rate": 1e3, "clip_norm": 0.0, "normalize_features": False})
    configs = [configure(*TASK, method, **TINY, **f) for method in ("source_only", "twofold") for f in fields]
    results = sweep(configs, store, log=lambda line: None)
    return configs, results, autopsy.autopsy(configs, results, store)


def test_the_table_agrees_with_every_runs_own_verdict(opened):
    configs, results, table = opened
    assert list(table["setting"]) == [autopsy.setting(c) for c in configs[:3] for _ in "xx"]  # setting by setting
    assert sorted(table["collapsed"]) == sorted(result["collapsed"] for result in results)
    assert (table["why"].astype(bool) == table["collapsed"]).all()
    assert table["collapsed"].any()
    assert not table["collapsed"].all()


def test_the_table_measures_from_the_network_before_its_first_step(opened, taken):
    row = opened[2].iloc[0]
    expected = collapse_parts(taken.scores, taken.target, taken.target_before)
    assert row["variance_ratio"] == pytest.approx(expected["variance_ratio"], rel=1e-5)
    assert row["distinct_share"] == expected["distinct_share"]


def test_the_reading_counts_collapses_and_keeps_them_out_of_the_mean():
    rows = [
        ("a", "x", 60.0, False, ""),
        ("a", "y", 80.0, False, ""),
        ("b", "x", 99.0, True, "small variance"),
        ("b", "y", 40.0, False, ""),
        ("c", "x", np.nan, True, "not finite"),
    ]
    table = pd.DataFrame(rows, columns=["setting", "normal", "auroc", "collapsed", "why"]).assign(method="twofold", seed=0)
    assert autopsy.autopsy_reading(table) == [
        "a: 0/2 collapsed; AUROC of the rest twofold 70.0",
        "b: 1/2 collapsed (small variance 1; AUROC 99); AUROC of the rest twofold 40.0",
        "c: 1/1 collapsed (not finite 1; no AUROC)",
    ]


def test_the_figure_shows_every_run_once_and_crosses_the_collapsed(opened):
    figure = autopsy.autopsy_figure(opened[2])
    for panel in figure.axes:
        assert sum(len(dots.get_offsets()) for dots in panel.collections) == len(opened[2])
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[-1] == "collapsed"
    assert len(words) == 3


def test_the_figure_survives_settings_in_which_all_runs_collapse(opened):
    table = opened[2].assign(collapsed=True, auroc=np.nan)
    autopsy.autopsy_figure(table).canvas.draw()
    assert autopsy.autopsy_words(table) == f"{len(table)} of {len(table)} runs collapsed; AUROC of none"


def test_what_the_auroc_tells_of_a_collapse_is_said():
    table = pd.DataFrame({"collapsed": [True, True, False], "auroc": [40.0, np.nan, 60.4]})
    assert autopsy.autopsy_words(table) == "2 of 3 runs collapsed; AUROC theirs 40 to 40 %, the others' 60 to 60 %"


def test_endings_have_a_loss_and_a_histogram_each(taken):
    runs = [ended(taken, [2.0, 1.0], False), ended(taken, [1.0, 2.0], True), ended(taken, [1.0, 0.0], True)]
    figure = autopsy.endings_figure(runs)
    assert len(figure.axes[0].lines) == 3
    assert min(figure.axes[0].lines[2].get_ydata()) == autopsy.LOSS_FLOOR
    assert [ax.get_title().split(",")[0] for ax in figure.axes[1:]] == ["healthy", "loud collapse", "silent collapse"]
    found = runs[0].result["auroc"]
    assert autopsy.endings_words(runs) == (
        f"On 1 class, too few for a verdict, the lowest loss at the end is of silent collapse (AUROC {found:.0f} %), "
        f"the highest AUROC of healthy (AUROC {found:.0f} %)"
    )
    broken = replace(taken, result={**taken.result, "auroc": None, "collapsed": True})
    autopsy.endings_figure([broken]).canvas.draw()  # a run without a rank has a place as well
