"""A cliff is where a curve first lies below its threshold."""

import numpy as np
import pandas as pd

from twofold.lessons.anomaly_scarcity import first_below


def test_first_below_is_the_smallest_place_and_passes_over_collapsed_ones():
    values = pd.Series({0.5: 0.3, 0.1: np.nan, 0.3: 0.2, 0.2: 0.9})
    assert first_below(values, 0.5) == 0.3
    assert first_below(values, 0.1) is None
    assert first_below(values, pd.Series({0.5: 1.0, 0.1: 1.0, 0.3: 0.0, 0.2: 0.0})) == 0.5
