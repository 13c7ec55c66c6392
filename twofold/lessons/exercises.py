"""Exercises: an answer is checked against a number that is computed, and a wrong one gets a hint."""

from __future__ import annotations

from typing import Any

__all__ = ["check_answer"]


def check_answer(answer: Any, right: Any, hint: str, tolerance: float = 0.05) -> str:
    """Whether an exercise's answer is right, in words.

    Parameters
    ----------
    answer : the reader's; None is not answered yet.
    right : a computed value of the same kind, a number within ``tolerance`` of it (relative) counts.
    hint : what to think of when it is wrong.

    >>> check_answer(None, 3, ""), check_answer(2, 3, "count again"), check_answer(3, 3, "")
    ('Not answered yet.', 'Not yet: count again', 'Right.')
    """
    if answer is None:
        return "Not answered yet."
    if isinstance(right, bool | str) or isinstance(answer, bool | str):
        return "Right." if answer == right and type(answer) is type(right) else f"Not yet: {hint}"
    close = abs(float(answer) - float(right)) <= tolerance * max(abs(float(right)), 1e-9)
    return "Right." if close else f"Not yet: {hint}"
