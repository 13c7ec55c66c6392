"""Frames of runs made by hand, in the shape that ``statistics.as_frame`` gives."""

import pandas as pd

from twofold.results.statistics import look_of

TASK = {"dataset": "digits", "source": "type", "target": "optdigits", "anomaly_ratio": 0.1}
PROTOCOL = {"preset": "embedded", "anomaly_classes": None, "transductive": False, "paired": False, "n_target": None}
SELECTION = {"purity": float("nan"), "recall": float("nan"), "accuracy": float("nan")}


def runs(method, *aurocs, told="", **fields):
    """One run of seed 0 a class; ``fields`` replace what a run has otherwise."""
    shared = {**TASK, **PROTOCOL, **SELECTION, "method": method, "base": method, "changed": "", "seed": 0, "collapsed": False}
    shared |= {"told": told, "oracle": told == "labels", **vars(look_of(method)), **fields}
    return pd.DataFrame([{**shared, "normal": str(i), "auroc": auroc} for i, auroc in enumerate(aurocs)])


def around(method, level, **fields):
    """Five classes with this mean, enough for a verdict."""
    return runs(method, *(level + step for step in (-2.0, -1.0, 0.0, 1.0, 2.0)), **fields)


def together(*frames):
    """Runs of several methods in one frame."""
    return pd.concat(frames, ignore_index=True)


def written(ax):
    """The words that stand in a panel."""
    return [text.get_text() for text in ax.texts]
