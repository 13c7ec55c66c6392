"""The only home of a mean: over seeds, then classes; spreads with their names, collapse, and who may be called better.

A ``frame`` in this room and in its neighbours is a table of runs from ``as_frame``; a ``table`` is one of groups from
``class_means``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from twofold.data import NORMAL
from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.plots.style import Look, plain_name, unknown_look
from twofold.runs.config import words
from twofold.runs.presets import RECIPE_VERSION

__all__ = [
    "ENOUGH_CLASSES",
    "ENOUGH_TRIALS",
    "LEVEL",
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
    "over_trials",
    "plain",
    "selection_means",
    "t_interval",
    "whole_classes",
]

PAIR = ["dataset", "source", "target"]
TRIAL = ["dataset", "target"]  # pairs into one target are judged by the same pictures: one trial
PROTOCOL = ["preset", "anomaly_classes", "transductive", "paired", "n_target"]
APART = [*PAIR, "anomaly_ratio", "method", *PROTOCOL]  # what differs here is never averaged together
SELECTION = ["purity", "recall", "accuracy"]  # of what was taken for normal: known whether training collapsed or not
NUMBERS = ["mean", "std_classes", "std_seeds", "n_classes", "n_seeds", "n_runs", "n_collapsed"]
KEPT = ["base", "oracle", "told", "anomaly_ratio", "words", "color", "marker"]  # of the runs, where all of a group agree
ENOUGH_CLASSES = ENOUGH_TRIALS = 5  # with fewer, all of them agree on a sign too often by chance: 2 * 2 ** -4 is an eighth
LEVEL = 0.05  # of cases without any difference in which an interval excludes zero


def look_of(base: str) -> Look:
    """The look of a method, by its name without what was changed; a name that nobody knows has one too.

    >>> look_of("no such method").words
    'no such method'
    """
    method, _ = METHODS.get(base, (None, {}))
    return getattr(method, "looks", {}).get(base) or unknown_look(base)


def plain(method: str) -> str:
    """A method in plain English, with what is changed in it: what a figure says where a table has the name.

    >>> plain("twofold"), plain("gnl[reference_share=0.2,steps=25]")
    ('align the dominant cluster', 'GNL, reference share 0.2, steps 25')
    """
    return plain_name(method, look_of(method.partition(" (")[0].partition("[")[0]))


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
    if result["shots"] is not None:
        row["words"] += f", {result['shots']} shots"
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
        if field in frame and field not in by and frame[field].nunique(dropna=False) > 1:
            if not by or (frame.groupby(list(by), dropna=False)[field].nunique(dropna=False) > 1).any():
                raise InputError(f"wanted runs of one {field}, got {list(frame[field].unique())}; select one of them")


def _summary(group: pd.DataFrame, of: str) -> dict[str, Any]:
    """Mean and spreads of the runs of one group."""
    fallen = group["collapsed"].astype(bool)
    silent = fallen & (of not in SELECTION)
    per_class, per_seed = (group.groupby(field)[of].mean() for field in ("normal", "seed"))
    classes = per_class.where(~silent.groupby(group["normal"]).any()) if silent.any() else per_class
    told = {"mean": per_class.mean(), "std_classes": per_class.std(ddof=0), "std_seeds": per_seed.std(ddof=1)}
    return {
        **{name: np.nan if silent.any() else float(value) for name, value in told.items()},
        "n_classes": len(per_class),
        "n_seeds": len(per_seed),
        "n_runs": len(group),
        "n_collapsed": int(fallen.sum()),
        "rest": float(classes.mean()),
        "classes": classes.to_dict(),
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
    mean of the classes on which no run collapsed, which is no match for a whole one; classes, {class: mean over its seeds, NaN
    where one collapsed}; and of the runs' own fields base, oracle, told, anomaly_ratio, words, color, marker, where they agree.

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
    frame = frame[list(dict.fromkeys([*by, "normal", "seed", "collapsed", of, *kept]))]  # few columns are copied fast
    rows = []
    for key, group in frame.groupby(by, sort=False, dropna=False):
        agreed = {field: found[0] if len(found := group[field].unique()) == 1 else None for field in kept}
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
    one seed), n_classes, n_seeds, n_runs, n_collapsed, and rest, as of ``class_means``. The mean of a group with a collapsed
    run is None. ``attrs["base"]`` has the method behind each name.

    >>> collect([]).empty
    True
    """
    frame = as_frame(results)
    if frame.empty:
        return frame
    apart = [field for field in APART if field not in by and frame[field].nunique(dropna=False) > 1]
    table = class_means(frame, [*apart, *by])[[*apart, *by, *NUMBERS, "rest"]]
    numbers = {field: [None if pd.isna(v) else v for v in table[field]] for field in NUMBERS[:3]}
    table = table.assign(**{field: pd.Series(values, dtype=object) for field, values in numbers.items()})
    table.attrs["base"] = dict(zip(frame["method"], frame["base"], strict=True))
    return table


