"""A comparison claims no more than its interval."""

import pytest
from given import around, runs, together

from twofold.lessons.the_honest_table import comparison


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (around("density", 90.0), "density is above twofold: +10.0 points [+10.0, +10.0]"),
        (around("density", 70.0), "density is below twofold: -10.0 points [-10.0, -10.0]"),
        (around("density", 80.0), "density is undecided against twofold: +0.0 points [+0.0, +0.0]"),
        (
            runs("density", 90.0, 60.0),
            "density against twofold has too few classes for a verdict: -3.5 points (above on 1 of 2 classes)",
        ),
        (
            around("density", 99.0, collapsed=True),
            "density and twofold cannot be compared: no difference, a run collapsed",
        ),
    ],
)
def test_a_comparison_says_above_only_where_the_interval_does(ours, words):
    assert comparison(together(around("twofold", 80.0), ours), "density", "twofold") == words
