"""Drawings show what was computed, and a slider is there only for a hand that can move it."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from twofold.lessons import the_curse as scenes
from twofold.lessons.plane import RULES, align, bound_terms, measure, simulate


@pytest.fixture(scope="module")
def scene():
    return simulate(n=200)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


@pytest.mark.parametrize(("setting", "points"), [("binary", [60, 15, 60]), ("few_shot", [60, 10]), ("unsupervised", [60, 60])])
def test_a_setting_shows_what_is_told_and_nothing_else(scene, ax, setting, points):
    scenes.setting_scene(scene, setting, ax)
    assert [len(dots.get_offsets()) for dots in ax.collections] == points


def test_a_panel_says_what_the_circle_does_to_held_out_points(scene, ax):
    moved = align(scene, "align_all")
    scenes.alignment_scene(moved, ax, "all")
    terms, words = bound_terms(moved), " ".join(text.get_text() for text in ax.texts)
    assert f"AUROC {terms['auroc']:.0f} %" in words
    assert f"{100 * terms['anomalies_inside']:.0f} % of anomalies inside" in words
    assert f"{100 * terms['normals_outside']:.0f} % of normals outside" in words


def test_curves_are_means_over_seeds_with_one_line_a_rule_and_k(ax):
    frame = measure(ratios=[0.1, 0.3], n_clusters=[2, 4], seeds=[0, 1], n=60)
    scenes.rule_curves(frame, "target_error", ax)
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert len(lines) == len(RULES) + 1
    expected = frame[frame["rule"] == "align_all"].groupby("anomaly_ratio")["target_error"].mean()
    np.testing.assert_allclose(lines["align everything"], expected)


def test_a_bar_is_as_high_as_the_terms_of_the_bound(ax):
    frame = measure(n=100)
    scenes.bound_bars(frame, ax)
    tops = {}
    for bar in ax.patches:
        at = round(bar.get_x() + bar.get_width() / 2)
        tops[at] = max(tops.get(at, 0), bar.get_y() + bar.get_height())
    expected = frame["source_error"] + frame["discrepancy"] / 2 + frame["ideal_joint_error"]
    np.testing.assert_allclose([tops[i] for i in range(len(RULES))], expected)
    np.testing.assert_allclose(ax.collections[0].get_offsets()[:, 1], frame["target_error"])


def test_no_target_point_is_cut_off(scene, ax):
    moved = align(scene, "twofold", 5)
    scenes.alignment_scene(moved, ax, reach=3.0, shown=len(moved.target))
    points = np.concatenate([dots.get_offsets() for dots in ax.collections[1:]])
    assert len(points) == len(moved.target)
    assert np.abs(moved.target).max() > 3.0 > np.abs(points).max()
    assert "at the edge: farther out" in ax.texts[-1].get_text()


def test_paths_halve_the_discrepancy(ax):
    frame = measure(rules=["align_all"], strengths=[0.0, 1.0], n=100)
    scenes.term_paths(frame, ax)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert len(drawn) == len(scenes.TERMS)
    np.testing.assert_allclose(drawn["½ d: half the discrepancy to the whole target"], frame["discrepancy"] / 2)
    np.testing.assert_allclose(drawn["εₜ: error on the target"], frame["target_error"])


def test_marks_are_named_alike_whatever_is_drawn_first(scene, ax):
    scenes.alignment_scene(align(scene, "align_all"), ax)
    marks, words = ax.get_legend_handles_labels()
    assert words == ["source, normal", "target, normal", "target, anomalous", "black rim: the map was fitted on it"]
    assert [mark.get_edgecolor()[0].tolist()[:3] for mark in marks] == [[1, 1, 1]] * 3 + [[0, 0, 0]]
    assert "at the edge" not in ax.texts[-1].get_text()
    scenes.name_marks(ax.figure)
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == words


def test_without_a_live_notebook_a_slider_is_small_multiples(monkeypatch, capsys):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    drawn = []
    figure = scenes.slide(lambda value, ax: drawn.append(value), "K", range(2, 12))
    assert drawn == [2, 5, 8, 11]
    assert [ax.get_title("left") or ax.get_title() for ax in figure.axes] == ["K = 2", "K = 5", "K = 8", "K = 11"]
    assert plt.fignum_exists(figure.number), "shown once, by the notebook"
    plt.close(figure)
    figure = scenes.slide(lambda value, ax: None, "share", [0.1, 0.25], shown=[0.25])
    assert [ax.get_title("left") or ax.get_title() for ax in figure.axes] == ["share = 0.25"]
    plt.close(figure)
    assert capsys.readouterr().out == ""


def test_in_a_live_notebook_the_slider_takes_the_place_of_the_small_multiples(monkeypatch):
    ipywidgets = pytest.importorskip("ipywidgets")
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook.ipynb")
    shown, drawn = [], []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figure = scenes.slide(lambda value, ax: drawn.append(value), "K", [2, 3, 4], shown=[3])
    slider = shown[-1].children[0]
    assert isinstance(slider, ipywidgets.SelectionSlider)
    assert slider.value == 3
    assert not plt.fignum_exists(figure.number), "or it would be seen twice"
    slider.value = 4
    assert drawn[0] == 3
    assert drawn[-1] == 4
    assert not plt.get_fignums(), "a slid figure is closed"


def test_without_ipywidgets_nothing_slides(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook.ipynb")
    monkeypatch.setattr(scenes, "find_spec", lambda name: None)
    figure = scenes.slide(lambda value, ax: None, "K", [2, 3])
    assert plt.fignum_exists(figure.number)
    plt.close(figure)


def test_what_the_circle_swallows_is_said(scene):
    moved = align(scene, "align_all")
    inside = 100 * bound_terms(moved)["anomalies_inside"]
    assert scenes.inside_words({"at K = 2": moved}) == f"Anomalies inside the circle: {inside:.0f} % at K = 2"


def test_the_way_of_each_alignment_is_said_from_its_start_to_its_end():
    frame = pd.DataFrame({"rule": ["align_all"] * 4, "strength": [0.0, 0.0, 1.0, 1.0], "discrepancy": [1.0, 1.0, 0.0, 0.2]})
    frame["target_error"] = [0.3, 0.3, 0.5, 0.6]
    assert scenes.bound_words(frame) == "Align everything: ½ discrepancy 0.50 → 0.05, error 0.30 → 0.55"


def test_the_limits_are_where_the_ranking_first_falls_below_no_adaptation():
    rows = [
        ("source_only", 2, 80, 80),
        ("source_only", 5, 80, 80),
        ("align_all", 2, 90, 70),
        ("twofold", 2, 95, 90),
        ("twofold", 5, 60, 50),
    ]
    frame = pd.DataFrame(
        [("ring", rule, k, share, auroc) for rule, k, *both in rows for share, auroc in zip((0.1, 0.5), both, strict=True)],
        columns=["shape", "rule", "n_clusters", "anomaly_ratio", "auroc"],
    )
    said = "Aligning the dominant cluster ranks worse than no adaptation, ring: K = 2 nowhere, K = 5 from 10% anomalies"
    assert scenes.limits_words(frame) == said
