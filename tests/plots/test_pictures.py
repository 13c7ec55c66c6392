"""Pictures in rows, framed by what they are, and the first figure."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import to_hex

from twofold.methods import METHODS
from twofold.plots.pictures import FRAMES, picture_rows
from twofold.plots.style import COLORS

LOOKS = {name: cls.looks[name] for name, (cls, _) in METHODS.items()}

GREY_ROW = ("source", torch.full((3, 3, 4, 4), 100, dtype=torch.uint8), None, COLORS["source"])
LABELLED = ("target", torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 3, 4, 4), [0, 1], COLORS["target"])


def test_pictures_stand_in_rows_under_their_heading_framed_by_label():
    figure, ax = plt.subplots()
    picture_rows([GREY_ROW, LABELLED], ax)
    assert [text.get_text() for text in ax.texts] == ["source", "target", "✕", FRAMES]
    assert [to_hex(text.get_color()) for text in ax.texts[:2]] == [COLORS["source"].lower(), COLORS["target"].lower()]
    assert len(ax.images) == 5
    assert np.array_equal(ax.images[3].get_array(), LABELLED[1][0].permute(1, 2, 0))
    frames = [to_hex(frame.get_edgecolor()) for frame in ax.patches]
    assert frames == ["#cccccc"] * 3 + [COLORS["normal"].lower(), COLORS["anomalous"].lower()]
    assert len({image.get_extent()[3] for image in ax.images}) == 2  # two rows
    assert min(image.get_extent()[2] for image in ax.images) > ax.texts[-1].get_position()[1] > ax.get_ylim()[0]
    plt.close(figure)


def test_frames_are_explained_only_where_there_are_some():
    figure, ax = plt.subplots()
    picture_rows([GREY_ROW], ax)
    assert [text.get_text() for text in ax.texts] == ["source"]
    plt.close(figure)
