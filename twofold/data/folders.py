"""Data sets kept as folders of pictures: where they lie, what they must hold, and how they become domains."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from twofold.data.domains import Domain, FilePictures
from twofold.data.listing import SUFFIXES, fingerprint, pictures, short_names, subfolders
from twofold.data.public import FOLDER_DATASETS, CheckReport, CheckRow, FolderDataset
from twofold.errors import InputError

__all__ = ["FOLDER_DATASETS", "CheckReport", "CheckRow", "FolderDataset", "check", "find_root", "load_folder_domain"]


def find_root(name: str, root: str | os.PathLike[str] | None = None) -> Path:
    """Find the folder that holds the domains of a data set.

    Parameters
    ----------
    name : a key of ``FOLDER_DATASETS``, or ``"folder"`` for pictures of your own.
    root : the data set's own folder or its parent; None reads the environment variable ``TWOFOLD_DATA``.
        For ``"folder"`` it is always the folder of the domains itself.

    Returns
    -------
    Path whose subfolders are the domains.

    Raises
    ------
    InputError : no root is named, it cannot be read, or the data set is not in it.

    >>> find_root("pacs", "/no/such/folder")
    Traceback (most recent call last):
    twofold.errors.InputError: wanted to read /no/such/folder, got 'No such file or directory'; ...
    """
    given = _given_root(name, root)
    if name == "folder":
        return given
    dataset = FOLDER_DATASETS[name]
    found = _search(dataset, given)
    if found is None:
        raise InputError(
            f"wanted {name} in {given}, got no {' or '.join(dataset.domains)} with class folders there or in "
            f"{', '.join((name, *dataset.folder_names))}; correct --root or TWOFOLD_DATA, or {dataset.source_note}"
        )
    return found


def load_folder_domain(dataset: str, domain: str, root: str | os.PathLike[str] | None = None) -> Domain:
    """List the pictures of one domain; none is opened.

    Parameters
    ----------
    dataset : a key of ``FOLDER_DATASETS``, whose classes alone are read, or ``"folder"``, which keeps every class.
    domain : canonical name of the domain; for ``"folder"`` the name of a folder in ``root``.
    root : as in ``find_root``.

    Returns
    -------
    Domain sorted by id. An id is ``<class>/<file name without suffix>``, so a re-encoded copy has the same ids; files
    that differ only in suffix keep it. A fingerprint is ``<path in the root>:<size>@<time of change in ns>``.

    Raises
    ------
    InputError : the domain, a class or a class's pictures are missing, or something cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("mug/1.png", "mug/2.jpg", "pen/1.png"):
    ...         path = Path(root, "desk", name)
    ...         path.parent.mkdir(parents=True, exist_ok=True)
    ...         path.touch()
    ...     load_folder_domain("folder", "desk", root).ids.tolist()
    ['mug/1', 'mug/2', 'pen/1']
    """
    folder = find_root(dataset, root)
    if dataset == "folder":
        classes = _every_class(folder, domain)
    else:
        classes = _listed_classes(FOLDER_DATASETS[dataset], folder, domain)
    files = {name: pictures(class_folder) for name, class_folder in classes.items()}
    empty = [str(classes[name]) for name in classes if not files[name]]
    if empty:
        raise InputError(
            f"wanted pictures ({' '.join(SUFFIXES)}) in every class folder, got none in {', '.join(empty)}; "
            "add pictures or remove the folder"
        )
    rows = sorted(
        (f"{name}/{short}", name, classes[name] / file)
        for name in classes
        for file, short in zip(files[name], short_names(files[name]), strict=True)
    )
    ids, class_names, paths = zip(*rows, strict=True)
    fingerprints = [fingerprint(path, folder) for path in paths]
    return Domain(dataset, domain, FilePictures(paths), class_names, ids, fingerprints)


def check(name: str, root: str | os.PathLike[str] | None = None) -> CheckReport:
    """Count every domain and class of a data set against the published numbers, whatever the suffixes.

    A run needs its own two domains only; this check wants them all.

    Parameters
    ----------
    name : a key of ``FOLDER_DATASETS``.
    root : as in ``find_root``; a folder without the data set gives a report in which all is missing.

    Returns
    -------
    CheckReport with a row for each published number.

    Raises
    ------
    InputError : the data set is unknown or has no published counts, no root is named, or a folder cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as nothing:
    ...     report = check("visda2017", nothing)
    >>> report.ok, report.rows[0].remark, len(report.rows)
    (False, 'missing', 26)
    """
    if name == "folder":
        raise InputError(f"wanted a data set with published counts, got 'folder'; choose {', '.join(FOLDER_DATASETS)}")
    given = _given_root(name, root)
    dataset = FOLDER_DATASETS[name]
    found_root = _search(dataset, given)
    holders = _class_holders(dataset, found_root) if found_root else {}
    rows = []
    for domain in dataset.domains:
        holder = holders.get(domain)
        found = {path: len(pictures(path)) for path in subfolders(holder)} if holder else {}
        classes = _matching(holder, dataset.classes, dataset.aliases) if holder else {}
        if domain in dataset.counts:
            for class_name, published in zip(dataset.classes, dataset.counts[domain], strict=True):
                rows.append(CheckRow(domain, class_name, found.get(classes.get(class_name), 0), published))
        rows.append(CheckRow(domain, "all folders", sum(found.values()), dataset.totals[domain]))
    return CheckReport(dataset, found_root or given, tuple(rows))


def _given_root(name: str, root: str | os.PathLike[str] | None) -> Path:
    """The folder the person named, by argument or environment."""
    if name != "folder" and name not in FOLDER_DATASETS:
        raise InputError(f"unknown data set {name!r}; choose one of: {', '.join(FOLDER_DATASETS)}, folder")
    chosen = root or os.environ.get("TWOFOLD_DATA")
    if not chosen:
        get = FOLDER_DATASETS[name].source_note if name in FOLDER_DATASETS else "lay pictures as <domain>/<class>/*"
        raise InputError(f"wanted the folder of {name}, got none; pass --root or set TWOFOLD_DATA; to get it: {get}")
    folder = Path(os.path.expanduser(chosen))
    subfolders(folder)  # says at once if it cannot be read
    return folder


def _search(dataset: FolderDataset, given: Path) -> Path | None:
    """The nearest folder in ``given`` with a domain in it, descending only by the data set's usual folder names."""
    usual = {_key(name) for name in (dataset.name, *dataset.folder_names)}
    level = [given]
    for _ in range(4):  # the deepest known layout is <parent>/Homework3-PACS/PACS/kfold
        for folder in level:
            if _class_holders(dataset, folder):
                return folder
        level = [inner for folder in level for inner in subfolders(folder) if _key(inner.name) in usual]
    return None


