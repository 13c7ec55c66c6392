"""An exercise knows right from wrong, and says so."""

import pytest

from twofold.lessons.exercises import check_answer


@pytest.mark.parametrize(
    ("answer", "right", "begins"),
    [
        (None, 1, "Not answered"),
        (2, 1, "Not yet: look"),
        (1.01, 1, "Right"),
        (1.2, 1, "Not yet"),
        (0, 0, "Right"),
        (0.01, 0, "Not yet"),
        ("a", "a", "Right"),
        (1, "a", "Not yet"),
        (True, 1, "Not yet"),
    ],
)
def test_an_exercise_knows_right_from_wrong(answer, right, begins):
    assert check_answer(answer, right, "look").startswith(begins)


def test_the_tolerance_is_relative():
    assert check_answer(101.0, 100.0, "look", tolerance=0.02) == "Right."
    assert check_answer(103.0, 100.0, "look", tolerance=0.02) == "Not yet: look"
