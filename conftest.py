"""Features of frozen networks are computed once per test session, and never in the user's own cache."""

import os

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_session(tmp_path_factory):
    """A cache of its own, unless the caller shares one between sessions."""
    torch.set_num_threads(1)
    if "TWOFOLD_CACHE" in os.environ:
        yield
        return
    os.environ["TWOFOLD_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["TWOFOLD_CACHE"]