def whole_classes(frame: pd.DataFrame, needed: Sequence[str] = ()) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """The runs of the classes on which no method collapsed: what methods are compared on.

    Parameters
    ----------
    frame : runs of the methods that are compared.
    needed : methods that stay whatever becomes of them; another that collapsed on more than half of the classes of a pair has
        no runs of it in the rest, or else it would silence all.

    Returns
    -------
    The rest of the runs; and of each method that collapsed somewhere its n_collapsed and n_runs before.

    >>> runs = pd.DataFrame({"method": list("aabb"), "normal": list("xyxy"), "collapsed": [True, False, False, False]})
    >>> rest, fallen = whole_classes(runs.assign(dataset="d", source="s", target="t"))
    >>> rest["normal"].tolist(), fallen
    (['y', 'y'], {'a': {'n_collapsed': 1, 'n_runs': 2}})
    """
    fallen = frame["collapsed"].astype(bool)
    if not fallen.any():
        return frame, {}
    broken = fallen.groupby([frame[field] for field in [*PAIR, "method", "normal"]]).transform("any")
    by_method = [frame[field] for field in [*PAIR, "method"]]
    share = pd.Series(broken.groupby([*by_method, frame["normal"]]).mean()).groupby(level=[*PAIR, "method"]).mean()
    lost = share[share > 0.5].index.difference(share.index[share.index.get_level_values("method").isin(needed)])
    rest = frame[~pd.MultiIndex.from_arrays(by_method).isin(lost)]
    silent = broken[rest.index].groupby([rest[field] for field in [*PAIR, "normal"]]).transform("any")
    counts = fallen.groupby(frame["method"], sort=False).agg(["sum", "size"])
    named = {name: {"n_collapsed": int(k), "n_runs": int(n)} for name, k, n in counts[counts["sum"] > 0].itertuples()}
    return rest[~silent.astype(bool)], named


def t_interval(values: np.ndarray | pd.Series) -> tuple[Any, Any]:
    r"""The 95 % interval of a mean: Student's, of independent values.

    .. math:: \bar x \pm t_{0.975, n - 1} \, s / \sqrt n

    Parameters
    ----------
    values : (..., n), n >= 2; a mean for each of the leading axes.

    Returns
    -------
    low, high: a number each, or (...). Of means of 5 to 11 values that are 0 in truth 5.0 % are called above or below where
    the values are Gaussian and 6.2 to 6.9 % where they are as skewed as the gains of classes are (a gamma distribution of
    shape 4, skewness 1); a percentile bootstrap calls 9 to 18 %, BCa as many, a widened one as many as this.

    >>> [round(float(end), 2) for end in t_interval(np.array([1.0, 2.0, 3.0]))]
    [-0.48, 4.48]
    """
    values = np.asarray(values, float)
    n = values.shape[-1]
    mean, half = values.mean(-1), stdtrit(n - 1, 1 - LEVEL / 2) * values.std(-1, ddof=1) / np.sqrt(n)
    return mean - half, mean + half


def _verdict(values: np.ndarray | pd.Series, enough: int, few: str) -> dict[str, Any]:
    """Interval and verdict of independent differences; ``few`` where they are too few for either."""
    if len(values) < enough:
        return {"low": None, "high": None, "verdict": few}
    low, high = map(float, t_interval(values))
    return {"low": low, "high": high, "verdict": "above" if low > 0 else "below" if high < 0 else "undecided"}


def over_trials(gains: pd.Series) -> dict[str, Any]:
    """A difference over several pairs of domains: their mean within each target, then over the targets.

    Parameters
    ----------
    gains : of the pairs, indexed by ``PAIR``.

    Returns
    -------
    difference, low and high (``t_interval`` of the targets), n_trials (targets), n_above (on how many of them it is above),
    and verdict: above, below, undecided, or ``too few trials`` with no interval under five.

    >>> pairs = pd.MultiIndex.from_tuples([("d", "a", "x"), ("d", "b", "x"), ("d", "a", "y")], names=PAIR)
    >>> over_trials(pd.Series([1.0, 3.0, 5.0], index=pairs))["difference"]
    3.5
    """
    trials = gains.groupby(level=TRIAL, sort=False).mean()
    found = {"difference": float(trials.mean()), "n_trials": len(trials), "n_above": int((trials > 0).sum())}
    return found | _verdict(trials, ENOUGH_TRIALS, "too few trials")


