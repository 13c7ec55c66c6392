"""The only home of a mean: over seeds, then classes; spreads with their names, collapse, and who may be called better.

A ``frame`` in this room and in its neighbours is a table of runs from ``as_frame``; a ``table`` is one of groups from
``class_means``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.plots.style import Look, unknown_look
from twofold.runs.config import words
from twofold.runs.presets import RECIPE_VERSION

__all__ = [
    "ENOUGH_CLASSES",
    "PAIR",
    "PROTOCOL",
    "SELECTION",
    "above",
    "as_frame",
    "by_class",
    "class_means",
    "collect",
    "look_of",
    "one_of_each",
    "selection_means",
]

PAIR = ["dataset", "source", "target"]
PROTOCOL = ["preset", "anomaly_classes", "transductive", "paired", "n_target"]
APART = [*PAIR, "anomaly_ratio", "method", *PROTOCOL]  # what differs here is never averaged together
SELECTION = ["purity", "recall", "accuracy"]  # of what was taken for normal: known whether training collapsed or not
NUMBERS = ["mean", "std_classes", "std_seeds", "n_classes", "n_seeds", "n_runs", "n_collapsed"]
KEPT = ["base", "oracle", "told", "anomaly_ratio", "words", "color", "marker"]  # of the runs, where all of a group agree
ENOUGH_CLASSES = 5  # with fewer, all of them agree on a sign too often by chance: 2 * 2 ** -4 is an eighth


def look_of(base: str) -> Look:
    """The look of a method, by its name without what was changed; a name that nobody knows has one too.

    >>> look_of("no such method").words
    'no such method'
    """
    method, _ = METHODS.get(base, (None, {}))
    return getattr(method, "looks", {}).get(base) or unknown_look(base)


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of a stored configuration by its own name."""
    flat = {}
    for key, value in config.items():
        flat |= value if isinstance(value, dict) else {key: value}
    return flat


