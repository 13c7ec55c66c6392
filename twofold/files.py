"""A file is written whole or not at all."""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from twofold.errors import InputError

__all__ = ["whole", "write_text"]


def _refusal(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    return InputError(f"wanted to write {str(path)!r}, got: {reason[:200]}; choose another place")


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A place beside ``path`` to write to: it becomes ``path`` when all is written, and vanishes when anything fails.

    Whoever reads ``path`` meanwhile, or after a kill at any moment, sees the old file or the new one, never half of it.

    Parameters
    ----------
    path : the file to be; missing parents are made, a link is followed. A device or a pipe is written to as it stands.

    Yields
    ------
    The place to write, with the suffix of ``path``; who may read the result follows the umask, whatever the writer wanted.

    Raises
    ------
    InputError : the system refuses, for want of room, of permission or of a possible name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole(f"{folder}/a/b.txt") as aside:
    ...         _ = aside.write_text("all of it")
    ...     [file.name for file in Path(folder, "a").iterdir()], Path(folder, "a", "b.txt").read_text()
    (['b.txt'], 'all of it')
    """
    path = Path(os.path.expanduser(path))
    try:
        place = Path(os.path.realpath(path))
        special = path.exists() and not path.is_file() and not path.is_dir()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _refusal(path, error) from error
    if special:  # by its own name: what it leads to may have none
        yield path
        return
    aside = place.with_name(f".{uuid.uuid4().hex}{place.suffix}")
    try:
        if place.is_dir() or not place.name:
            raise IsADirectoryError(0, "a folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        aside.touch(exist_ok=False)
        mode = stat.S_IMODE(aside.stat().st_mode)
        yield aside
        os.chmod(aside, mode)  # safetensors and tempfile lock out the group
        with open(aside, "rb") as file:
            os.fsync(file.fileno())  # a name must not reach the disk before its content does
        os.replace(aside, place)
    except (OSError, SafetensorError) as error:
        raise _refusal(path, error) from error
    finally:
        try:
            aside.unlink(missing_ok=True)
        except OSError:
            pass  # the reason is on its way already


def write_text(path: str | Path, text: str) -> Path:
    """Write UTF-8 text whole, lines ending as given; returns the path.

    Raises
    ------
    InputError : as in ``whole``.
    """
    with whole(path) as aside:
        aside.write_text(text, "utf-8", newline="")
    return Path(path)
