"""Which words of a figure stand over each other."""

from collections.abc import Iterator
from itertools import combinations

from matplotlib.figure import Figure
from matplotlib.text import Text


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes overlap by more than a pixel; of a label with an arrow the words alone."""
    figure.canvas.draw()
    unseen = set(_beyond(figure))
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in figure.findobj(Text) if text not in unseen]
    seen = [(words, box.padded(-1)) for words, box in boxes if words.strip() and box.width > 2]
    return [(one, other) for (one, box), (other, more) in combinations(seen, 2) if box.overlaps(more)]


def _beyond(figure: Figure) -> Iterator[Text]:
    """Labels of ticks beyond the ends of their axis, which are not drawn."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low <= tick.get_loc() <= high:
                    yield from (tick.label1, tick.label2)
