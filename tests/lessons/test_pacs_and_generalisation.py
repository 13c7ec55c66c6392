"""Targets stand in rows, methods beside each other in each."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_hex

from twofold.lessons.pacs_and_generalisation import target_dots
from twofold.results.published import published
from twofold.results.statistics import look_of, plain
from twofold.results.tables import printed


def test_targets_stand_in_rows_and_methods_beside_each_other():
    table = printed(published("table8"))
    figure, ax = plt.subplots()
    target_dots(table, ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Art", "Cartoon", "Sketch"]
    assert "MsRA (told shots)" in [c.get_label() for c in ax.collections]
    dots = {c.get_label().partition(" (")[0]: c for c in ax.collections}
    assert list(dots) == [plain(method) for method in dict.fromkeys(table["method"])]
    for method, rows in table.groupby("method"):
        places = dots[plain(method)].get_offsets()
        np.testing.assert_allclose(places[:, 0], rows["mean"])
        assert np.round(places[:, 1]).tolist() == [0, 1, 2]
    assert to_hex(dots[plain("twofold")].get_edgecolor()[0]) == look_of("twofold").color.lower()
    heights = [dot.get_offsets()[0, 1] for dot in dots.values()]
    assert len(set(heights)) == len(heights)
    plt.close(figure)
