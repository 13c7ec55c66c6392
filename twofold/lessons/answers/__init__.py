"""The instructor's file: right answers, hints and what a full text says, one file a notebook; no notebook holds any of it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from twofold.errors import InputError
from twofold.lessons.judging import Kind

__all__ = ["BOOKS", "answers"]

BOOKS = {  # number of a notebook -> its file here
    "00": "quickstart",
    "01": "the_curse",
    "02": "the_method",
    "03": "office",
    "04": "visda",
    "05": "components",
    "06": "which_clustering",
    "07": "beyond_dsvdd",
    "08": "alignment_strategies",
    "09": "pacs_and_generalisation",
    "10": "anomaly_scarcity",
    "11": "when_it_breaks",
    "12": "look_inside",
    "13": "the_honest_table",
    "14": "from_scratch",
    "15": "positives_or_negatives",
    "16": "beyond_the_paper",
    "18": "your_own_pictures",
}


def answers(book: str) -> Mapping[str, Kind]:
    """A notebook's exercises and how each is judged; a file is imported when its notebook asks.

    Parameters
    ----------
    book : its number, two digits.

    Raises
    ------
    InputError : no notebook of this number has exercises.

    >>> list(answers("10"))[:2]
    ['10.1', '10.2']
    """
    if book not in BOOKS:
        raise InputError(f"wanted a notebook's number, got {book!r}; choose one of: {', '.join(BOOKS)}")
    return import_module(f"twofold.lessons.answers.{BOOKS[book]}").ANSWERS
