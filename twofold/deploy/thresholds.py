"""Where the line is: from scores without labels to an alarm, with a promise about false ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from scipy.stats import false_discovery_control

from twofold.errors import InputError

__all__ = ["RULES", "Line", "benjamini_hochberg", "check_rule", "default_rule", "draw_line", "line_of", "p_values"]

FENCE = 3.0  # ours: the narrowest of 1.5, 2, 2.5, 3 and 4 whose rule keeps 5 % on the development pairs


def p_values(scores: np.ndarray, calibration: np.ndarray) -> np.ndarray:
    r"""How often a normal picture would score as high: conformal p-values.

    .. math:: p(x) = \frac{1 + \#\{i : c_i \geq a(x)\}}{1 + n}

    Parameters
    ----------
    scores : (m,) anomaly scores.
    calibration : (n,) scores of pictures taken for normal, each judged without itself.

    Returns
    -------
    (m,) in [1 / (n + 1), 1]; at most u with a chance of at most u where the scored picture and the n are exchangeable.

    Source
    ------
    Vovk, Gammerman & Shafer 2005; for anomalies Bates et al. 2023. Deviations: none. The package ``nonconform`` has the
    same and much more, from Python 3.12 on.

    >>> p_values(np.array([0.0, 2.5, 9.0]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0, 0.5, 0.25]
    """
    ordered = np.sort(np.asarray(calibration, np.float64))
    above = len(ordered) - np.searchsorted(ordered, np.asarray(scores, np.float64), side="left")
    return (1 + above) / (1 + len(ordered))


def benjamini_hochberg(p: np.ndarray, level: float) -> np.ndarray:
    """Which of a batch are anomalous, where at most this share of the alarms may be false ones on average.

    A stream cannot have it: every picture's verdict depends on all the others.

    Parameters
    ----------
    p : (n,) p-values of the whole batch.
    level : promised share of false alarms among the alarms.

    Returns
    -------
    (n,) bool.

    Source
    ------
    Benjamini & Hochberg 1995; that p-values of one calibration may be used: Bates et al. 2023, Theorem 2.

    >>> benjamini_hochberg(np.array([0.001, 0.02, 0.5, 0.9]), 0.05).tolist()
    [True, True, False, False]
    """
    return false_discovery_control(p) <= level if len(p) else np.zeros(0, bool)


@dataclass(frozen=True, eq=False)
class Line:
    """A score above which a picture is called anomalous, and what that promises."""

    rule: str
    fpr: float  # promised share of normal pictures above it
    threshold: float  # inf where too few scores were there to promise that little
    calibration: np.ndarray  # (n,) sorted scores of what stands for normal pictures
    promise: str  # one sentence with its assumption, or why there is no line

    @property
    def drawn(self) -> bool:
        """Whether there is a line at all."""
        return bool(np.isfinite(self.threshold))

    def p_value(self, scores: np.ndarray) -> np.ndarray:
        """(n,) ``p_values`` against the calibration."""
        return p_values(scores, self.calibration)


@dataclass(frozen=True)
class Rule:
    """Which scores stand for normal pictures, and what a line drawn from them promises."""

    sample: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # held-out, kept, source -> calibration
    conformal: bool  # else the plain quantile, which says nothing of how few the scores are
    promise: str


def _kept(held_out: np.ndarray, kept: np.ndarray, source: np.ndarray) -> np.ndarray:
    return held_out[kept]


def _all(held_out: np.ndarray, kept: np.ndarray, source: np.ndarray) -> np.ndarray:
    return held_out


def _fenced(held_out: np.ndarray, kept: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Scores up to as many times above the median as the lowest tenth begins below it, times ``FENCE``; else all."""
    low, median = np.quantile(held_out, [0.1, 0.5])
    return held_out if low == median else held_out[held_out <= median + FENCE * (median - low)]


def _source(held_out: np.ndarray, kept: np.ndarray, source: np.ndarray) -> np.ndarray:
    return source


def _both(held_out: np.ndarray, kept: np.ndarray, source: np.ndarray) -> np.ndarray:
    return np.concatenate([held_out[kept], source])


KEPT = "if the pictures put aside were anomalous, all of them, and the kept ones normal"
ALL = "if new normal pictures are like the fitted ones; anomalies among these make it rarer, and miss more"
FENCED = "if new normal pictures are like the fitted ones, and what lies far beyond these is not normal"
SOURCE = "if normal pictures of the target score like those of the source"
BOTH = "if kept pictures and source pictures together score like normal pictures of the target"

_SAMPLES = {
    "kept": (_kept, KEPT),
    "all": (_all, ALL),
    "fenced": (_fenced, FENCED),
    "source": (_source, SOURCE),
    "both": (_both, BOTH),
}
_WORDS = {
    "quantile": "About {fpr} of normal pictures score above the line (quantile of {n} scores) ",
    "conformal": "At most {fpr} of normal pictures score above the line on average (conformal, {n} scores) ",
}
RULES = {
    f"{name}_{kind}": Rule(sample, kind == "conformal", words + assumption + ".")
    for name, (sample, assumption) in _SAMPLES.items()
    for kind, words in _WORDS.items()
}


def default_rule(fpr: float) -> str:
    """The rule that finds most among those that kept such a promise over the development pairs (5 and 10 % were tried).

    >>> default_rule(0.05), default_rule(0.1)
    ('fenced_conformal', 'all_conformal')
    """
    return "fenced_conformal" if fpr <= 0.05 else "all_conformal"


def check_rule(rule: str, fpr: float) -> None:
    """Refuse what cannot be promised, before any work.

    Raises
    ------
    InputError : an unknown rule, or a promise outside of (0, 1).
    """
    if rule not in (*RULES, "auto"):
        raise InputError(f"wanted a rule among auto, {', '.join(RULES)}, got {rule!r}; choose one")
    if not isinstance(fpr, Real) or not 0 < fpr < 1:
        raise InputError(f"wanted fpr between 0 and 1, got {fpr!r}; 0.05 promises one false alarm among twenty normal pictures")


def line_of(rule: str, calibration: np.ndarray, fpr: float) -> Line:
    """The line of a rule whose calibration is there already, as in a saved file.

    Parameters
    ----------
    rule : one of ``RULES``, not auto.
    calibration : (n,) scores, in any order.
    fpr : promised share of normal pictures above the line, in (0, 1).

    Raises
    ------
    InputError : an unknown rule, or a promise outside of (0, 1).
    """
    check_rule(rule, fpr)
    ordered, n = np.sort(np.asarray(calibration, np.float64)), len(calibration)
    promise = RULES[rule].promise.format(fpr=f"{100 * fpr:.3g} %", n=n)
    if RULES[rule].conformal:
        spared = _spared(n, fpr)
        threshold = float(ordered[n - spared]) if spared else np.inf
        promise = promise if spared else _no_line(n, fpr)
    else:
        threshold = float(np.quantile(ordered, 1 - fpr))
    return Line(rule, fpr, threshold, ordered, promise)


def _spared(n: int, fpr: float) -> int:
    """A score is an alarm where fewer than so many of n are as high."""
    return int(fpr * (n + 1) * (1 + 1e-12))


def _no_line(n: int, fpr: float) -> str:
    """What stands in place of a promise that takes more scores than there are."""
    needed = math.ceil(1 / fpr) - 2  # a rounded 1 / fpr may be too large
    needed += next(more for more in range(3) if _spared(needed + more, fpr))
    least = math.ceil(1000 / (n + 1)) / 10  # in percent
    return (
        f"No line can be drawn at {100 * fpr:.3g} % from {n} scores, so that nothing is called anomalous: that takes {needed} "
        f"scores of normal pictures, or an fpr of {least / 100:.4g} and more."
    )


def draw_line(
    held_out: np.ndarray,
    kept: np.ndarray | None,
    source_held_out: np.ndarray,
    fpr: float,
    rule: str = "auto",
    sure: np.ndarray | None = None,
) -> Line:
    """Draw the line from scores of the fitted pictures alone, without a label.

    Parameters
    ----------
    held_out : (n,) scores of the unlabelled target, each judged without itself, best as if it were new: ``crossed.unseen``.
    kept : (n,) bool, which of them are taken for normal; None takes all.
    source_held_out : (m,) scores of the normal source pictures.
    fpr : promised share of normal pictures above the line, in (0, 1).
    rule : one of ``RULES``; ``auto`` is ``default_rule``.
    sure : (n,) bool, pictures that someone has found normal: whatever they score, the rule counts them in.

    Returns
    -------
    Line.

    Raises
    ------
    InputError : as for ``line_of``.

    >>> draw_line(np.arange(99.0), None, np.arange(5.0), 0.05, "all_conformal").threshold
    94.0
    """
    check_rule(rule, fpr)
    rule = default_rule(fpr) if rule == "auto" else rule
    held_out, source = np.asarray(held_out, np.float64), np.asarray(source_held_out, np.float64)
    kept = np.ones(len(held_out), bool) if kept is None else np.asarray(kept, bool)
    sure = np.zeros(len(held_out), bool) if sure is None else np.asarray(sure, bool)
    sample = RULES[rule].sample(held_out[~sure], kept[~sure], source)
    return line_of(rule, np.concatenate([sample, held_out[sure]]), fpr)
