"""PIPED: crops of paper without and with impurities, a domain for each type of paper, a mask for each fault.

A type of paper is a folder: ``PA_GLA01_TL/NoDefects/*``, ``PA_GLA01_TL/Defects/*`` and the masks in a folder of ``Defects``
whose name begins with ``Ground``. Its domain is the folder's name without ``PA_``. Several crops come from one sheet of paper
and share its name, all but the last number: they are one group, and a group never stands on both sides of a split.

Source: Bianconi, Ceccarelli, Fernández, Saetta, A sequential machine vision procedure for assessing paper impurities,
Computers in Industry 65, 2014 (CC BY 4.0); its text says 13 types of paper, with 48 crops of each of the three kinds.
"""

from __future__ import annotations

import os
from pathlib import Path

from twofold.data.checks import CheckReport, CheckRow
from twofold.data.domains import Domain, FilePictures
from twofold.data.folders import given_root, list_pictures, subfolders
from twofold.errors import InputError

__all__ = ["PIPED_DOMAINS", "PIPED_NORMAL", "check_piped", "find_piped_root", "load_piped_domain"]

SOURCE_NOTE = "git clone https://github.com/bianconif/PIPED (its folder data/)"

# the types whose pairs have a use in runs.presets; the folder of any other type is a domain too
PIPED_DOMAINS = ("BDP01_TL", "BRG01_RL", "BTN01_RL", "FLR01_TL", "FVN02_RL", "GLA01_TL")
PIPED_NORMAL = "good"  # the one class that is ever normal: a fault is what one looks for

CLASS_FOLDERS = {"faulty": "Defects", "good": "NoDefects"}
CROPS = 48


def _papers(folder: Path) -> dict[str, Path]:
    """Domain -> its folder, for every folder of paper in a folder."""
    inner = {path: {each.name for each in subfolders(path)} for path in subfolders(folder)}
    return {path.name.removeprefix("PA_"): path for path, names in inner.items() if names & set(CLASS_FOLDERS.values())}


def _search(given: Path) -> Path | None:
    """The nearest folder in ``given`` with types of paper in it."""
    for place in ("", "data", "piped", "PIPED", "piped/data", "PIPED/data"):
        if (given / place).is_dir() and _papers(given / place):
            return given / place
    return None


def find_piped_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Find the folder that holds the types of paper.

    Parameters
    ----------
    root : this folder, the clone it lies in, or the parent of that; None reads the environment variable ``TWOFOLD_DATA``.

    Returns
    -------
    Path whose subfolders are the domains.

    Raises
    ------
    InputError : no root is named, it cannot be read, or no type of paper is in it.

    >>> find_piped_root("/no/such/folder")
    Traceback (most recent call last):
    twofold.errors.InputError: wanted to read /no/such/folder, got 'No such file or directory'; ...
    """
    given = given_root("piped", root, SOURCE_NOTE)
    found = _search(given)
    if found is None:
        raise InputError(
            f"wanted piped in {given}, got no type of paper with NoDefects or Defects there or in data, piped, PIPED; "
            f"correct --root or TWOFOLD_DATA, or {SOURCE_NOTE}"
        )
    return found


def load_piped_domain(name: str, root: str | os.PathLike[str] | None = None) -> Domain:
    """List the crops of one type of paper; none is opened.

    Parameters
    ----------
    name : the name of its folder without ``PA_``.
    root : as in ``find_piped_root``.

    Returns
    -------
    Domain of the classes ``faulty`` and ``good``, sorted by class and path without suffix; ids are paths in the type's
    folder, ``groups`` the sheets.

    Raises
    ------
    InputError : the type of paper, a class or a class's pictures are missing, or a folder cannot be read.
    """
    place = _paper(name, root)
    rows = sorted(
        (class_name, os.path.splitext(file)[0], f"{folder}/{file}")
        for class_name, folder in CLASS_FOLDERS.items()
        for file in _crops(place / folder)
    )
    missing = [str(place / folder) for each, folder in CLASS_FOLDERS.items() if each not in {row[0] for row in rows}]
    if missing:
        raise InputError(f"wanted pictures of both classes of {name}, got none in {', '.join(missing)}; {SOURCE_NOTE}")
    return Domain(
        "piped",
        name,
        FilePictures([place / path for _, _, path in rows]),
        [class_name for class_name, _, _ in rows],
        [path for _, _, path in rows],
        [f"piped/{name}/{_sheet(stem)}" for _, stem, _ in rows],
    )


def check_piped(root: str | os.PathLike[str] | None = None) -> CheckReport:
    """Count the crops of every type of paper that is there, and the masks that belong to a faulty one.

    Parameters
    ----------
    root : as in ``find_piped_root``; a folder without any type gives a report in which all types in use are missing.

    Returns
    -------
    CheckReport with three rows for each type.

    Raises
    ------
    InputError : no root is named, or a folder cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as nothing:
    ...     report = check_piped(nothing)
    >>> report.ok, report.rows[0].remark, len(report.rows)
    (False, 'missing', 18)
    """
    given = given_root("piped", root, SOURCE_NOTE)
    place = _search(given)
    papers = _papers(place) if place else {}
    rows = []
    for name in sorted({*papers, *PIPED_DOMAINS}):
        crops = {each: _crops(papers[name] / folder) if name in papers else [] for each, folder in CLASS_FOLDERS.items()}
        masks = _masks(papers[name]) if name in papers else {}
        rows += [CheckRow(name, each, len(files), CROPS) for each, files in crops.items()]
        rows.append(CheckRow(name, "masks", len(set(masks) & set(crops["faulty"])), CROPS))
    return CheckReport(
        "piped", place or given, tuple(rows), SOURCE_NOTE, "13 types are published; those that are here are counted"
    )


def _paper(name: str, root: str | os.PathLike[str] | None) -> Path:
    """The folder of one type of paper."""
    place = find_piped_root(root)
    papers = _papers(place)
    if name not in papers:
        raise InputError(
            f"wanted a type of paper in {place}, got {name!r}; choose one of: {', '.join(papers)}; or {SOURCE_NOTE}"
        )
    return papers[name]


def _crops(folder: Path) -> list[str]:
    """Names of the pictures that lie in a folder itself: the masks lie in a folder of it."""
    return [path for path in list_pictures(folder) if "/" not in path] if folder.is_dir() else []


def _masks(paper: Path) -> dict[str, Path]:
    """Name of a faulty picture -> its mask, whose name says ``GT`` in place of ``D``."""
    faulty = paper / CLASS_FOLDERS["faulty"]
    folders = [path for path in subfolders(faulty) if path.name.startswith("Ground")] if faulty.is_dir() else []
    return {file.replace("_GT_", "_D_"): folder / file for folder in folders for file in _crops(folder)}


def _sheet(stem: str) -> str:
    """The sheet of paper that a crop comes from.

    >>> _sheet("PA_GLA01_TL_S_ND_04_3")
    'PA_GLA01_TL_S_ND_04'
    """
    return stem.rpartition("_")[0] or stem