def _wins(test: Mapping[str, np.ndarray]) -> np.ndarray:
    """(anomalies, normals), both sorted by id: 1 where the anomaly scores higher, a half where they tie."""
    order = np.argsort(test["ids"])
    normals, anomalies = (test["scores"][order][test["labels"][order] == label] for label in (0, 1))
    return (anomalies[:, None] > normals) + 0.5 * (anomalies[:, None] == normals)


def _over_pictures(
    runs: pd.DataFrame, method: str, control: str, scores: Callable[[str], Mapping[str, np.ndarray]], n_boot: int = 2000
) -> tuple[float, float]:
    """95 % interval of a difference in AUROC: a bootstrap over test pictures, of each kind apart, one draw for all seeds."""
    rng = np.random.default_rng(0)
    tests = {(run.seed, run.method): scores(run.config_hash) for run in runs.itertuples()}
    drawn = []
    for label in (0, 1):
        ids = np.unique(np.concatenate([test["ids"][test["labels"] == label] for test in tests.values()]))
        drawn.append((ids, rng.multinomial(len(ids), np.full(len(ids), 1 / len(ids)), n_boot)))  # (n_boot, n): how often
    means = []
    for seed in runs["seed"].unique():
        test, lead = tests[seed, method], _wins(tests[seed, method]) - _wins(tests[seed, control])
        normals, anomalies = (
            times[:, np.searchsorted(ids, np.sort(test["ids"][test["labels"] == label]))]
            for label, (ids, times) in enumerate(drawn)
        )
        means.append(100 * ((anomalies @ lead) * normals).sum(1) / (anomalies.sum(1) * normals.sum(1)))
    low, high = np.quantile(np.mean(means, axis=0), [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)


def above(
    frame: pd.DataFrame,
    method: str,
    control: str,
    scores: Callable[[str], Mapping[str, np.ndarray]] | None = None,
) -> dict[str, Any]:
    """Whether a method is above a control: the difference averaged over seeds, then judged over classes or targets.

    Of one pair of domains the classes are judged, of several the targets (``over_trials``). A data set that declares its one
    normal class is a pair, but its class is none of several: alone it has no verdict.

    Parameters
    ----------
    frame : runs of both methods on the same pairs, classes and seeds.
    method, control : names in its ``method`` column.
    scores : ``RunStore.test_features``, or what else gives the scores, labels and ids of a run's test pictures by its
        ``config_hash``; with it a lone declared class has an interval, a bootstrap over pictures.

    Returns
    -------
    difference (points of AUROC), low and high (95 % interval), n_classes (declared ones not counted), n_pairs, n_trials
    (targets), n_above (on how many classes, or trials of several pairs, the method is above), collapsed ({method: n_collapsed,
    n_runs} of those that did somewhere; the classes they did on are left out of all else), and verdict: above, below,
    undecided; ``too few classes`` or ``too few trials`` (under five, and then no interval); ``one class`` (declared);
    ``collapsed`` (no class is left, and there are no numbers).

    Raises
    ------
    InputError : several ratios, presets or protocols in one frame, or no class and seed that both methods have.
    """
    one_of_each(frame, ["anomaly_ratio", *PROTOCOL])
    cell = [*PAIR, "normal", "seed"]
    read = [field for field in (*cell, "method", "auroc", "collapsed", "config_hash") if field in frame]
    both = frame.loc[frame["method"].isin([method, control]), read]
    both = both[both.groupby(cell)["method"].transform("nunique") == 2]
    if both.empty:
        raise InputError(f"wanted {method!r} and {control!r} on the same classes and seeds, got none; run both first")
    rest, fallen = whole_classes(both, needed=[method, control])
    found: dict[str, Any] = dict.fromkeys(["difference", "low", "high", "n_classes", "n_pairs", "n_trials", "n_above"])
    found |= {"collapsed": fallen, "verdict": "collapsed"}
    if rest.empty:
        return found
    wide = rest.set_index([*cell, "method"])["auroc"].unstack("method")
    gain = (wide[method] - wide[control]).groupby([*PAIR, "normal"]).mean()
    pairs = gain.groupby(level=PAIR, sort=False).mean()
    found |= {"n_classes": int((~gain.index.get_level_values("dataset").isin(NORMAL)).sum()), "n_pairs": len(pairs)}
    found |= over_trials(pairs)
    if len(pairs) > 1:
        return found
    found["n_above"] = int((gain > 0).sum())
    if found["n_classes"]:
        return found | _verdict(gain, ENOUGH_CLASSES, "too few classes")
    low, high = _over_pictures(rest, method, control, scores) if scores else (None, None)
    return found | {"low": low, "high": high, "verdict": "one class"}
