"""Small runs that the tests of this room share."""

import shutil
from pathlib import Path

import pytest
from small_runs import TASK, TINY

from twofold.runs.config import configure
from twofold.runs.run import prepare, run
from twofold.runs.store import RunStore


@pytest.fixture(scope="session")
def finished():
    """method -> (prepared, result, finished) of small runs, done once."""
    done = {}
    for method, fields in {"zero_shot": {}, "twofold": TINY}.items():
        prepared = prepare(configure(**TASK, method=method, **fields))
        done[method] = (prepared, *run(prepared))
    return done


@pytest.fixture(scope="session")
def full_store(tmp_path_factory, finished):
    """A store that holds these runs, one with its weights."""
    store = RunStore(tmp_path_factory.mktemp("full"))
    for prepared, result, fitted in finished.values():
        store.save(result, prepared, fitted, save_weights=True)
    return store.folder


@pytest.fixture
def a_store(full_store, tmp_path):
    """A copy of that store, to be spoiled."""
    return Path(shutil.copytree(full_store, tmp_path / "store"))
