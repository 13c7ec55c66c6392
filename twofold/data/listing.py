"""Which pictures lie in a folder: their names, and what tells that one of them has changed."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from twofold.data.domains import Domain, FilePictures
from twofold.errors import InputError

__all__ = ["SUFFIXES", "fingerprint", "load_pictures", "pictures", "short_names", "subfolders"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def load_pictures(folder: str | os.PathLike[str]) -> Domain:
    """List the pictures in a folder and all folders in it, as a domain without classes, sorted by id; none is opened.

    Raises
    ------
    InputError : the folder cannot be read or holds no picture.

    >>> load_pictures("/no/such/folder")
    Traceback (most recent call last):
    twofold.errors.InputError: wanted to read /no/such/folder, got 'No such file or directory'; ...
    """
    place = Path(os.path.expanduser(folder)).absolute()
    files = pictures(place)
    if not files:
        raise InputError(f"wanted pictures ({' '.join(SUFFIXES)}) in {place}, got none; name another folder")
    ids, paths = zip(*sorted(zip(short_names(files), [place / file for file in files], strict=True)), strict=True)
    return Domain("folder", str(place), FilePictures(paths), [""] * len(ids), ids, [fingerprint(p, place) for p in paths])


def subfolders(folder: Path) -> list[Path]:
    """Visible folders inside a folder, sorted by name."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from error
    return [folder / name for name in sorted(names)]


def pictures(folder: Path) -> list[str]:
    """Relative paths of the visible pictures in a folder and the folders in it, not behind links, with forward slashes."""

    def refuse(error: OSError) -> None:
        raise _unreadable(Path(error.filename), error) from error

    found = []
    for place, inner, files in os.walk(folder, onerror=refuse):
        inner[:] = [name for name in inner if not name.startswith(".")]
        relative = Path(place).relative_to(folder)
        shown = [name for name in files if not name.startswith(".") and name.lower().endswith(SUFFIXES)]
        found += [(relative / name).as_posix() for name in shown]
    for file in found:
        if not file.isascii() and file.encode(errors="ignore").decode() != file:
            raise InputError(f"wanted file names in UTF-8, got {file!a} in {folder}; rename the file")
    return found


def short_names(files: list[str]) -> list[str]:
    """Paths without their suffix, except where another file would then have the same name."""
    stems = [os.path.splitext(file)[0] for file in files]
    taken = Counter(stems) + Counter(files)
    return [stem if taken[stem] == 1 else file for file, stem in zip(files, stems, strict=True)]


def fingerprint(path: Path, root: Path) -> str:
    """Changes whenever the file does, and is the same wherever the root lies."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    name = path.relative_to(root).with_suffix("").as_posix().replace("@", "%40")
    return f"{name}:{status.st_size}@{status.st_mtime_ns}"


def _unreadable(path: Path, error: OSError | ValueError) -> InputError:
    """One line about a file or folder that the system refuses."""
    reason = getattr(error, "strerror", None) or error
    return InputError(f"wanted to read {path}, got '{reason}'; correct the path or its permissions")