def _row(result: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    flat = _flat(result["config"])
    row = dict(result["notes"])  # what a method notes never hides a field of the result
    row |= {key: value for key, value in result.items() if not isinstance(value, dict)}
    row |= {"changed": words(result["changed"])}
    row |= {key: result["dominant"][key] for key in SELECTION} | {key: flat.get(key) for key in [*PROTOCOL, *fields]}
    row |= {"train_seconds": result["seconds"]["train"], "total_seconds": result["seconds"]["total"]}
    row |= vars(look_of(result["base"]))
    if result["versions"]["recipe"] != RECIPE_VERSION:
        row["method"] += " (stale)"
    return row


def as_frame(results: Sequence[dict[str, Any]], fields: Sequence[str] = ()) -> pd.DataFrame:
    """Results as a table, one row a run; failed runs left out; methods in the order in which the package lists them.

    Parameters
    ----------
    results : from the run store.
    fields : further fields of the runs' configurations, such as ``learning_rate``.

    Returns
    -------
    The scalar fields of each result, its notes and the quality of its selection, the protocol, ``base`` (the method without
    what was changed), ``changed`` (as text), ``told``, the method's ``words``, ``color`` and ``marker``, and the fields asked
    for, empty where a run has none. A run of an older recipe shows as ``stale`` in its method.

    Raises
    ------
    InputError : a field that no run has.

    >>> as_frame([]).empty
    True
    """
    whole = [result for result in results if result["error"] is None]
    for field in fields:
        if whole and not any(field in _flat(result["config"]) for result in whole):
            known = sorted(set().union(*(_flat(result["config"]) for result in whole)))
            raise InputError(f"wanted a field of these runs, got {field!r}; choose among: {', '.join(known)}")
    order = {name: i for i, name in enumerate(METHODS)}
    rows = sorted((_row(r, fields) for r in whole), key=lambda row: (order.get(row["base"], len(order)), row["method"]))
    if not rows:
        named = ["normal", "seed", "auroc", "collapsed", "changed", *SELECTION]
        return pd.DataFrame(columns=list(dict.fromkeys([*APART, *named, *KEPT, *fields])))
    return pd.DataFrame(rows).astype(dict.fromkeys(["auroc", *SELECTION], float))


def one_of_each(frame: pd.DataFrame, fields: Sequence[str], by: Sequence[str] = ()) -> None:
    """Refuse runs, or groups of them, that differ in one of these fields.

    Raises
    ------
    InputError : what differs, and how.

    >>> one_of_each(pd.DataFrame({"target": ["apple", "windows"]}), PAIR)
    Traceback (most recent call last):
    twofold.errors.InputError: wanted runs of one target, got ['apple', 'windows']; select one of them
    """
    for field in fields:
        if field in frame and field not in by:
            groups = frame.groupby(list(by), dropna=False) if by else [(None, frame)]
            kinds = [group[field].nunique(dropna=False) for _, group in groups]
            if max(kinds, default=0) > 1:
                raise InputError(f"wanted runs of one {field}, got {list(frame[field].unique())}; select one of them")


def _summary(group: pd.DataFrame, of: str) -> dict[str, Any]:
    """Mean and spreads of the runs of one group."""
    fallen = group["collapsed"].astype(bool)
    silent = fallen & (of not in SELECTION)
    per_class, per_seed = (group.groupby(field)[of].mean() for field in ("normal", "seed"))
    broken = silent.groupby(group["normal"]).any()
    rest = group[~silent].groupby("normal")[of].mean()
    told = {"mean": per_class.mean(), "std_classes": per_class.std(ddof=0), "std_seeds": per_seed.std(ddof=1)}
    return {
        **{name: np.nan if silent.any() else float(value) for name, value in told.items()},
        "n_classes": len(per_class),
        "n_seeds": len(per_seed),
        "n_runs": len(group),
        "n_collapsed": int(fallen.sum()),
        "rest": float(rest.mean()),
        "classes": per_class.where(~broken).to_dict(),
    }


def class_means(
    frame: pd.DataFrame, by: Sequence[str] = ("method",), of: str = "auroc", methods: Sequence[str] | None = None
) -> pd.DataFrame:
    r"""Mean over classes of means over seeds, with both spreads; none where a run collapsed.

    .. math:: \frac{1}{|C|} \sum_{c \in C} \frac{1}{|S_c|} \sum_{s \in S_c} a_{c s}

    Parameters
    ----------
    frame : runs.
    by : fields that make a group, in order of appearance.
    of : what is averaged; purity, recall and accuracy of a selection are known where training collapsed, too.
    methods : taken, in this order; what was not run is left out. None takes all.

    Returns
    -------
    One row a group: the fields of ``by``; mean, std_classes (ddof 0 over the means of classes), std_seeds (ddof 1 over those
    of seeds; NaN for one seed), all NaN where a run of the group collapsed; n_classes, n_seeds, n_runs, n_collapsed; rest, the
    mean of the runs that did not collapse, which is no match for a whole one; classes, {class: mean over its seeds, NaN where
    one collapsed}; and of the runs' own fields base, oracle, told, anomaly_ratio, words, color, marker, where they agree.

    Raises
    ------
    InputError : a group of several pairs, ratios, methods, presets or protocols.

    >>> runs = pd.DataFrame({"method": "a", "normal": list("xxy"), "seed": [0, 1, 0], "auroc": [50.0, 70.0, 90.0]})
    >>> float(class_means(runs.assign(collapsed=False))["mean"][0])
    75.0
    """
    by = list(by)
    if methods is not None:
        place = {method: i for i, method in enumerate(methods)}
        frame = frame[frame["method"].isin(methods)].sort_values("method", key=lambda column: column.map(place), kind="stable")
    if of in SELECTION:
        frame = frame[frame[of].notna()]
    one_of_each(frame, APART, by)
    kept = [field for field in KEPT if field in frame and field not in by]
    rows = []
    for key, group in frame.groupby(by, sort=False, dropna=False):
        agreed = {field: group[field].iloc[0] if group[field].nunique(dropna=False) == 1 else None for field in kept}
        rows.append({**dict(zip(by, key, strict=True)), **_summary(group, of), **agreed})
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*by, *NUMBERS, "rest", "classes", *kept])


def selection_means(frame: pd.DataFrame, by: Sequence[str] = ("method",)) -> dict[str, pd.DataFrame]:
    """AUROC, purity, recall and accuracy of the runs that selected something: ``class_means`` of each, by name."""
    selecting = frame[frame["purity"].notna()]
    return {of: class_means(selecting, by, of) for of in ("auroc", *SELECTION)}


