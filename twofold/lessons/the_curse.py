"""Drawings of the simulated plane: the settings, what alignment does to the boundary, the bound's terms; and a slider."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from twofold.lessons.plane import RULES, Scene, bound_terms, sphere
from twofold.plots.style import COLORS, MARKERS, held
from twofold.results.statistics import look_of

__all__ = [
    "TERMS",
    "alignment_scene",
    "bound_bars",
    "bound_words",
    "inside_words",
    "limits_words",
    "name_marks",
    "rule_curves",
    "setting_scene",
    "slide",
    "term_paths",
]

SETTINGS = {  # panel -> title, few target labels, whether the source's anomalies are labelled, the target is there
    "binary": ("(a) adaptation of a binary classifier", 0, True, True),
    "few_shot": ("(b) few-shot, one class", 10, False, False),
    "unsupervised": ("(c) unsupervised, one class: this field", 0, False, True),
}
TERMS = {  # column of bound_terms -> words, colour, line, its factor in the bound
    "source_error": ("εₛ: error on the source", COLORS["source"], ":", 1.0),
    "discrepancy": ("½ d: half the discrepancy to the whole target", COLORS["target"], "--", 0.5),
    "discrepancy_normals": (
        "half the discrepancy to its normals (needs labels)",
        COLORS["normal"],
        (0, (4, 1, 1, 1, 1, 1)),
        0.5,
    ),
    "ideal_joint_error": ("λ: least joint error", "#777777", "-.", 1.0),
    "target_error": ("εₜ: error on the target", "#000000", "-", 1.0),
}
MARKER_SIZES = {"later": 10, "align_all": 8, "twofold": 7, "oracle": 6, "source_only": 5}
RULE_STYLES = dict(zip(RULES, ("--o", "-X", "-^", ":*"), strict=True))


def _dots(ax: Axes, points: np.ndarray, role: str, label: str = "", rim: np.ndarray | None = None, **more: Any) -> None:
    edges = "white" if rim is None else np.where(rim, "black", "white")
    style = {"marker": MARKERS[role], "color": COLORS[role], "s": 26, "linewidth": 0.5, "alpha": 0.85}
    ax.scatter(*points.T, edgecolor=edges, label=label or None, **{**style, **more})


def _bare(ax: Axes) -> None:
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)


def setting_scene(scene: Scene, setting: str, ax: Axes, shown: int = 60) -> Axes:
    """What a learner is told in one of three settings (the paper's Figure 2): colour and marker are its knowledge.

    Parameters
    ----------
    scene : not aligned.
    setting : binary, few_shot or unsupervised.
    shown : points of each cloud.
    """
    title, n_shots, anomalies_told, unlabelled = SETTINGS[setting]
    normals = scene.source[:shown]
    anomalies = scene.source_test[scene.source_test_labels == 1][: shown // 4]
    rows = np.linspace(0, len(scene.target) - 1, shown).astype(int)  # the target's own share of anomalies
    target = scene.target[rows] - scene.target.mean(axis=0) + (12.0, 0.5)
    _dots(ax, normals, "normal", s=34)
    if anomalies_told:
        _dots(ax, anomalies, "anomalous", s=44)
    told = f"{len(normals)} normal" + (f",\n{len(anomalies)} anomalous" if anomalies_told else ",\nno anomaly")
    if unlabelled:
        _dots(ax, target, "target", s=34)
    else:
        _dots(ax, target[scene.target_labels[rows] == 0][:n_shots], "normal", s=34)
    picked = f"{shown} unlabelled,\nanomalies among them" if unlabelled else f"{n_shots} normal,\npicked by a person"
    ax.axvline(6.2, 0.04, 0.96, color="#CCCCCC", linewidth=1, linestyle=":")
    for x, heading, text in ((0.8, "source", told), (12.0, "target", picked)):
        ax.text(x, 6.6, heading, ha="center", va="bottom", fontsize=11, fontweight="bold")
        ax.text(x, -4.2, text, ha="center", va="top", fontsize=10, color="#333333")
    ax.set(xlim=(-4.0, 17.5), ylim=(-5.8, 7.6))
    ax.set_title(title, pad=8)
    _bare(ax)
    return ax


def alignment_scene(scene: Scene, ax: Axes, title: str = "", shown: int = 150, reach: float = 5.6) -> Axes:
    """Source, target and the sphere in the space where they are compared (the paper's Figure 1).

    Parameters
    ----------
    scene : aligned or not; points the alignment was fitted on have a black rim.
    ax : drawn on; below stands what the sphere does to the held-out target.
    title : of the panel.
    shown : target points at most.
    reach : half the panel's width; what lies farther out is drawn at its edge.
    """
    center, radius = sphere(scene)
    ax.add_patch(Circle(center, radius, facecolor=COLORS["source"], alpha=0.1))
    ax.add_patch(Circle(center, radius, fill=False, edgecolor=COLORS["source"], linewidth=1.8))
    _dots(ax, scene.source[:shown], "source", "source, normal", s=14, alpha=0.45)
    rows = np.linspace(0, len(scene.target) - 1, min(shown, len(scene.target))).astype(int)
    points, far = held(scene.target[rows], -0.97 * reach, 0.97 * reach)
    for label, role in enumerate(("normal", "anomalous")):
        own = scene.target_labels[rows] == label
        _dots(ax, points[own], role, rim=scene.selected[rows][own], s=30, linewidth=0.7)
        _dots(ax, points[:0], role, f"target, {role}", s=30)
    ax.scatter([], [], s=30, color="#CCCCCC", edgecolor="black", linewidth=0.7, label="black rim: the map was fitted on it")
    terms = bound_terms(scene)
    inside, outside = 100 * terms["anomalies_inside"], 100 * terms["normals_outside"]
    below = {"xy": (0.5, 0.0), "xycoords": "axes fraction", "textcoords": "offset points", "ha": "center", "va": "top"}
    ax.annotate(f"AUROC {terms['auroc']:.0f} %", xytext=(0, 0), fontweight="bold", **below)
    words = f"{inside:.0f} % of anomalies inside the circle\n{outside:.0f} % of normals outside\n{far}"
    ax.annotate(words, xytext=(0, -18), fontsize=10, linespacing=1.4, **below)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach))
    ax.set_title(title)
    _bare(ax)
    return ax


def inside_words(scenes: Mapping[str, Scene]) -> str:
    """What the sphere of each scene swallows, in one sentence.

    Parameters
    ----------
    scenes : words that say when, such as ``at K = 2`` -> the scene.
    """
    parts = [f"{100 * bound_terms(scene)['anomalies_inside']:.0f} % {words}" for words, scene in scenes.items()]
    return f"Anomalies inside the circle: {', '.join(parts)}"


def bound_words(frame: pd.DataFrame) -> str:
    """What goes down and what comes of it along the way of each alignment: one sentence, means over seeds.

    Parameters
    ----------
    frame : from ``plane.measure``, of several rules at several strengths.
    """
    parts = []
    for rule, rows in frame.groupby("rule", sort=False):
        means = rows.groupby("strength")[["discrepancy", "target_error"]].mean()
        (d_start, start), (d_end, end) = means.iloc[0], means.iloc[-1]
        parts.append(f"{look_of(rule).short}: ½ discrepancy {d_start / 2:.2f} → {d_end / 2:.2f}, error {start:.2f} → {end:.2f}")
    said = "; ".join(parts)
    return said[0].upper() + said[1:]


def limits_words(frame: pd.DataFrame) -> str:
    """From which share of anomalies aligning the dominant cluster ranks worse than not at all: a sentence, means over seeds.

    Parameters
    ----------
    frame : from ``plane.measure``, with ``source_only`` and ``twofold`` among its rules.
    """
    parts = []
    for shape, rows in frame.groupby("shape", sort=False):
        wide = rows.pivot_table("auroc", "anomaly_ratio", ["rule", "n_clusters"], sort=False).sort_index()
        level = wide["source_only"].mean(axis=1)
        below = {k: wide.index[wide["twofold", k] < level - 1e-9] for k in wide["twofold"]}
        words = [f"K = {k} {f'from {places[0]:.0%} anomalies' if len(places) else 'nowhere'}" for k, places in below.items()]
        parts.append(f"{shape}: {', '.join(words)}")
    return f"Aligning the dominant cluster ranks worse than no adaptation, {'; '.join(parts)}"


def term_paths(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Terms of the bound along the way of an alignment, means over seeds.

    Parameters
    ----------
    frame : from ``plane.measure``, of one rule at several strengths.
    """
    means = frame.groupby("strength")[list(TERMS)].mean()
    for term, (words, color, line, factor) in TERMS.items():
        width = 3 if term == "target_error" else 2
        ax.plot(means.index, factor * means[term], color=color, linestyle=line, linewidth=width, label=words)
    ax.set(xlabel="how far it has been aligned (0 not, 1 wholly)", ylabel="error, half a discrepancy", xlim=(0, 1), ylim=(0, 1))
    return ax


def bound_bars(frame: pd.DataFrame, ax: Axes) -> Axes:
    """The sum of the bound's terms beside the error that it speaks of, one bar a rule, means over seeds.

    Parameters
    ----------
    frame : from ``plane.measure``, one setting.
    """
    means = frame.groupby("rule", sort=False)[list(TERMS)].mean()
    at, bottom = np.arange(len(means)), np.zeros(len(means))
    letters = {term: TERMS[term][0].partition(":")[0] for term in ("source_error", "discrepancy", "ideal_joint_error")}
    for term, letter in letters.items():
        height = TERMS[term][3] * means[term].to_numpy()
        ax.bar(at, height, 0.6, bottom, color=TERMS[term][1], edgecolor="white", linewidth=1, alpha=0.85)
        for x, y, high in zip(at, bottom, height, strict=True):
            if high >= 0.06:  # of the axis: lower segments have no room for a letter
                ax.text(x, y + high / 2, letter, ha="center", va="center", color="white", fontsize=11, fontweight="bold")
        bottom += height
    ax.scatter(
        at, means["target_error"], marker="D", s=70, color="#000000", edgecolor="white", zorder=3, label="εₜ, at the end"
    )
    ax.set_xticks(at, [fill(look_of(rule).short, 12) for rule in means.index])
    ax.set(ylabel="share", ylim=(0, max(1.0, 1.05 * bottom.max())))
    return ax


def rule_curves(frame: pd.DataFrame, value: str, ax: Axes) -> Axes:
    """A value against the share of anomalies, one line a rule and K, the band from the lowest to the highest seed.

    Parameters
    ----------
    frame : from ``plane.measure``.
    value : column to draw.
    """
    several = frame.loc[frame["rule"] == "twofold", "n_clusters"].unique()
    for (rule, k), part in frame.groupby(["rule", "n_clusters"], sort=False):
        later = rule == "twofold" and k != several[0]
        words = look_of(rule).short + (f", K = {k}" if rule == "twofold" else "")
        over = part.groupby("anomaly_ratio")[value].agg(["mean", "min", "max"])
        x = 100 * over.index.to_numpy()
        style, color = "--^" if later else RULE_STYLES[rule], look_of(rule).color
        face = "white" if later else color
        size = MARKER_SIZES["later" if later else rule]  # a smaller mark lies on a larger one where lines coincide
        drawn = {
            "color": color,
            "markersize": size,
            "linewidth": 2,
            "label": words,
            "markerfacecolor": face,
            "zorder": 12 - size,
        }
        ax.plot(x, over["mean"], style, clip_on=False, **drawn)
        ax.fill_between(x, over["min"], over["max"], color=color, alpha=0.15, linewidth=0)
    ax.set_xticks(range(0, 10 * int(np.ceil(10 * frame["anomaly_ratio"].max())) + 1, 10))
    ax.set_xlabel("anomalies in the unlabelled target (%)")
    return ax


def name_marks(figure: Figure) -> None:
    """What the marks of a slider's drawing are, over it."""
    marks, words = figure.axes[0].get_legend_handles_labels()
    if words:
        figure.legend(marks, words, loc="upper center", ncols=2, fontsize=9)


def _live() -> bool:
    """Whether somebody sits at a Jupyter server with a hand free for a slider."""
    return "JPY_SESSION_NAME" in os.environ and find_spec("ipywidgets") is not None


def slide(
    draw: Callable[[Any, Axes], Any],
    name: str,
    values: Sequence[Any],
    shown: Sequence[Any] | None = None,
    size: tuple[float, float] = (3.8, 4.2),
) -> Figure:
    """A slider in a live notebook; where nobody can slide, small multiples.

    Parameters
    ----------
    draw : draws for one value on the axes it is given.
    name : what is slid.
    values : places of the slider.
    shown : values of the small multiples, at most four of ``values`` by default.
    size : of one drawing, inches.

    Returns
    -------
    The small multiples, to be saved. In a live notebook they are not shown: the slider is, in their place.
    """
    values = list(values)
    if shown is None:
        shown = [values[i] for i in np.unique(np.linspace(0, len(values) - 1, min(4, len(values))).round().astype(int))]
    figure, panels = plt.subplots(1, len(shown), figsize=(size[0] * len(shown), size[1]), squeeze=False)
    for value, ax in zip(shown, panels[0], strict=True):
        draw(value, ax)
        ax.set_title(f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}")
    if _live():
        plt.close(figure)
        _show_slider(draw, name, values, shown[0], size)
    return figure


def _show_slider(draw: Callable, name: str, values: list, first: Any, size: tuple[float, float]) -> None:
    import ipywidgets
    from IPython.display import display

    def redraw(value: Any) -> None:
        figure, ax = plt.subplots(figsize=(1.4 * size[0], 1.4 * size[1]))
        draw(value, ax)
        name_marks(figure)
        display(figure)
        plt.close(figure)

    slider = ipywidgets.SelectionSlider(options=values, value=first, description=name, continuous_update=False)
    slider.style.description_width = "initial"
    display(ipywidgets.VBox([slider, ipywidgets.interactive_output(redraw, {"value": slider})]))