def _class_holders(dataset: FolderDataset, root: Path) -> dict[str, Path]:
    """Domain -> the folder that holds its class folders: its own, or ``images`` in it as in Office-31."""
    holders = {}
    for domain, folder in _matching(root, dataset.domains, dataset.aliases).items():
        for holder in (folder, *_matching(folder, ("images",), {}).values()):
            if _matching(holder, dataset.classes, dataset.aliases):
                holders[domain] = holder
                break
    return holders


def _listed_classes(dataset: FolderDataset, root: Path, domain: str) -> dict[str, Path]:
    """Class -> folder for the classes of a known data set, all of which must be there."""
    if domain not in dataset.domains:
        raise InputError(f"unknown domain {domain!r} of {dataset.name}; choose one of: {', '.join(dataset.domains)}")
    holders = _class_holders(dataset, root)
    if domain not in holders:
        raise InputError(
            f"wanted domain {domain} of {dataset.name} in {root}, got only {', '.join(holders)}; {dataset.source_note}"
        )
    classes = _matching(holders[domain], dataset.classes, dataset.aliases)
    missing = [name for name in dataset.classes if name not in classes]
    if missing:
        raise InputError(
            f"wanted {len(dataset.classes)} class folders of {dataset.name} in {holders[domain]}, "
            f"got none for {', '.join(missing)}; {dataset.source_note}"
        )
    return classes


def _every_class(root: Path, domain: str) -> dict[str, Path]:
    """Class -> folder for all folders of a domain of one's own."""
    domains = {folder.name: folder for folder in subfolders(root)}
    if domain not in domains:
        found = ", ".join(domains) or "no folders"
        raise InputError(f"wanted domain {domain!r} as a folder in {root}, got {found}; choose one or add it")
    classes = {folder.name: folder for folder in subfolders(domains[domain])}
    if not classes:
        raise InputError(
            f"wanted class folders in {domains[domain]}, got none; lay the pictures as <domain>/<class>/*.png or *.jpg"
        )
    return classes


def _key(name: str) -> str:
    """Letters and digits alone, in lower case: what two spellings of one name share."""
    return re.sub(r"[\W_]", "", name.casefold())


def _matching(folder: Path, names: Iterable[str], aliases: Mapping[str, tuple[str, ...]]) -> dict[str, Path]:
    """Name -> the subfolder whose whole name is a spelling or alias of it, in the order of ``names``."""
    name_of = {_key(spelling): name for name in names for spelling in (name, *aliases.get(name, ()))}
    found = {}
    for subfolder in subfolders(folder):
        name = name_of.get(_key(subfolder.name))
        if name in found:
            raise InputError(f"wanted one folder for {name}, got {found[name]} and {subfolder}; remove or rename one")
        if name is not None:
            found[name] = subfolder
    return {name: found[name] for name in name_of.values() if name in found}
