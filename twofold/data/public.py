"""The public data sets kept as folders: domains, classes, published counts, and a count held against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["FOLDER_DATASETS", "CheckReport", "CheckRow", "FolderDataset"]


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
    """What ``folders.check`` found under a root: a row for each published number.

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
