"""Bars with the time left, on a terminal and only where a command asked for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tqdm import tqdm

__all__ = ["bar", "bars"]

_asked: ContextVar[bool] = ContextVar("_asked", default=False)


@contextmanager
def bars(asked: bool = True) -> Iterator[None]:
    """Let what is done meanwhile show its bars, or hide them."""
    token = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(token)


def bar(total: int, words: str) -> tqdm:
    """A bar over so many pictures; ``update`` moves it, and a log that is no terminal never sees it.

    >>> with bar(2, "read") as told:
    ...     told.update(2)
    """
    shown = _asked.get() and sys.stderr is not None
    return tqdm(total=total, desc=words, unit="picture", leave=False, disable=None if shown else True)
