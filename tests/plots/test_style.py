"""Looks, palette and places of labels: nothing falls over because of a name, and a look needs no drawing library."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import is_color_like, to_rgb
from matplotlib.markers import MarkerStyle

import twofold
from twofold.methods import METHODS
from twofold.plots.style import (
    ALIGNMENT_LOOKS,
    CLUSTER_GREYS,
    COLORS,
    GREY,
    HEADLINE_LETTERS,
    MARKERS,
    SELECTION_LOOKS,
    SPARE_MARKERS,
    Look,
    chance_line,
    collapsed_words,
    footnote,
    headline,
    held,
    look_of_row,
    spread_out,
    unknown_look,
    use_style,
)

LOOKS = {name: cls.looks[name] for name, (cls, _) in METHODS.items()}


def test_a_look_needs_no_drawing_library():
    code = "import sys; from twofold.plots.style import Look; print(sorted({'matplotlib', 'seaborn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize("looks", [LOOKS, SELECTION_LOOKS, ALIGNMENT_LOOKS])
def test_every_look_can_be_drawn_and_none_is_there_twice(looks):
    for look in looks.values():
        assert is_color_like(look.color)
        MarkerStyle(look.marker)
    for field in ("words", "color", "marker"):
        assert len({getattr(look, field) for look in looks.values()}) == len(looks)


def test_the_roles_have_a_colour_and_a_marker_each():
    assert COLORS.keys() == MARKERS.keys() == {"source", "target", "normal", "anomalous"}
    assert len(set(COLORS.values())) == len(set(MARKERS.values())) == 4


def lab(color: str) -> np.ndarray:
    """CIELAB (D65), in which a distance of 2 can just be seen."""
    light = np.array(to_rgb(color))
    light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.maximum(to_xyz @ light / to_xyz.sum(axis=1), 1e-3))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_no_method_selection_or_loss_looks_like_a_role_and_none_like_a_cluster():
    looks = [look for looks in (LOOKS, SELECTION_LOOKS, ALIGNMENT_LOOKS) for look in looks.values()]
    near = [
        (look.words, role) for look in looks for role, own in COLORS.items() if np.linalg.norm(lab(look.color) - lab(own)) < 15
    ]
    assert near == []
    assert not set(CLUSTER_GREYS) & {*COLORS.values(), *(look.color for look in looks)}
    assert len(set(CLUSTER_GREYS)) == len(CLUSTER_GREYS)


@pytest.mark.parametrize(("looks", "part"), [(SELECTION_LOOKS, "selection"), (ALIGNMENT_LOOKS, "alignment")])
def test_a_part_wears_the_colour_of_a_method_only_where_that_method_is_made_of_it(looks, part):
    for name, look in looks.items():
        for method, (cls, changed) in METHODS.items():
            if LOOKS[method].color == look.color:
                assert getattr(cls.Settings(**changed), part) == name


def test_a_colour_is_written_in_one_place():
    written = Counter()
    for path in Path(twofold.__file__).parent.rglob("*.py"):
        for color in re.findall(r"\"(#[0-9A-Fa-f]{6})\"", path.read_text("utf-8")):
            written[color.upper()] += len({color[i : i + 2].upper() for i in (1, 3, 5)}) > 1  # greys are ink
    assert {color for color, n in written.items() if n > 1} == set()
    assert written["#E69F00"] == 1


def test_an_unknown_name_has_the_same_grey_look_every_time():
    look = unknown_look("a method of tomorrow")
    assert look == unknown_look("a method of tomorrow")
    assert (look.words, look.color) == ("a method of tomorrow", GREY)
    assert look.marker in SPARE_MARKERS
    assert unknown_look("").words == ""


def test_a_row_wears_what_is_given_then_its_own_then_the_unknown():
    row = {"method": "a", "selection": "gmm", "words": "A", "color": "red", "marker": "o"}
    assert look_of_row(row) == Look("A", "red", "o")
    assert look_of_row(row, "selection", SELECTION_LOOKS) == SELECTION_LOOKS["gmm"]
    assert look_of_row({**row, "selection": "new"}, "selection", SELECTION_LOOKS) == Look("A", "red", "o")
    assert look_of_row({"method": "a"}) == look_of_row({**row, "color": None}) == unknown_look("a")
    assert look_of_row({**row, "marker": np.nan}) == unknown_look("a")


def test_collapsed_runs_are_counted():
    assert collapsed_words({"n_collapsed": 2.0, "n_runs": 30}, "\n") == "2/30\ncollapsed"


@pytest.mark.parametrize("seed", range(5))
def test_spread_out_keeps_the_order_the_gap_and_what_was_apart(seed):
    heights = np.random.default_rng(seed).uniform(0, 30, 8)
    placed = spread_out(heights, 4.0)
    assert (np.argsort(placed) == np.argsort(heights)).all()
    assert (np.diff(np.sort(placed)) >= 4.0 - 1e-9).all()
    apart = np.arange(5) * 10.0
    assert np.allclose(spread_out(apart, 4.0), apart)
    assert spread_out([], 4.0).tolist() == []


def test_labels_of_two_lines_take_the_place_of_two():
    placed = spread_out([0.0, 0.0, 0.0], [2.0, 4.0, 2.0])
    assert np.diff(placed).tolist() == [3.0, 3.0]
    assert placed.mean() == 0


@pytest.mark.parametrize("horizontal", [True, False])
def test_chance_is_at_one_half(horizontal):
    figure, ax = plt.subplots()
    chance_line(ax, horizontal)
    (line,) = ax.lines
    assert set(line.get_ydata() if horizontal else line.get_xdata()) == {50}
    plt.close(figure)


def test_the_house_style_is_set_for_all_figures():
    with plt.rc_context():
        plt.rcdefaults()
        use_style()
        assert plt.rcParams["axes.titlelocation"] == "left"
        assert not plt.rcParams["axes.spines.top"]


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_a_headline_stands_right_over_what_is_drawn_and_a_footnote_right_under_it(layout):
    figure, ax = plt.subplots(figsize=(4, 3), layout=layout)
    ax.set(title="of the panel", xlabel="of the axis")
    headline(figure, "one two three four five six seven eight nine ten\nand a line")
    footnote(figure, "of ten runs")
    over, under = figure.texts
    lines = over.get_text().splitlines()
    assert lines[-1] == "and a line"
    assert max(map(len, lines)) <= 4 * HEADLINE_LETTERS
    figure.canvas.draw()
    drawn = ax.get_tightbbox()
    assert 0 < (over.get_window_extent().y0 - drawn.y1) / figure.dpi < 0.25
    assert 0 < (drawn.y0 - under.get_window_extent().y1) / figure.dpi < 0.25
    for words in (over, under):
        assert words.get_window_extent().x0 == pytest.approx(drawn.x0, abs=2)
    plt.close(figure)


def test_a_headline_writes_percent_one_way_and_tears_no_number_from_its_unit():
    words = "of all 25% at K = 10, 0.3 → 0.1, mean-shifted contrastive 40 %; " * 9
    figure, _ = plt.subplots(figsize=(3, 2))
    headline(figure, words)
    lines = figure.texts[0].get_text().splitlines()
    assert len(lines) > 9
    assert "%" not in {line[0] for line in lines} | {line[-1] for line in lines if line[-2:] != " %"}
    assert not any(line[-1] in "=→-" or line[0] in "=→" for line in lines)
    assert " ".join(lines) == words.replace("25%", "25 %").strip()
    plt.close(figure)


def test_what_is_held_within_a_frame_is_said_only_where_something_was():
    points = np.array([[0.0, 0.5], [3.0, -9.0]])
    inside, said = held(points, np.array([-1, -2]), np.array([1, 2]))
    assert inside.tolist() == [[0.0, 0.5], [1.0, -2.0]]
    assert said
    assert held(inside, -2, 2) == (pytest.approx(inside), "")


def test_in_a_sentence_a_method_has_no_brackets():
    assert LOOKS["twofold"].short == "align the dominant cluster"
    assert LOOKS["source_only"].short == "source only"


def test_a_legend_outside_of_the_panels_stays_where_it_was_measured_where_the_figure_is_cut(tmp_path):
    figure, ax = plt.subplots(figsize=(4, 3), layout="constrained")
    ax.plot([0, 1], label="a line")
    legend = figure.legend(loc="outside upper left")
    headline(figure, "one\ntwo\nthree")
    gap = (figure.texts[0].get_window_extent().y0 - legend.get_window_extent().y1) / figure.dpi
    seen = {}
    draw = legend.draw

    def watched(renderer):
        draw(renderer)
        seen["gap"] = (figure.texts[0].get_window_extent(renderer).y0 - legend.get_window_extent(renderer).y1) / figure.dpi

    legend.draw = watched
    figure.savefig(tmp_path / "cut.png", bbox_inches="tight")
    assert seen["gap"] == pytest.approx(gap, abs=0.02)
    assert 0 < gap < 0.25
    plt.close(figure)
