"""A small task in folders, and detectors fitted to it once for all tests of this room."""

from contextlib import nullcontext
from functools import cache

import numpy as np
import pytest
from detector_cases import CASES, small, write

from twofold import load_domain


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Printed threes; written threes with four other digits among 44; 20 more threes and 20 sixes."""
    place = tmp_path_factory.mktemp("own")
    source, target = load_domain("digits", "type"), load_domain("digits", "optdigits")
    threes = np.flatnonzero(target.class_names == "3")
    others = np.concatenate([np.flatnonzero(target.class_names == name)[:1] for name in "0479"])
    write(source, np.flatnonzero(source.class_names == "3")[:60], place / "source")
    write(target, [*threes[:40], *others], place / "target")
    write(target, [*threes[40:60], *np.flatnonzero(target.class_names == "6")[:20]], place / "new")
    return place, {f"{row:04d}.png" for row in others}


@pytest.fixture(scope="session")
def fitted(folders, few_parts):
    """case -> its fitted detector; the default method's judges itself as it does in use."""
    place, _ = folders

    @cache
    def fit(case):
        method, settings = CASES[case]
        with nullcontext() if method == "pooled_gaussian" else few_parts():
            return small(method, **settings).fit(place / "source", place / "target")

    return fit
