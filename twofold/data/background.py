"""Background: piles of generic pictures, drawn or lit like the target's and of nothing that the task is about.

How far a picture lies from what is normal also says how odd it is in general: a busy drawing is far from everything. The
distance to a pile says the same of generic pictures, so what is left when it is subtracted is what tells normal from not,
a likelihood ratio instead of a likelihood. It works as far as the pile has the target's *style*; what is shown in it does
not matter.

A pile is a third ingredient beside source and target, and fair only where it tells nothing of the answers:

- it is named in every table, and the controls get the same pile;
- it is fixed before any run and the same for everyone: nothing is drawn by a run's seed, nothing chosen by a score;
- it holds no label, no picture of the task, and nothing that is a class of any of our data sets: neither the normal class
  nor an anomaly, so it is no outlier exposure;
- it was drawn by other hands than source and target: a pair with the pile's own vendor is refused;
- which pile suits is decided without labels.

"emoji" are the drawings of one vendor, FACEBOOK, for every task alike: symbols, tools, sport,
music, hearts, time. Whole subcategories are left out where they are classes of the emoji task (``data.emoji``) or near one
(cats' faces, parts of the body, drinks, signs made of letters) or of another data set (computers, plants), single emoji
where they show such a thing (``SHOWN``). What is left looks like no picture of the task, either: the largest cosine with any
of the seven vendors' is 0.944, below the 0.95 of the table of look-alikes, with the features of that table.

"letters" are typeset in the fonts and grey levels of the digits' domain ``type``, turned and sheared in the same way. Letters
that can be read as digits are left out in both cases (O as 0, I and l as 1, Z as 2, S as 5, B as 8), and those whose five
nearest among letters and digits, by the correlation of pixels, are digits in more than one of eight (A as 4, J and T as 1).

"photos" are features of photographs, since the pictures themselves may not be handed on: ``networks.piles``.

A pile that lies farther from the target than twice as far as the target's own pictures lie from each other is none of its
style, and ``auto`` takes none: ``parts.oddness``.
"""

from __future__ import annotations

import os
import string
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import ImageFont

from twofold.data.digits import FONTS, glyph
from twofold.data.domains import ArrayPictures, Domain, FilePictures
from twofold.data.emoji import concept, drawings, subcategories
from twofold.data.folders import load_pictures
from twofold.errors import InputError

__all__ = ["BACKGROUNDS", "check_background", "load_background"]

BACKGROUNDS = ("emoji", "letters", "photos")
CLASS = "background"

VENDOR = "facebook"  # in none of our pairs

SUBCATEGORIES = (
    *("arrow", "arts & crafts", "av-symbol", "award-medal", "currency", "emotion", "event", "flag", "game", "gender"),
    *("geometric", "heart", "hotel", "household", "light & video", "lock", "math", "medical", "money", "music"),
    *("musical-instrument", "other-object", "other-symbol", "punctuation", "religion", "science", "sound", "sport"),
    *("time", "tool", "warning", "zodiac"),
)

# class of a data set -> emoji of other subcategories that show it all the same
SHOWN = {
    "animal": "1F38F 1F3A3 1F9F8 1FA85",  # carp on a pole, fish on a rod, teddy bear, piñata
    "bottle": "1F9F4",
    "clothing": "1F3BD 1F3BF 1F93F 1F94B 1F9F3 26F8",  # shirt, ski boot, mask, uniform, bag, boot
    "desk_chair": "1FA91",
    "desk_lamp": "1F6CB",
    "face": "1F383 1F3AD 1F441-200D-1F5E8 1F48B 1F5FF",  # pumpkin, masks, an eye, lips, statue
    "food": "1FAA4",  # cheese in a trap
    "guitar": "1F3B8 1F3BB 1FA95",
    "hammer": "1F528 1F6E0 2692",
    "hand": "1F94A 1FAAC",
    "headphones": "1F3A7",
    "keyboard": "1F3B9",
    "knife": "1F5E1 2694",
    "letter": "00A9 00AE 1F004 1F3B0 1F3B1 1F4AF 1F502 1F519 1F51A 1F51B 1F51C 1F51D 1F51E 1F947 1F948 1F949 1F9E7 2122",
    "monitor": "1F4FA",
    "office": "1F48C 1F4B9 1F50F",  # envelope, chart, pen
    "person": "1F0CF 1F38E 1F6AF 1F6B7 1F6B8 1F6D0 1FA86 1FAAA",  # joker, dolls, walkers, one who prays, portrait
    "phone": "1F4F3 1F4F4 1F4F5",
    "place": "1F386 1F387 1F391 1F3B4 1F5BC",  # cities, hills, a painted landscape
    "plant": "1F384 1F38B 1F38D",
    "projector": "1F4FD",
    "vehicle": "1F6B3 1F6F7",
}

