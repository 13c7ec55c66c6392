"""Every method beside every control: who is above whom, in a sentence with its interval."""

from __future__ import annotations

import pandas as pd

from twofold.results.sentences import interval_words
from twofold.results.statistics import above

__all__ = ["comparison"]


def comparison(frame: pd.DataFrame, method: str, control: str) -> str:
    """Whether a method is above a control on the pairs of a frame, in a sentence with its 95 % interval.

    Parameters
    ----------
    frame, method, control : as in ``statistics.above``.
    """
    found = above(frame, method, control)
    verdicts = {
        "above": f"{method} is above {control}",
        "below": f"{method} is below {control}",
        "undecided": f"{method} is undecided against {control}",
        "collapsed": f"{method} and {control} cannot be compared",
        "too few classes": f"{method} against {control} has too few classes for a verdict",
    }
    return f"{verdicts[found['verdict']]}: {interval_words(found)}"
