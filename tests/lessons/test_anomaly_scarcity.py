"""A cliff is where a curve first lies below its threshold."""

import numpy as np
import pandas as pd
from given import around, runs, together

from twofold.lessons.anomaly_scarcity import fall_words, first_below
from twofold.results.statistics import class_means


def test_first_below_is_the_smallest_place_and_passes_over_collapsed_ones():
    values = pd.Series({0.5: 0.3, 0.1: np.nan, 0.3: 0.2, 0.2: 0.9})
    assert first_below(values, 0.5) == 0.3
    assert first_below(values, 0.1) is None
    assert first_below(values, pd.Series({0.5: 1.0, 0.1: 1.0, 0.3: 0.0, 0.2: 0.0})) == 0.5


def test_methods_are_said_by_where_they_fall_below_the_source():
    shares = [
        runs(method, auroc, anomaly_ratio=share)
        for method, aurocs in {"align_all": (50.0, 40.0), "twofold": (80.0, 50.0), "target_only": (90.0, 85.0)}.items()
        for share, auroc in zip((0.1, 0.5), aurocs, strict=True)
    ]
    means = class_means(together(*shares), ["anomaly_ratio", "method"])
    level = class_means(runs("source_only", 60.0))
    assert fall_words(means, level) == (
        "On 1 class, too few for a verdict, below source only (60 %): "
        "align everything from 10% anomalies; align the dominant cluster from 50% anomalies; target only at no share"
    )
    assert fall_words(means, class_means(runs("source_only", 60.0, collapsed=True))).startswith("source only collapsed")
    five = class_means(around("twofold", 50.0), ["anomaly_ratio", "method"])
    assert fall_words(five, level) == "Below source only (60 %): align the dominant cluster from 10% anomalies"