LETTERS = "".join(letter for letter in string.ascii_letters if letter not in "ABDGIJOQSTZbgijloqsz")
GLYPHS_PER_LETTER = 12  # as many letters as drawings, about
RENDERING_SEED = 20260102  # fixed, and not the digits': no letter is turned as a digit is


def load_background(name: str | os.PathLike[str]) -> Domain:
    """A pile of generic pictures.

    Parameters
    ----------
    name : ``"emoji"``, ``"letters"``, or any folder of pictures, as ``folders.load_pictures`` reads it.

    Returns
    -------
    Domain of one class, ``"background"``; of a folder, without classes.

    Raises
    ------
    InputError : no such pile and no such folder.

    >>> pile = load_background("emoji")
    >>> pile.name, pile.classes, len(pile), len(load_background("letters"))
    ('emoji of facebook', ('background',), 355, 384)
    """
    if name == "emoji":
        return _emoji()
    if name == "letters":
        return _letters()
    folder = Path(os.path.expanduser(name))
    if not folder.is_dir():
        raise InputError(
            f"wanted a background, got {str(name)!r}; choose one of: none, auto, {', '.join(BACKGROUNDS)}, or name a folder"
        )
    return load_pictures(folder)


def check_background(name: str, dataset: str, domains: Sequence[str]) -> None:
    """Refuse a pile that was drawn by the hands that drew source or target.

    Raises
    ------
    InputError : emoji of the pile's own vendor.

    >>> check_background("auto", "emoji", ("windows", "apple"))
    """
    if name in ("auto", "emoji") and dataset == "emoji" and VENDOR in domains:
        raise InputError(
            f"wanted a background by other hands than source and target, got {name!r} on {' and '.join(domains)}, while the "
            f"pile is {VENDOR}'s; choose background none, letters or photos, or name a folder"
        )


@cache
def _emoji() -> Domain:
    shown = {code for codes in SHOWN.values() for code in codes.split()}
    generic = {code for code, subcategory in subcategories().items() if subcategory in SUBCATEGORIES} - shown
    found = drawings(VENDOR, generic)
    codes = sorted(found)
    return Domain(
        CLASS,
        f"emoji of {VENDOR}",
        FilePictures([found[code] for code in codes]),
        [CLASS] * len(codes),
        [f"{CLASS}/{code}" for code in codes],
        [f"{CLASS}/{concept(code)}" for code in codes],
    )


@cache
def _letters() -> Domain:
    from matplotlib import get_data_path

    fonts = [ImageFont.truetype(f"{get_data_path()}/fonts/ttf/{name}.ttf", size=104) for name in FONTS]
    rng = np.random.default_rng(RENDERING_SEED)
    letters = np.repeat(list(LETTERS), GLYPHS_PER_LETTER).tolist()
    pixels = np.stack([glyph(letter, fonts[i % len(fonts)], rng) for i, letter in enumerate(letters)])
    ids = [f"{CLASS}/{letter}{i % GLYPHS_PER_LETTER:02}" for i, letter in enumerate(letters)]
    return Domain(CLASS, "letters", ArrayPictures(pixels), [CLASS] * len(ids), ids)
