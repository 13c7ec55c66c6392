"""Folders of pictures: any tree <domain>/<class>/* as a domain, any plain folder as one without classes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from twofold.data.domains import Domain, FilePictures
from twofold.data.reading import UnreadableError, has_one_bit, notes, printable
from twofold.data.survey import refuse_unreadable, unreadable, without
from twofold.errors import InputError

__all__ = [
    "SUFFIXES",
    "given_root",
    "how_read",
    "left_out",
    "list_pictures",
    "listed_pictures",
    "load_class_folders",
    "load_folder_domain",
    "load_pictures",
    "readable_pictures",
    "subfolders",
]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")

_MASK = re.compile(r"(?i)(?<![a-z])(masks?|gt|ground[ _-]?truths?)(?![a-z])")  # a word of a path
_ONE_BIT = (".png", ".bmp", ".tif", ".tiff")  # what can be stored in one bit a pixel


def load_pictures(folder: str | os.PathLike[str], strict: bool = True) -> Domain:
    """The pictures in a folder and all folders in it, as a domain without classes; each is opened once to see that it can be.

    What is no picture by its name, or a mask by its looks, is not among them: ``left_out`` names it.

    Parameters
    ----------
    folder : any folder.
    strict : refuse what cannot be read; else it is left out, and stands in ``skipped`` with the reason.

    Returns
    -------
    Domain whose ids are paths in the folder, with suffix, sorted by the path without suffix.

    Raises
    ------
    InputError : the folder cannot be read or holds no picture; a picture cannot be read, or more than a tenth of them where
        that is not strict. All of them are named.

    >>> load_pictures("/no/such/folder")
    Traceback (most recent call last):
    twofold.errors.InputError: wanted to read /no/such/folder, got 'No such file or directory'; ...
    """
    domain = readable_pictures(folder)
    refuse_unreadable([domain], strict)
    return domain


def readable_pictures(folder: str | os.PathLike[str]) -> Domain:
    """As ``load_pictures``, however many cannot be read.

    Raises
    ------
    InputError : the folder cannot be read or holds no picture that can be.
    """
    domain = listed_pictures(folder)
    return without(domain, unreadable(domain))


def listed_pictures(folder: str | os.PathLike[str]) -> Domain:
    """As ``load_pictures``, but none is opened: what cannot be read is met later. Only names that are no text are skipped.

    Raises
    ------
    InputError : the folder cannot be read or holds no picture.
    """
    place = Path(os.path.expanduser(folder)).absolute()
    files, odd = [], {}
    for path, kind in _own_files(place):
        if not kind and _is_text(path):
            files.append(path)
        elif not kind:
            odd[ascii(path)[1:-1]] = "its name is not UTF-8"
    files.sort(key=os.path.splitext)
    if not files:
        rest = left_out(folder)
        others = f"; left out: {', '.join(f'{len(names)} {kind}' for kind, names in rest.items())}" if rest else ""
        raise InputError(f"wanted pictures ({' '.join(SUFFIXES)}) in {printable(place)}, got none{others}; name another folder")
    paths = FilePictures([place / file for file in files])
    return Domain("folder", str(place), paths, [""] * len(files), files, skipped=odd)


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
        if not _is_text(path):
            raise InputError(f"wanted file names in UTF-8, got {path!a} in {folder}; rename the file")
    return found


def how_read(domain: Domain, size_px: int) -> list[str]:
    """What was done to pictures of files on the way into the networks: a line a kind, with the first as an example."""
    kinds: dict[str, list[str]] = {}
    for name, path in zip(domain.ids, domain.pictures.paths, strict=True):
        for words in notes(path, size_px):
            kinds.setdefault(words.split()[0], []).append(f"{printable(name)}: {words}")
    return [
        f"{len(all_of)} of {len(domain)} pictures of {printable(domain.name)}, such as {all_of[0]}" for all_of in kinds.values()
    ]


def left_out(folder: str | os.PathLike[str]) -> dict[str, list[str]]:
    """Which files of a folder, and of the folders in it, ``load_pictures`` does not take for pictures.

    Returns
    -------
    kind -> paths, the most frequent first: a suffix such as ``".heic"``, ``"no suffix"``, ``"hidden"`` (a hidden folder
    counts once), ``"link to a folder"``, ``"link that loops"``, ``"no regular file"`` (pipes and devices), ``"unreadable
    folder"``, and in subfolders ``"named as a mask"`` and ``"of 1 bit"``, as masks are.

    Raises
    ------
    InputError : the folder cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("1.jpg", "2.heic", "3.HEIC", ".thumbnail.jpg"):
    ...         Path(folder, name).touch()
    ...     left_out(folder)
    {'.heic': ['2.heic', '3.HEIC'], 'hidden': ['.thumbnail.jpg']}
    """
    kinds: dict[str, list[str]] = {}
    for path, kind in sorted(_own_files(Path(os.path.expanduser(folder)).absolute())):
        if kind:
            kinds.setdefault(kind, []).append(path)
    return dict(sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0])))


def _own_files(folder: Path) -> Iterator[tuple[str, str]]:
    """As ``_files``, of a folder that nobody has put in order: masks are told from pictures, and what is shut is passed by."""
    _entries(folder)
    for path, kind in _files(folder, passing=True):
        yield path, kind or ("/" in path and _mask(folder, path)) or ""


def _mask(folder: Path, path: str) -> str:
    """Why a file in a subfolder is rather the mask of a picture than a picture; empty if it is not."""
    if _MASK.search(path):
        return "named as a mask"
    if path.lower().endswith(_ONE_BIT):
        try:
            return "of 1 bit" if has_one_bit(folder / path) else ""
        except UnreadableError:
            pass  # it is named when it is read
    return ""


def _files(folder: Path, passing: bool = False) -> Iterator[tuple[str, str]]:
    """Path in the folder of each file in it and in the folders in it, and why it is no picture; empty if it is one."""
    waiting = [""]
    while waiting:
        inner = waiting.pop()
        try:
            entries = _entries(folder / inner)
        except InputError:
            if not passing:
                raise
            yield inner, "unreadable folder"
            continue
        for entry in entries:
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
    except OSError:  # a link to nowhere, to itself, or to where we may not look
        mode = stat.S_IFREG
    if stat.S_ISDIR(mode):
        above = os.path.commonpath([os.path.realpath(entry.path), os.path.realpath(os.path.dirname(entry.path))])
        return "link that loops" if above == os.path.realpath(entry.path) else "link to a folder"
    if not stat.S_ISREG(mode):
        return "no regular file"
    return "" if suffix in SUFFIXES else suffix or "no suffix"


def _is_text(path: str) -> bool:
    return path.isascii() or path.encode(errors="ignore").decode() == path


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"wanted to read {printable(folder)}, got '{reason}'; correct the path or its permissions") from error
