"""The public data sets kept as folders: where they lie, what they must hold, counted, and how they become domains."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from twofold.data.domains import Domain
from twofold.data.folders import given_root, list_pictures, load_class_folders, subfolders
from twofold.errors import InputError

__all__ = ["FOLDER_DATASETS", "CheckReport", "CheckRow", "FolderDataset", "check", "find_root", "load_public_domain"]


@dataclass(frozen=True)
class FolderDataset:
    """A public data set of ``<domain>/<class>/<picture>`` and the counts published for it.

    Parameters
    ----------
    name : such as ``"pacs"``.
    domains, classes : canonical names; folders match them by letters and digits alone, in any case.
    counts : domain -> pictures of each class, in the order of ``classes``; domains without such counts are left out.
    totals : domain -> pictures in all its class folders, also those outside ``classes``.
    source_note : where people get the data, as an instruction.
    folder_names : other usual names of its folder, or of folders around its domains.
    aliases : canonical domain or class -> other names its folder may have.

    >>> pacs = FOLDER_DATASETS["pacs"]
    >>> sum(pacs.totals.values()), dict(zip(pacs.classes, pacs.counts["photo"]))["dog"]
    (9991, 189)
    """

    name: str
    domains: tuple[str, ...]
    classes: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    totals: Mapping[str, int]
    source_note: str
    folder_names: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


FOLDER_DATASETS: dict[str, FolderDataset] = {
    "pacs": FolderDataset(
        name="pacs",
        domains=("photo", "art_painting", "cartoon", "sketch"),
        classes=("dog", "elephant", "giraffe", "guitar", "horse", "house", "person"),
        counts={
            "photo": (189, 202, 182, 186, 199, 280, 432),
            "art_painting": (379, 255, 285, 184, 201, 295, 449),
            "cartoon": (389, 457, 346, 135, 324, 288, 405),
            "sketch": (772, 740, 753, 608, 816, 80, 160),
        },
        totals={"photo": 1670, "art_painting": 2048, "cartoon": 2344, "sketch": 3929},
        source_note="git clone https://github.com/MachineLearning2020/Homework3-PACS (its folder PACS/)",
        folder_names=("Homework3-PACS", "kfold", "Raw images"),
        aliases={"art_painting": ("art",)},
    ),
    "office31": FolderDataset(
        name="office31",
        domains=("amazon", "webcam", "dslr"),
        classes=(
            *("back_pack", "bookcase", "bottle", "desk_chair", "desk_lamp"),
            *("headphones", "keyboard", "laptop_computer", "mouse", "pen"),
        ),
        counts={
            "amazon": (92, 82, 36, 91, 97, 99, 100, 100, 100, 95),
            "webcam": (29, 12, 16, 40, 18, 27, 27, 30, 30, 32),
        },
        totals={"amazon": 2817, "webcam": 795, "dslr": 498},
        source_note=(
            "download Office-31 (domain_adaptation_images) from https://faculty.cc.gatech.edu/~judy/domainadapt/ "
            "and unpack it as office31/"
        ),
        folder_names=("office", "domain_adaptation_images", "Original_images"),
        aliases={"laptop_computer": ("laptop",)},
    ),
    "office_home": FolderDataset(
        name="office_home",
        domains=("art", "clipart", "product", "real_world"),
        classes=(
            *("Bike", "Calculator", "Drill", "Hammer", "Kettle"),
            *("Knives", "Pan", "Paper_Clip", "Scissors", "Soda"),
        ),
        counts={
            "clipart": (99, 46, 48, 99, 40, 53, 51, 40, 99, 61),
            "product": (44, 81, 67, 57, 72, 41, 70, 47, 99, 43),
        },
        totals={"art": 2427, "clipart": 4365, "product": 4439, "real_world": 4357},
        source_note=(
            "download OfficeHomeDataset_10072016.zip from https://www.hemanthdv.org/officeHomeDataset.html "
            "and unpack it as it is"
        ),
        folder_names=("OfficeHomeDataset_10072016", "OfficeHomeDataset"),
    ),
    "visda2017": FolderDataset(
        name="visda2017",
        domains=("synthetic", "real"),
        classes=(
            *("aeroplane", "bicycle", "bus", "car", "horse", "knife"),
            *("motorcycle", "person", "plant", "skateboard", "train", "truck"),
        ),
        counts={
            "synthetic": (14309, 7365, 16640, 12800, 9512, 14240, 17360, 12160, 10731, 11680, 16000, 9600),
            "real": (3646, 3475, 4690, 10401, 4691, 2075, 5796, 4000, 4549, 2281, 4236, 5548),
        },
        totals={"synthetic": 152397, "real": 55388},
        source_note=(
            "download train.tar and validation.tar of the VisDA-2017 classification track from "
            "https://ai.bu.edu/visda-2017/ and unpack both under visda2017/"
        ),
        folder_names=("visda", "visda17", "clf"),
        aliases={"synthetic": ("train",), "real": ("validation",), "aeroplane": ("airplane",)},
    ),
}


@dataclass(frozen=True)
class CheckRow:
    """Pictures found against pictures published, for one class of a domain or for all its class folders."""

    domain: str
    class_name: str
    found: int
    published: int

    @property
    def remark(self) -> str:
        """What is wrong in words; empty if nothing is."""
        if self.found == self.published:
            return ""
        if self.found == 0:
            return "missing"
        return f"{abs(self.found - self.published)} too {'few' if self.found < self.published else 'many'}"


@dataclass(frozen=True)
class CheckReport:
    """What ``check`` found under a root: a row for each published number.

    >>> row = CheckRow("photo", "dog", found=187, published=189)
    >>> report = CheckReport(FOLDER_DATASETS["pacs"], Path("data"), (row,))
    >>> report.ok, report.lines()[2]
    (False, 'photo   dog      187        189  2 too few')
    """

    dataset: FolderDataset
    root: Path
    rows: tuple[CheckRow, ...]

    @property
    def ok(self) -> bool:
        """Whether every count is the published one."""
        return not any(row.remark for row in self.rows)

    def lines(self) -> list[str]:
        """A table of all counts, then what differs and where people get the data."""
        table = [("domain", "class", "found", "published", "")]
        table += [(row.domain, row.class_name, str(row.found), str(row.published), row.remark) for row in self.rows]
        wide = [max(len(line[column]) for line in table) for column in range(4)]
        lines = [f"{self.dataset.name} in {self.root}"]
        for domain, class_name, found, published, remark in table:
            counts = f"{found:>{wide[2]}}  {published:>{wide[3]}}"
            lines.append(f"{domain:{wide[0]}}  {class_name:{wide[1]}}  {counts}  {remark}".rstrip())
        if self.ok:
            return [*lines, "complete: every count is the published one"]
        for domain in dict.fromkeys(row.domain for row in self.rows if row.remark):
            rows = [row for row in self.rows if row.domain == domain]
            if not any(row.found for row in rows):
                lines.append(f"missing: domain {domain}")
            else:
                differing = (f"{row.class_name} ({row.remark})" for row in rows if row.remark)
                lines.append(f"differs: domain {domain} in {', '.join(differing)}")
        return [*lines, f"to get the data: {self.dataset.source_note}"]


def find_root(name: str, root: str | os.PathLike[str] | None = None) -> Path:
    """Find the folder that holds the domains of a data set.

    Parameters
    ----------
    name : a key of ``FOLDER_DATASETS``.
    root : the data set's own folder or its parent; None reads the environment variable ``TWOFOLD_DATA``.

    Returns
    -------
    Path whose subfolders are the domains.

    Raises
    ------
    InputError : the data set is unknown, no root is named, it cannot be read, or the data set is not in it.

    >>> find_root("pacs", "/no/such/folder")
    Traceback (most recent call last):
    twofold.errors.InputError: wanted to read /no/such/folder, got 'No such file or directory'; ...
    """
    dataset, given = _given(name, root)
    found = _search(dataset, given)
    if found is None:
        raise InputError(
            f"wanted {name} in {given}, got no {' or '.join(dataset.domains)} with class folders there or in "
            f"{', '.join((name, *dataset.folder_names))}; correct --root or TWOFOLD_DATA, or {dataset.source_note}"
        )
    return found


def load_public_domain(name: str, domain: str, root: str | os.PathLike[str] | None = None) -> Domain:
    """List the pictures of one domain; none is opened.

    Parameters
    ----------
    name : a key of ``FOLDER_DATASETS``, whose classes alone are read.
    domain : canonical name of the domain.
    root : as in ``find_root``.

    Returns
    -------
    Domain as from ``load_class_folders``, with the canonical names of its classes; ids hold the folders' own names.

    Raises
    ------
    InputError : the domain, a class or a class's pictures are missing, or a folder cannot be read.

    >>> load_public_domain("pacs", "photo", "/no/such/folder")
    Traceback (most recent call last):
    twofold.errors.InputError: wanted to read /no/such/folder, got 'No such file or directory'; ...
    """
    place = find_root(name, root)
    return load_class_folders(name, domain, _listed_classes(FOLDER_DATASETS[name], place, domain))


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
    dataset, given = _given(name, root)
    found_root = _search(dataset, given)
    holders = _class_holders(dataset, found_root) if found_root else {}
    rows = []
    for domain in dataset.domains:
        holder = holders.get(domain)
        found = {path: len(list_pictures(path)) for path in subfolders(holder)} if holder else {}
        classes = _matching(holder, dataset.classes, dataset.aliases) if holder else {}
        if domain in dataset.counts:
            for class_name, published in zip(dataset.classes, dataset.counts[domain], strict=True):
                rows.append(CheckRow(domain, class_name, found.get(classes.get(class_name), 0), published))
        rows.append(CheckRow(domain, "all folders", sum(found.values()), dataset.totals[domain]))
    return CheckReport(dataset, found_root or given, tuple(rows))


def _given(name: str, root: str | os.PathLike[str] | None) -> tuple[FolderDataset, Path]:
    """The data set and the folder that a person named."""
    if name not in FOLDER_DATASETS:
        raise InputError(f"wanted a data set with published counts, got {name!r}; choose {', '.join(FOLDER_DATASETS)}")
    return FOLDER_DATASETS[name], given_root(name, root, FOLDER_DATASETS[name].source_note)


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
