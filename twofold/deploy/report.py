"""A detector's report: one page of HTML that opens without a network, with the pictures in it."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.ticker import MaxNLocator
from PIL import Image

from twofold.data.reading import printable
from twofold.deploy.card import LIMITS
from twofold.deploy.thresholds import benjamini_hochberg
from twofold.deploy.thumbnails import KINDS
from twofold.plots.style import COLORS, GREY, INK

if TYPE_CHECKING:
    from twofold.deploy.detector import TwoFoldDetector

__all__ = ["histogram", "report_page", "together_words"]

BINS = 48
SIGNS = {"source": "●", "target": "■", "normal": "▲", "anomalous": "✕"}  # as plots.style.MARKERS, in letters
KIND_WORDS = {
    "most anomalous": "the highest scores; look at these first",
    "doubtful": "the nearest to the line, on either side",
    "central": "what the detector takes for usual",
}


def histogram(source: np.ndarray, target: np.ndarray, threshold: float) -> dict[str, Any]:
    """Scores of both domains in common bins, as shares of a picture's width and height.

    Parameters
    ----------
    source, target : (m,), (n,) scores.
    threshold : the line; what is right of it is told apart, and an infinite one is not drawn.

    Returns
    -------
    ``rows``: a domain each with its name, its n and ``bars`` of (left, width, height, role) in percent; ``ticks`` of (place,
    words); ``line``, in percent or None.

    >>> found = histogram(np.array([0.0, 1.0]), np.array([0.0, 3.0]), 2.0)
    >>> [(row["name"], len(row["bars"]), row["bars"][-1][3]) for row in found["rows"]]
    [('source', 2, 'source'), ('target', 2, 'anomalous')]
    """
    finite = np.concatenate([source, target, [threshold] if np.isfinite(threshold) else []])
    low, high = float(finite.min()), float(finite.max())
    beside = 0.02 * (high - low) or 0.5
    low, high = low - beside, high + beside
    edges = np.linspace(low, high, BINS + 1)
    beyond = np.nextafter(threshold, np.inf)  # the line itself is not above it
    if np.isfinite(threshold):  # a bin is on one side of the line
        edges[np.argmin(np.abs(edges - beyond))] = beyond
    at = 100 * (edges - low) / (high - low)
    rows = []
    for name, scores in (("source", source), ("target", target)):
        counts, density = np.histogram(scores, edges)[0], np.histogram(scores, edges, density=True)[0]
        tall = density.max() or 1.0
        roles = ["anomalous" if left >= beyond else name for left in edges[:-1]]
        bars = [
            (at[i], at[i + 1] - at[i], 100 * density[i] / tall, roles[i] if name == "target" else name)
            for i in np.flatnonzero(counts)
        ]
        rows.append({"name": name, "n": len(scores), "bars": bars})
    ticks = [value for value in MaxNLocator(5).tick_values(low, high) if low <= value <= high]
    line = 100 * (threshold - low) / (high - low) if np.isfinite(threshold) else None
    return {"rows": rows, "ticks": [(100 * (v - low) / (high - low), f"{v:g}") for v in ticks], "line": line}


def together_words(detector: TwoFoldDetector) -> str:
    """How many pictures of the fitted target stand out when all are weighed together, and what it would take."""
    line, n = detector.line_, len(detector.held_out_)
    standing = int(benjamini_hochberg(detector.p_value(detector.held_out_), line.fpr).sum())
    words = f"weighed together, with at most {100 * line.fpr:.3g} % of the alarms false (Benjamini-Hochberg), "
    if standing:
        return f"{words}{standing} {'stands' if standing == 1 else 'stand'} out"
    least = math.ceil(n / (line.fpr * (len(line.calibration) + 1)))  # fewer cannot, however far out they are
    return (
        f"{words}none stands out; of so few pictures that takes {least} beyond all others" if least > 1 else f"{words}none does"
    )


def report_page(detector: TwoFoldDetector) -> str:
    """The report of a fitted or loaded detector.

    Returns
    -------
    One page of HTML that asks for nothing else: no script, no font, no picture from elsewhere.

    Raises
    ------
    InputError : not fitted yet.
    """
    method, line, scores = detector.fitted(), detector.line_, detector.held_out_
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return pages.get_template("report.html.j2").render(
        n_above=int(np.sum(scores > line.threshold)),
        together=together_words(detector),
        n_target=len(scores),
        n_source=detector.n_source_,
        line=line,
        trust=detector.trust_,
        words=detector.trust_.words(),
        skipped=[(d, printable(n), printable(why)) for d, some in detector.skipped_.items() for n, why in some.items()],
        histogram=histogram(detector.source_scores_, scores, line.threshold),
        shelves=_shelves(detector),
        limits=LIMITS,
        method=detector.config_.name,
        size_px=method.size_px,
        colors={**COLORS, "grey": GREY, "ink": INK},
        signs=SIGNS,
    )


def _shelves(detector: TwoFoldDetector) -> list[dict[str, Any]]:
    """The pictures kind by kind, each with what stands below it; nothing where a detector keeps none."""
    small = detector.thumbnails_
    if small is None:
        return []
    p = detector.p_value(np.array(small.scores))
    shelves = {kind: {"kind": kind, "words": KIND_WORDS[kind], "pictures": []} for kind in KINDS}
    for picture, name, kind, score, chance in zip(small.pictures, small.ids, small.kinds, small.scores, p, strict=True):
        above = score > detector.threshold_
        one = {"name": printable(name), "score": score, "p": chance, "above": above, "image": _inline(picture)}
        shelves[kind]["pictures"].append(one)
    return [shelf for shelf in shelves.values() if shelf["pictures"]]


def _inline(picture: np.ndarray) -> str:
    """A uint8 picture (3, h, w) as an address that holds it."""
    file = io.BytesIO()
    Image.fromarray(picture.transpose(1, 2, 0)).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
