"""Every data set by name, and the one way to open a domain of it."""

from __future__ import annotations

from pathlib import Path

from twofold.data.digits import DIGITS_DOMAINS, load_digits_domain
from twofold.data.domains import Domain
from twofold.data.emoji import EMOJI_DOMAINS, load_emoji_domain, load_emoji_pair
from twofold.data.folders import load_folder_domain
from twofold.data.public import FOLDER_DATASETS, load_public_domain
from twofold.errors import InputError

__all__ = ["DATASETS", "load_domain", "load_pair"]

# data set -> its domains; "folder" reads any root/<domain>/<class>/*
DATASETS: dict[str, tuple[str, ...]] = {
    "digits": tuple(DIGITS_DOMAINS),
    "emoji": tuple(EMOJI_DOMAINS),
    **{name: tuple(dataset.domains) for name, dataset in FOLDER_DATASETS.items()},
    "folder": (),
}


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
