"""Every data set by name, and the one way to open a domain of it."""

from __future__ import annotations

from pathlib import Path

from twofold.data import public
from twofold.data.checks import CheckReport
from twofold.data.digits import DIGITS_DOMAINS, load_digits_domain
from twofold.data.domains import Domain
from twofold.data.elpv import ELPV_DOMAINS, ELPV_NORMAL, check_elpv, load_elpv_domain
from twofold.data.emoji import EMOJI_DOMAINS, load_emoji_domain, load_emoji_pair
from twofold.data.folders import load_folder_domain
from twofold.data.piped import PIPED_DOMAINS, PIPED_NORMAL, check_piped, find_piped_root, load_piped_domain
from twofold.data.public import FOLDER_DATASETS, load_public_domain
from twofold.errors import InputError

__all__ = ["COUNTED", "DATASETS", "check", "load_domain", "load_pair", "normal_classes", "where"]

# data set -> its domains; "piped" reads any type of paper in its folder, "folder" any root/<domain>/<class>/*
DATASETS: dict[str, tuple[str, ...]] = {
    "digits": tuple(DIGITS_DOMAINS),
    "emoji": tuple(EMOJI_DOMAINS),
    **{name: tuple(dataset.domains) for name, dataset in FOLDER_DATASETS.items()},
    "elpv": ELPV_DOMAINS,
    "piped": PIPED_DOMAINS,
    "folder": (),
}

# data sets in which only these classes are ever normal
NORMAL = {"elpv": (ELPV_NORMAL,), "piped": (PIPED_NORMAL,)}

# data sets that say how many pictures they hold
COUNTED = (*FOLDER_DATASETS, "elpv", "piped")


def load_domain(dataset: str, domain: str, root: str | Path | None = None) -> Domain:
    """Open one domain; what lies in folders is listed now, and its pictures are decoded later.

    Parameters
    ----------
    dataset : one of ``DATASETS``.
    domain : one of its domains.
    root : where folder data sets lie, the data set's folder or its parent; by default ``$TWOFOLD_DATA``.

    Returns
    -------
    Domain.

    Raises
    ------
    InputError : unknown names, nothing found.

    >>> load_domain("digits", "optdigits").classes[:3]
    ('0', '1', '2')
    """
    if dataset not in DATASETS:
        raise InputError(f"wanted a data set, got {dataset!r}; choose one of: {', '.join(DATASETS)}")
    if dataset == "digits":
        return load_digits_domain(domain)
    if dataset == "emoji":
        return load_emoji_domain(domain)
    if dataset == "elpv":
        return load_elpv_domain(domain)
    if dataset == "piped":
        return load_piped_domain(domain, root)
    if dataset == "folder":
        return load_folder_domain(domain, root)
    return load_public_domain(dataset, domain, root)


def load_pair(dataset: str, source: str, target: str, root: str | Path | None = None) -> tuple[Domain, Domain]:
    """Open the two domains of a task; groups that either shows to belong together are joined in both.

    Parameters
    ----------
    dataset, root : as for ``load_domain``.
    source, target : domains of the data set.

    Returns
    -------
    source, target.

    Raises
    ------
    InputError : as for ``load_domain``.

    >>> [domain.name for domain in load_pair("emoji", "windows", "apple")]
    ['windows', 'apple']
    """
    if dataset == "emoji":
        return load_emoji_pair(source, target)
    return load_domain(dataset, source, root), load_domain(dataset, target, root)


def normal_classes(dataset: str, source: str, target: str, root: str | Path | None = None) -> list[str]:
    """The classes that are normal in turn: those that the data set declares, else all that the two domains share.

    Parameters
    ----------
    dataset, source, target, root : as for ``load_pair``.

    Returns
    -------
    names of classes, sorted.

    Raises
    ------
    InputError : as for ``load_pair``; the domains share no class.

    >>> normal_classes("digits", "type", "mnist")[-1], normal_classes("elpv", "mono", "poly")
    ('9', ['functional'])
    """
    if dataset in NORMAL:
        return list(NORMAL[dataset])
    classes = [domain.classes for domain in load_pair(dataset, source, target, root)]
    shared = [name for name in classes[0] if name in classes[1]]
    if not shared:
        raise InputError(f"wanted classes that {source} and {target} share, got none; name the folders alike")
    return shared


def check(dataset: str, root: str | Path | None = None) -> CheckReport:
    """Count the pictures of a data set against the published numbers.

    Parameters
    ----------
    dataset : one of ``COUNTED``.
    root : as for ``load_domain``.

    Raises
    ------
    InputError : nothing is published of the data set, no root is named, a folder cannot be read, a package is missing.

    >>> check("folder")
    Traceback (most recent call last):
    twofold.errors.InputError: wanted a data set with published counts, got 'folder'; choose pacs, ..., elpv, piped
    """
    if dataset not in COUNTED:
        raise InputError(f"wanted a data set with published counts, got {dataset!r}; choose {', '.join(COUNTED)}")
    if dataset == "elpv":
        return check_elpv()
    return check_piped(root) if dataset == "piped" else public.check(dataset, root)


def where(dataset: str, root: str | Path | None = None) -> str:
    """Where a data set is, in words.

    Parameters
    ----------
    dataset : one of ``DATASETS``.
    root : as for ``load_domain``.

    Raises
    ------
    InputError : it is not here.

    >>> where("digits"), where("folder")
    ('comes with pip', 'any <root>/<domain>/<class>/*; pass --root')
    """
    if dataset == "folder":
        return "any <root>/<domain>/<class>/*; pass --root"
    if dataset in FOLDER_DATASETS:
        return f"found in {public.find_root(dataset, root)}"
    if dataset == "piped":
        return f"found in {find_piped_root(root)}"
    load_domain(dataset, DATASETS[dataset][0])
    return "comes with pip"
