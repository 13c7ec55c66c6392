"""A diagram is named by the code it stands for."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from twofold.lessons.the_method import LOSSES, diagram, loss_curves, method_parts, picture_bars
from twofold.parts.selection import dominant_cluster


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


BOXES = {
    "pictures": (0.0, 0.0, np.zeros((8, 8, 3), np.uint8), "data"),
    "cluster": (3.0, 0.0, dominant_cluster, "computed"),
    "network": (3.0, 2.0, "two\nlines", "frozen"),
}


def test_boxes_are_named_by_module_and_function_and_joined_by_arrows(ax):
    diagram(BOXES, [("pictures", "cluster"), ("cluster", "network")], ax)
    words = [text.get_text() for text in ax.texts]
    assert {"pictures", "cluster", "selection.dominant_cluster", "network", "two\nlines"} <= set(words)
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None) is not None]
    assert len(arrows) == 2
    assert arrows[0].xy == (2.0, 0.0), "from side to side where boxes stand beside each other"
    assert arrows[1].xy == (3.0, 2.0 - 0.31), "from top to bottom where they stand above each other"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["frozen", "computed"]


def test_the_method_s_parts_are_its_functions_and_every_way_ends_in_the_total():
    networks = [torch.nn.Linear(999, 100), torch.nn.Linear(1999, 100), torch.nn.Linear(2999, 100)]
    boxes, arrows = method_parts(*networks, [np.zeros((8, 8, 3), np.uint8)] * 2)
    assert [boxes[name][2].split("\n")[1][:3] for name in ("stem of f", "tail of f", "encoder φ")] == ["0.1", "0.2", "0.3"]
    assert boxes["largest cluster, Eq. 6"][2] is dominant_cluster
    reached = {"total, Eq. 10"}
    for _ in boxes:
        reached |= {start for start, end in arrows if end in reached}
    assert reached == set(boxes)


def test_an_arrow_to_nowhere_is_an_error(ax):
    with pytest.raises(KeyError, match="nowhere"):
        diagram(BOXES, [("pictures", "nowhere")], ax)


def test_bars_stand_over_their_pictures(ax):
    picture_bars(np.array([0.75, 0.25]), torch.zeros(2, 3, 4, 4, dtype=torch.uint8), np.array([0, 1]), ax)
    heights = [bar.get_height() for bar in ax.patches if bar.get_y() == 0]
    assert heights == [0.75, 0.25]
    assert [text.get_text() for text in ax.texts] == ["75 %", "25 %"]
    assert len(ax.images) == 2


def test_losses_are_drawn_under_their_means_and_named_at_their_ends(ax):
    losses = {"one_class": np.array([0.2, 0.4, 0.0, 0.2]), "alignment": np.array([1.0, 0.0, 2.0, 1.0])}
    loss_curves(losses, ax, width=3)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines if not line.get_label().startswith("_")}
    assert list(drawn) == [text.get_text() for text in ax.texts]
    np.testing.assert_allclose(drawn[LOSSES["alignment"][0]], [0.5, 1.0, 1.0, 1.5])
    np.testing.assert_allclose(drawn["total (Eq. 10)"], drawn[LOSSES["alignment"][0]] + drawn[LOSSES["one_class"][0]])
    raw = [line.get_ydata().tolist() for line in ax.lines if line.get_label().startswith("_")]
    assert raw == [[1.2, 0.4, 2.0, 1.2], [1.0, 0.0, 2.0, 1.0], [0.2, 0.4, 0.0, 0.2]]
