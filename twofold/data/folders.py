"""Folders of pictures: any tree <domain>/<class>/* as a domain, any plain folder as one without classes."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from twofold.data.domains import Domain, FilePictures
from twofold.data.reading import notes, printable
from twofold.errors import InputError

__all__ = [
    "SUFFIXES",
    "given_root",
    "how_read",
    "left_out",
    "list_pictures",
    "load_class_folders",
    "load_folder_domain",
    "load_pictures",
    "subfolders",
]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def load_pictures(folder: str | os.PathLike[str]) -> Domain:
    """List the pictures in a folder and all folders in it, as a domain without classes; none is opened.

    Parameters
    ----------
    folder : any folder.

    Returns
    -------
    Domain whose ids are paths in the folder, with suffix, sorted by the path without suffix.

    Raises
    ------
    InputError : the folder cannot be read or holds no picture.

    >>> load_pictures("/no/such/folder")
    Traceback (most recent call last):
    twofold.errors.InputError: wanted to read /no/such/folder, got 'No such file or directory'; ...
    """
    place = Path(os.path.expanduser(folder)).absolute()
    files = sorted(list_pictures(place), key=os.path.splitext)
    if not files:
        raise InputError(f"wanted pictures ({' '.join(SUFFIXES)}) in {printable(place)}, got none; name another folder")
    return Domain("folder", str(place), FilePictures([place / file for file in files]), [""] * len(files), files)


def load_folder_domain(domain: str, root: str | os.PathLike[str] | None = None) -> Domain:
    """List the pictures of one domain of a tree <root>/<domain>/<class>/* of one's own; every class is kept.

    Parameters
    ----------
    domain : name of a folder in ``root``.
    root : the folder of the domains; None reads the environment variable ``TWOFOLD_DATA``.

    Returns
    -------
    Domain as from ``load_class_folders``.

    Raises
    ------
    InputError : the domain, its classes or a class's pictures are missing, or a folder cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("mug/1.png", "mug/2.jpg", "pen/1.png"):
    ...         path = Path(root, "desk", name)
    ...         path.parent.mkdir(parents=True, exist_ok=True)
    ...         path.touch()
    ...     load_folder_domain("desk", root).ids.tolist()
    ['mug/1.png', 'mug/2.jpg', 'pen/1.png']
    """
    place = given_root("folder", root, "lay pictures as <domain>/<class>/*")
    domains = {folder.name: folder for folder in subfolders(place)}
    if domain not in domains:
        found = ", ".join(domains) or "no folders"
        raise InputError(f"wanted domain {domain!r} as a folder in {place}, got {found}; choose one or add it")
    classes = {folder.name: folder for folder in subfolders(domains[domain])}
    if not classes:
        raise InputError(
            f"wanted class folders in {domains[domain]}, got none; lay the pictures as <domain>/<class>/*.png or *.jpg"
        )
    return load_class_folders("folder", domain, classes)


def load_class_folders(dataset: str, domain: str, folders: Mapping[str, Path]) -> Domain:
    """List the pictures of class folders that lie side by side, as one domain.

    Parameters
    ----------
    dataset, domain : names of the result.
    folders : class -> its folder; the folder may be called otherwise than the class.

    Returns
    -------
    Domain sorted by class and path without suffix, so that a re-encoded copy has the same order and split. Its ids are
    ``<class folder>/<path of the file>``, which open the files.

    Raises
    ------
    InputError : a class is without pictures, or a folder cannot be read.
    """
    files = {name: list_pictures(folder) for name, folder in folders.items()}
    empty = [str(folders[name]) for name in folders if not files[name]]
    if empty:
        raise InputError(
            f"wanted pictures ({' '.join(SUFFIXES)}) in every class folder, got none in {', '.join(empty)}; "
            "add pictures or remove the folder"
        )
    rows = sorted((os.path.splitext(f"{name}/{file}"), name, file) for name in folders for file in files[name])
    paths = FilePictures([folders[name] / file for _, name, file in rows])
    ids = [f"{folders[name].name}/{file}" for _, name, file in rows]
    return Domain(dataset, domain, paths, [name for _, name, _ in rows], ids)


def given_root(dataset: str, root: str | os.PathLike[str] | None, hint: str) -> Path:
    """The folder that a person named, by argument or by the environment variable ``TWOFOLD_DATA``.

    Raises
    ------
    InputError : none is named (``hint`` says how to get one), or it cannot be read.
    """
    chosen = root or os.environ.get("TWOFOLD_DATA")
    if not chosen:
        raise InputError(f"wanted the folder of {dataset}, got none; pass --root or set TWOFOLD_DATA; to get it: {hint}")
    folder = Path(os.path.expanduser(chosen))
    subfolders(folder)  # says at once if it cannot be read
    return folder


def subfolders(folder: Path) -> list[Path]:
    """Visible folders inside a folder, sorted by name."""
    names = [entry.name for entry in _entries(folder) if not entry.name.startswith(".") and entry.is_dir()]
    return [folder / name for name in sorted(names)]


def list_pictures(folder: Path) -> list[str]:
    """Paths in a folder of all pictures in it and in the folders in it, with forward slashes, in no order.

    A picture is a regular file, or a link to one, with one of ``SUFFIXES``. A link to nowhere is listed, so that it is
    named when it is read and not missed in silence.

    Raises
    ------
    InputError : a folder cannot be read, or a name is not UTF-8.
    """
    found = [path for path, kind in _files(folder) if not kind]
    for path in found:
        if not path.isascii() and path.encode(errors="ignore").decode() != path:
            raise InputError(f"wanted file names in UTF-8, got {path!a} in {folder}; rename the file")
    return found


def how_read(domain: Domain, size_px: int) -> list[str]:
    """What was done to pictures of files on the way into the networks: a line a kind, with the first as an example."""
    kinds: dict[str, list[str]] = {}
    for name, path in zip(domain.ids, domain.pictures.paths, strict=True):
        for words in notes(path, size_px):
            kinds.setdefault(words.split()[0], []).append(f"{name}: {words}")
    return [f"{len(all_of)} of {len(domain)} pictures of {domain.name}, such as {all_of[0]}" for all_of in kinds.values()]


def left_out(folder: str | os.PathLike[str]) -> dict[str, int]:
    """How many files of a folder, and of the folders in it, are not taken for pictures.

    Returns
    -------
    kind -> number, the most frequent first: a suffix such as ``".heic"``, ``"no suffix"``, ``"hidden"`` (a hidden folder
    counts once), ``"link to a folder"``, ``"no regular file"`` (pipes and devices).

    Raises
    ------
    InputError : a folder cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("1.jpg", "2.heic", "3.HEIC", ".thumbnail.jpg"):
    ...         Path(folder, name).touch()
    ...     left_out(folder)
    {'.heic': 2, 'hidden': 1}
    """
    kinds = (kind for _, kind in _files(Path(os.path.expanduser(folder))))
    return dict(sorted(Counter(filter(None, kinds)).items(), key=lambda item: (-item[1], item[0])))


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Path in the folder of each file in it and in the folders in it, and why it is no picture; empty if it is one."""
    waiting = [""]
    while waiting:
        inner = waiting.pop()
        for entry in _entries(folder / inner):
            path = f"{inner}{entry.name}"
            if entry.name.startswith("."):
                yield path, "hidden"
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(f"{path}/")
            else:
                yield path, _kind(entry)


def _kind(entry: os.DirEntry[str]) -> str:
    """Why an entry is no picture; empty if it is one."""
    suffix = os.path.splitext(entry.name)[1].lower()
    try:
        mode = entry.stat().st_mode
    except OSError:  # a link to nowhere, or to where we may not look
        mode = stat.S_IFREG
    if stat.S_ISDIR(mode):
        return "link to a folder"
    if not stat.S_ISREG(mode):
        return "no regular file"
    return "" if suffix in SUFFIXES else suffix or "no suffix"


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"wanted to read {printable(folder)}, got '{reason}'; correct the path or its permissions") from error