def by_class(table: pd.DataFrame, key: str = "method") -> pd.DataFrame:
    """Classes in rows, groups in columns: the numbers behind a table of one pair and ratio.

    >>> by_class(pd.DataFrame({"method": ["a"], "classes": [{"x": 1.0, "y": 2.0}]}))["a"].tolist()
    [1.0, 2.0]
    """
    return pd.DataFrame(dict(zip(table[key], table["classes"], strict=True))).sort_index()


def collect(results: Sequence[dict[str, Any]], by: Sequence[str] = ("method",)) -> pd.DataFrame:
    """Aggregate AUROC over classes and seeds.

    Parameters
    ----------
    results : from the run store.
    by : fields that make a row; pairs, ratios, methods, presets and protocols that differ are never averaged together.

    Returns
    -------
    One row a group: mean, std_classes (ddof 0 over per-class means), std_seeds (ddof 1 over per-seed means; None for
    one seed), n_classes, n_seeds, n_runs, n_collapsed. The mean of a group with a collapsed run is None.

    >>> collect([]).empty
    True
    """
    frame = as_frame(results)
    if frame.empty:
        return frame
    apart = [field for field in APART if field not in by and frame[field].nunique(dropna=False) > 1]
    table = class_means(frame, [*apart, *by])[[*apart, *by, *NUMBERS]]
    numbers = {field: [None if pd.isna(v) else v for v in table[field]] for field in NUMBERS[:3]}
    return table.assign(**{field: pd.Series(values, dtype=object) for field, values in numbers.items()})


def _bootstrap(pairs: Sequence[np.ndarray], n_boot: int, seed: int) -> np.ndarray:
    """(n_boot,) means: as many pairs as there are drawn with replacement, then the classes of each that was drawn."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(pairs), size=(n_boot, len(pairs)))
    means = np.empty(drawn.shape)
    for i, gains in enumerate(pairs):
        here = drawn == i
        means[here] = gains[rng.integers(len(gains), size=(here.sum(), len(gains)))].mean(axis=1)
    return means.mean(axis=1)


def above(frame: pd.DataFrame, method: str, control: str, n_boot: int = 10_000, seed: int = 0) -> dict[str, Any]:
    """Whether a method is above a control: bootstrap of the difference over pairs, then classes.

    Parameters
    ----------
    frame : runs of both methods on the same pairs, classes and seeds.
    method, control : names in its ``method`` column.
    n_boot : bootstrap samples.
    seed : of the bootstrap.

    Returns
    -------
    difference (points of AUROC), low and high (95 % interval), n_classes, n_above (on how many of them the method is above),
    and verdict: above, below or undecided. Where a pair has under five classes the verdict is ``too few classes`` and there
    is no interval; where a run of either collapsed it is ``collapsed`` and there are no numbers.

    Raises
    ------
    InputError : several ratios, presets or protocols in one frame, or no class and seed that both methods have.
    """
    one_of_each(frame, ["anomaly_ratio", *PROTOCOL])
    both = frame[frame["method"].isin([method, control])]
    nothing = dict.fromkeys(["difference", "low", "high", "n_classes", "n_above"])
    if {method, control} == set(both["method"]) and both["collapsed"].any():
        return {**nothing, "verdict": "collapsed"}
    wide = both.set_index([*PAIR, "normal", "seed", "method"])["auroc"].unstack("method")
    wide = wide.reindex(columns=[method, control]).dropna()
    if wide.empty:
        raise InputError(f"wanted {method!r} and {control!r} on the same classes and seeds, got none; run both first")
    gain = (wide[method] - wide[control]).groupby([*PAIR, "normal"]).mean()
    pairs = [values.to_numpy() for _, values in gain.groupby(level=PAIR)]
    found = {**nothing, "difference": float(np.mean([values.mean() for values in pairs]))}
    found |= {"n_classes": len(gain), "n_above": int((gain > 0).sum())}
    if min(map(len, pairs)) < ENOUGH_CLASSES:
        return {**found, "verdict": "too few classes"}
    low, high = map(float, np.quantile(_bootstrap(pairs, n_boot, seed), [0.025, 0.975]))
    return {**found, "low": low, "high": high, "verdict": "above" if low > 0 else "below" if high < 0 else "undecided"}
