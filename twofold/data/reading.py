"""A file into an honest picture: upright, eight bits a colour, the whole of it, and in words what was done to it."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import ExifTags, Image, ImageOps

from twofold.errors import InputError

__all__ = ["READING_VERSION", "UnreadableError", "has_one_bit", "in_colours", "notes", "printable", "read", "square"]

READING_VERSION = (
    2  # raised by any change after which one file gives other pixels; whoever keeps what was made of pixels keys by it
)

RANGES = (10, 12, 14, 16)  # bits that cameras use of the sixteen
STRIP = 16  # a picture longer than so many times its other side is cut before its middle is resized
TOLD_FROM = 4  # a side shrunk so many times, or so many times longer than the other, is told

# a large picture is read, and one that is too large is refused with its name: two lines from Pillow say nothing more
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # a broken EXIF block turns no picture


class UnreadableError(InputError):
    """A file that is no picture, with what its decoder says in ``reason``.

    >>> try:
    ...     read("/no/such/picture.png")
    ... except UnreadableError as error:
    ...     error.reason
    'No such file or directory'
    """

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(
            f"wanted a readable picture, got {printable(path)} ({reason}); replace the file or remove it from the folder"
        )
        self.path, self.reason = path, reason

    def __reduce__(self) -> tuple[type[UnreadableError], tuple[str | os.PathLike[str], str]]:
        return type(self), (self.path, self.reason)  # a worker's error crosses to its parent


def read(path: str | os.PathLike[str]) -> Image.Image:
    """Read a picture, whatever its format, the same way for every data set.

    The picture is turned upright as its EXIF orientation says. Of several frames or pages the first counts.
    Transparent parts are laid on white.

    Sixteen bits of grey are scaled to eight by one rule: the range is the smallest of 10, 12, 14 and 16 bits that holds
    the file's highest value, so a 12-bit camera's picture is no longer nearly black, and a full range is divided by 257.
    The rule sees one file and nothing else, since a picture is its bytes: its neighbours in a folder may not change it.
    What that costs: where the highest values of one camera's pictures lie on both sides of a limit, say 1000 and 1100,
    the darker are shown up to four times brighter than their neighbours, and one hot pixel can undo it. ``notes`` says
    which range was taken; whoever knows better stores eight bits.

    Pillow reads only the upper eight of sixteen bits a colour (and of grey with alpha). Where these hold at most 64
    levels, as in 10, 12 or 14 bits laid into 16, the file is refused.

    Parameters
    ----------
    path : a regular file; a pipe or device is not opened.

    Returns
    -------
    RGB picture in its own size.

    Raises
    ------
    UnreadableError : the file cannot be read as a picture, for whatever reason its decoder gives; it names the file.

    >>> read("/no/such/picture.png")
    Traceback (most recent call last):
    twofold.data.reading.UnreadableError: wanted a readable picture, got /no/such/picture.png (No such file or directory); ...
    """
    with _opened(path) as picture:
        return in_colours(picture)


def in_colours(picture: Image.Image) -> Image.Image:
    """An opened picture as ``read`` hands it out; one that is decoded already no longer tells how its file stores a pixel.

    Raises
    ------
    ValueError : a range of values that cannot be known; and what a decoder raises.

    >>> in_colours(Image.new("LA", (2, 2), (0, 0))).getpixel((0, 0))
    (255, 255, 255)
    """
    raw = _raw_mode(picture)
    picture = ImageOps.exif_transpose(picture)
    if _is_deep_grey(picture, raw):
        return _in_eight_bits(picture).convert("RGB")
    if picture.mode in ("I", "F"):
        raise ValueError("32 bits a pixel, of unknown range; store it with 8 or 16")
    if ";16" in raw and 0 < _highest(picture) < 64:
        raise ValueError("16 bits a colour of which at most 14 are used, and only the upper 8 can be read; store it with 8")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def notes(path: str | os.PathLike[str], size_px: int, center_crop: bool = False) -> list[str]:
    """What a person would want to know of how a file becomes a square, in words; most often nothing.

    The pixels are decoded only where the words need them (sixteen bits).

    Parameters
    ----------
    path, size_px, center_crop : as for ``read`` and ``square``.

    Returns
    -------
    list such as ``["first of 3 frames", "turned upright by EXIF", "range of 12 bits", "shrunk 9 times",
    "squeezed from 1200 x 100"]``.

    Raises
    ------
    UnreadableError : as for ``read``, as far as the file was looked at.
    """
    words = []
    with _opened(path) as picture:
        frames = getattr(picture, "n_frames", 1)
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
        if frames > 1:
            words.append(f"first of {frames} frames")
        if orientation in range(2, 9):
            words.append("turned upright by EXIF")
        if _is_deep_grey(picture, _raw_mode(picture)) and (bits := _range(np.asarray(picture))) < 16:
            words.append(f"range of {bits} bits")
        short, long = sorted(picture.size)
        shrunk = (short if center_crop else long) / size_px
        if shrunk > TOLD_FROM:
            words.append(f"shrunk {shrunk:.0f} times")
        if center_crop and short != long:
            words.append(f"only the middle {short} x {short} of {picture.width} x {picture.height}")
        elif long > TOLD_FROM * short:
            words.append(f"squeezed from {picture.width} x {picture.height}")
        if long * TOLD_FROM < size_px:
            words.append(f"enlarged {size_px / long:.0f} times")
    return words


def has_one_bit(path: str | os.PathLike[str]) -> bool:
    """Whether a file's pixels are black or white and nothing between, as in a mask; it is not decoded.

    Raises
    ------
    UnreadableError : as for ``read``, as far as the file was looked at.
    """
    with _opened(path) as picture:
        return picture.mode == "1"


def square(picture: Image.Image, size_px: int, center_crop: bool = False) -> np.ndarray:
    """Resize a picture to a square (bicubic): as a whole, or its middle alone.

    Parameters
    ----------
    picture : RGB picture of any shape.
    size_px : side of the result in pixels.
    center_crop : resize the shorter side to ``size_px`` and keep the middle of the longer, as networks are shown
        pictures in their training; what lies outside is never seen. A square picture gives the same either way.

    Returns
    -------
    (3, size_px, size_px) uint8. Memory depends on the picture and the result alone, however long a strip is.

    >>> square(Image.new("RGB", (40, 20), "white"), 8).shape
    (3, 8, 8)
    """
    width, height = picture.size
    if not center_crop:
        if width < size_px < height:  # rows first: columns multiplied before would make half a gigabyte of 1 x 1,000,000 pixels
            picture = picture.resize((width, size_px), Image.Resampling.BICUBIC)
        picture = picture.resize((size_px, size_px), Image.Resampling.BICUBIC)
        return np.asarray(picture).transpose(2, 0, 1)
    reach = STRIP * min(width, height)  # of a longer strip the ends are far from the middle
    if max(width, height) > reach:
        picture = _middle(picture, min(width, reach), min(height, reach))
        width, height = picture.size
    scale = size_px / min(width, height)
    picture = picture.resize(
        (max(size_px, round(width * scale)), max(size_px, round(height * scale))), Image.Resampling.BICUBIC
    )
    return np.asarray(_middle(picture, size_px, size_px)).transpose(2, 0, 1)


def printable(path: str | os.PathLike[str]) -> str:
    r"""A path that can be printed: itself, or quoted where it holds line breaks, control codes or no text.

    >>> printable("a b.png"), printable("a\nb.png")
    ('a b.png', "'a\\nb.png'")
    """
    text = os.fspath(path)
    return text if text.isprintable() else ascii(text)


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """The file as Pillow opens it; whatever goes wrong within is one error with the file's name."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for ever
            raise ValueError("no regular file")
        with Image.open(path) as picture:
            yield picture
    except Exception as error:  # decoders raise what they like: OSError, RuntimeError, MemoryError, SyntaxError, struct.error
        said, place = str(error), os.fspath(path)
        for named in (repr(place), str(place)):  # the reason is kept where the place is nobody's business
            said = said.replace(named, "")
        reason = getattr(error, "strerror", None) or " ".join(said.split()) or type(error).__name__
        raise UnreadableError(path, reason) from error


