"""What of pictures of one's own cannot be used, or counts twice: looked for before a network runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from twofold.compute import cores, keep_memory
from twofold.data.domains import Domain, FilePictures
from twofold.data.reading import UnreadableError, printable
from twofold.errors import InputError
from twofold.progress import bar

__all__ = ["MOST_UNREADABLE", "alike", "part", "refuse_dull", "refuse_unreadable", "shared", "unreadable", "without"]

MOST_UNREADABLE = 0.1  # of what is fitted: with more of them broken, the rest is hardly the collection that was meant


def unreadable(domain: Domain) -> dict[str, str]:
    """Which pictures cannot be read, and why: each is decoded as the networks would see it.

    Returns
    -------
    id -> what its decoder says, in the order of the ids.
    """

    def reason(row: int) -> str | None:
        try:
            _ = domain.pictures[row]
        except UnreadableError as error:
            return error.reason
        return None

    found = {}
    keep_memory()  # before there are threads: each would have a heap of its own, and give back what the networks want again
    with ThreadPoolExecutor(cores()) as pool, bar(len(domain), f"read {domain.name}") as told:
        for name, why in zip(domain.ids.tolist(), pool.map(reason, range(len(domain))), strict=True):
            told.update()
            if why is not None:
                found[name] = why
    return found


def part(domain: Domain, rows: Sequence[int], skipped: Mapping[str, str] | None = None) -> Domain:
    """Some pictures of a domain of files; what else it skips is told to it."""
    paths = FilePictures([domain.pictures.paths[row] for row in rows])
    columns = (domain.class_names[rows], domain.ids[rows], domain.groups[rows])
    return Domain(domain.dataset, domain.name, paths, *columns, {**domain.skipped, **(skipped or {})})


def without(domain: Domain, skipped: Mapping[str, str]) -> Domain:
    """A domain of files without some of them, which it keeps in ``skipped``.

    Raises
    ------
    InputError : none is left.
    """
    rows = [row for row, name in enumerate(domain.ids.tolist()) if name not in skipped]
    if not rows:
        raise InputError(
            f"wanted pictures in {printable(domain.name)} that can be read, got none: {_named(skipped)}; replace them"
        )
    return part(domain, rows, skipped)


def refuse_unreadable(domains: Sequence[Domain], strict: bool = False) -> None:
    """Stop where too many files of any domain are no pictures, and name them all at once.

    Parameters
    ----------
    domains : their ``skipped`` count.
    strict : one is too many, and not only more than a tenth of a domain.

    Raises
    ------
    InputError : too many.
    """
    most = 0 if strict else MOST_UNREADABLE
    if bad := [domain for domain in domains if len(domain.skipped) > most * (len(domain) + len(domain.skipped))]:
        wanted = "every picture" if strict else f"at least {1 - MOST_UNREADABLE:.0%} of the pictures"
        got = [f"{len(one.skipped)} of {len(one) + len(one.skipped)} that are not: {_named(one.skipped)}" for one in bad]
        names = " and of ".join(printable(domain.name) for domain in bad)
        raise InputError(f"wanted {wanted} of {names} readable, got {'; and '.join(got)}; replace or remove them")


def refuse_dull(domain: Domain, words: str, least: int) -> None:
    """Stop where pictures show too little to learn from: each a single colour, or too few that differ.

    Only as many pictures are opened as it takes to see that it is not so.

    Parameters
    ----------
    domain : at least one picture.
    words : what they were to be, such as ``"normal source"``.
    least : how many have to differ, in whatever pixel.

    Raises
    ------
    InputError : fewer differ, or each is of one colour.

    >>> from twofold.data.domains import ArrayPictures
    >>> black = Domain("own", "desk", ArrayPictures(np.zeros((3, 8, 8), np.uint8)), [""] * 3, ["a", "b", "c"])
    >>> refuse_dull(black, "target", 2)
    Traceback (most recent call last):
    twofold.errors.InputError: wanted target pictures that show something, got 3 of one colour each; ...
    """
    n, seen, flat = len(domain), set(), True
    for row in range(n):
        picture = domain.pictures[row]
        flat = flat and all(low == high for low, high in picture.getextrema())
        seen.add(hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).digest())
        if not flat and len(seen) >= least:
            return
    if flat:
        raise InputError(
            f"wanted {words} pictures that show something, got {n} of one colour each; see whether the camera saw anything"
        )
    same = "" if len(seen) == n else f" among {n}, the others show the same"
    raise InputError(f"wanted at least {least} {words} pictures, got {len(seen)}{same}; add pictures")


def alike(domain: Domain) -> list[list[str]]:
    """Ids of pictures that are the same file under several names, a list for each that is there more than once.

    >>> from twofold.data.domains import ArrayPictures
    >>> grey = np.repeat(np.array([1, 2, 1], np.uint8), 64).reshape(3, 8, 8)
    >>> alike(Domain("own", "desk", ArrayPictures(grey), [""] * 3, ["a", "b", "c"]))
    [['a', 'c']]
    """
    names: dict[str, list[str]] = {}
    for name, content in zip(domain.ids.tolist(), domain.contents.tolist(), strict=True):
        names.setdefault(content, []).append(name)
    return [several for several in names.values() if len(several) > 1]


def shared(source: Domain, target: Domain) -> list[str]:
    """Ids of the target's pictures that are also among the source's, whatever they are called there."""
    return target.ids[np.isin(target.contents, source.contents)].tolist()


def _named(skipped: Mapping[str, str]) -> str:
    return ", ".join(f"{printable(name)} ({why})" for name, why in skipped.items())
