"""The public data sets kept as folders: where they lie, what they must hold, counted, and how they become domains.

Office-Caltech shows some things several times; ``office_caltech_objects.csv`` names the object of every picture that shares
it with another, and pictures of one object stay on one side of a split. Webcam and DSLR hold several views of each object,
most objects in both, in a row of file numbers. The numbers do not say where a row ends, and no cosine of frozen features
does (views of one object go below 0.5, two objects reach 0.94), so the rows were read off contact sheets, two things of one
model taken for one. Amazon and Caltech hold the same product again, cut, scaled or coloured otherwise: two pictures of one
class and one of these domains are joined where their features have a cosine above 0.93, of bikes above 0.96. The features
are those of the embedded preset's encoder (EfficientNet-Lite2 with the weights that pip brings, 128 px). The limits were
chosen by looking at the pairs above 0.92 and a sample of those below: there most are different products of one kind, and
bikes, all drawn from the side, come nearer than other things. Of Amazon with Caltech the 64 nearest pairs of one class were
looked at, and the five that are one product, three of them mirrored, are joined. What is mirrored within a domain, or is one
product in another colour, may be missed. The test of this module makes the part by cosine anew.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from twofold.data.checks import CheckReport, CheckRow
from twofold.data.domains import Domain
from twofold.data.folders import given_root, list_pictures, load_class_folders, subfolders
from twofold.errors import InputError

__all__ = ["FOLDER_DATASETS", "FolderDataset", "check", "find_root", "load_public_domain", "objects"]

OFFICE_CALTECH_OBJECTS = Path(__file__).with_name("office_caltech_objects.csv")


@dataclass(frozen=True)
class FolderDataset:
    """A public data set of ``<domain>/<class>/<picture>`` and the counts that its copies must have.

    Parameters
    ----------
    name : such as ``"pacs"``.
    domains, classes : canonical names; folders match them by letters and digits alone, in any case.
    counts : domain -> pictures of each class, in the order of ``classes``; domains without such counts are left out.
    totals : domain -> pictures in all its class folders, also those outside ``classes``.
    source_note : where people get the data, as an instruction.
    folder_names : other usual names of its folder, or of folders around its domains.
    aliases : canonical domain or class -> other names its folder may have.
    counted : what to know of the counts where not all of them are published.
    objects : table of the pictures that show one object; empty if pictures are things of their own.

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
    counted: str = ""
    objects: Path | None = None


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
    "office_caltech": FolderDataset(
        name="office_caltech",
        domains=("amazon", "webcam", "dslr", "caltech10"),
        classes=(
            *("backpack", "bike", "calculator", "headphones", "keyboard"),
            *("laptop", "monitor", "mouse", "mug", "projector"),
        ),
        counts={
            "amazon": (92, 82, 94, 99, 100, 100, 99, 100, 94, 98),
            "webcam": (29, 21, 31, 27, 27, 30, 43, 30, 27, 30),
            "dslr": (12, 21, 12, 13, 10, 24, 22, 12, 8, 23),
            "caltech10": (151, 110, 100, 138, 85, 128, 133, 94, 87, 97),
        },
        totals={"amazon": 958, "webcam": 295, "dslr": 157, "caltech10": 1123},
        source_note="git clone https://github.com/redhat12345/OfficeCaltechDomainAdaptation (its folder images/)",
        folder_names=("OfficeCaltechDomainAdaptation", "OfficeCaltech10", "images"),
        aliases={"caltech10": ("caltech",), "laptop": ("laptop_computer",)},
        counted="the sums are published, the counts by class were measured on one copy",
        objects=OFFICE_CALTECH_OBJECTS,
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
    Domain as from ``load_class_folders``, with the canonical names of its classes; ids hold the folders' own names, and
    ``groups`` the objects that a shipped table knows.

    Raises
    ------
    InputError : the domain, a class or a class's pictures are missing, or a folder cannot be read.

    >>> load_public_domain("pacs", "photo", "/no/such/folder")
    Traceback (most recent call last):
    twofold.errors.InputError: wanted to read /no/such/folder, got 'No such file or directory'; ...
    """
    place = find_root(name, root)
    loaded = load_class_folders(name, domain, _listed_classes(FOLDER_DATASETS[name], place, domain))
    known = objects(name, domain)
    pictures = zip(loaded.class_names.tolist(), loaded.ids.tolist(), loaded.groups.tolist(), strict=True)
    groups = [known.get(f"{class_name}/{Path(path).stem}", own) for class_name, path, own in pictures]
    return replace(loaded, groups=groups)


def objects(name: str, domain: str) -> dict[str, str]:
    """``<class>/<file name without suffix>`` -> object, for the pictures of a domain that share it with another picture.

    >>> [objects("office_caltech", "webcam")[f"mug/frame_{number:04}"] for number in (1, 5, 6)]
    ['office_caltech/mug/1', 'office_caltech/mug/1', 'office_caltech/mug/2']
    >>> objects("pacs", "photo")
    {}
    """
    table = FOLDER_DATASETS[name].objects
    if table is None:
        return {}
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["domain"] == domain]
    return {f"{row['class']}/{row['picture']}": f"{name}/{row['class']}/{row['object']}" for row in rows}


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
    return CheckReport(name, found_root or given, tuple(rows), dataset.source_note, dataset.counted)


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
        raise InputError(f"wanted a domain of {dataset.name}, got {domain!r}; choose one of: {', '.join(dataset.domains)}")
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