def _raw_mode(picture: Image.Image) -> str:
    """How the file stores a pixel, such as ``RGB;16B``, which Pillow hands out as RGB; known until it is decoded."""
    arguments = picture.tile[0][3] if getattr(picture, "tile", None) else ""
    return arguments if isinstance(arguments, str) else str(next(iter(arguments or ()), ""))


def _is_deep_grey(picture: Image.Image, raw: str) -> bool:
    """Whether the pixels are unsigned grey values of sixteen bits."""
    return picture.mode.startswith("I;16") or (picture.mode == "I" and raw.startswith("I;16") and not raw.endswith("S"))


def _range(values: np.ndarray) -> int:
    """The smallest range in bits that holds all values."""
    return next(bits for bits in RANGES if values.max() < 2**bits)


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """Sixteen bits of grey over their range, in eight; a value that stands for transparency becomes white."""
    values = np.asarray(picture)
    scaled = (values.astype(np.int64) * 255 // (2 ** _range(values) - 1)).astype(np.uint8)  # of 16 bits: divided by 257
    scaled[values == picture.info.get("transparency", -1)] = 255
    return Image.fromarray(scaled)


def _middle(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of a picture."""
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def _highest(picture: Image.Image) -> int:
    """The highest value of any colour, alpha apart."""
    extrema = picture.getextrema()
    bands = [extrema] if isinstance(extrema[0], int) else extrema
    return max(high for band, (_, high) in zip(picture.getbands(), bands, strict=True) if band != "A")
