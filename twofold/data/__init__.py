"""Every data set by name, and the one way to open a domain of it."""

from __future__ import annotations

from pathlib import Path

from twofold.data.digits import DIGITS_DOMAINS, load_digits_domain
from twofold.data.domains import Domain
from twofold.data.emoji import EMOJI_DOMAINS, load_emoji_domain
from twofold.data.folders import FOLDER_DATASETS, load_folder_domain
from twofold.errors import InputError

__all__ = ["DATASETS", "load_domain"]

# data set -> its domains; "folder" reads any root/<domain>/<class>/*
DATASETS: dict[str, tuple[str, ...]] = {
    "digits": tuple(DIGITS_DOMAINS),
    "emoji": tuple(EMOJI_DOMAINS),
    **{name: tuple(dataset.domains) for name, dataset in FOLDER_DATASETS.items()},
    "folder": (),
}


def load_domain(dataset: str, domain: str, root: str | Path | None = None) -> Domain:
    """Open one domain; pictures are decoded later.

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
    return load_folder_domain(dataset, domain, root)
