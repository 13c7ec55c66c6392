"""Features of frozen networks are computed once per test session, and never in the user's own cache; what rooms share."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is loaded: workers share the cores, and last bits depend on threads

import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import pytest
import torch


def pytest_collection_modifyitems(items):
    """A method of a package that is an extra and not installed is not tried; that it says so has a test of its own."""
    if find_spec("pyod") is None:
        for item in items:
            values = item.callspec.params.values() if hasattr(item, "callspec") else ()
            if any(str(value).startswith("pyod:") for value in values):
                item.add_marker(pytest.mark.skip(reason="the extra twofold[peers] is not installed"))


def pytest_configure():
    """A worker stays on a core of its own, and so does what it starts: notebooks would else start a process for every core."""
    name = os.environ.get("PYTEST_XDIST_WORKER", "")
    if name and hasattr(os, "sched_setaffinity"):
        mine = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {mine[int(name.removeprefix("gw")) % len(mine)]})


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_session(tmp_path_factory):
    """A cache of its own, unless the caller shares one between sessions."""
    torch.set_num_threads(1)
    if "TWOFOLD_CACHE" in os.environ:
        yield
        return
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder  # workers share what they embed
    os.environ["TWOFOLD_CACHE"] = str(folder / "cache")
    yield
    del os.environ["TWOFOLD_CACHE"]


@pytest.fixture(autouse=True)
def figures_start_plain():
    """A style that one test sets is not the next one's."""
    with matplotlib.rc_context():
        yield


@pytest.fixture(scope="session")
def few_parts():
    """In this context a detector judges itself by four fits in place of thirty: where something else is tested, they do."""

    @contextmanager
    def few():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("twofold.deploy.crossed.PARTS", 2)
            patch.setattr("twofold.deploy.check.GROUPS", 2)
            yield

    return few


# What the tests of a room share stands in a module beside them; one conftest, since doctests know conftests by name alone.


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The task of ``tests/methods/toy_task.py``."""
    from toy_task import Toy

    return Toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def finished():
    """method -> (prepared, result, finished) of small runs, done once."""
    from small_runs import TASK, TINY

    from twofold.runs.config import configure
    from twofold.runs.run import prepare, run

    done = {}
    for method, fields in {"zero_shot": {}, "twofold": TINY}.items():
        prepared = prepare(configure(**TASK, method=method, **fields))
        done[method] = (prepared, *run(prepared))
    return done


@pytest.fixture(scope="session")
def full_store(tmp_path_factory, finished):
    """A store that holds these runs, one with its weights."""
    from twofold.runs.store import RunStore

    store = RunStore(tmp_path_factory.mktemp("full"))
    for prepared, result, fitted in finished.values():
        store.save(result, prepared, fitted, save_weights=True)
    return store.folder


@pytest.fixture
def a_store(full_store, tmp_path):
    """A copy of that store, to be spoiled."""
    return Path(shutil.copytree(full_store, tmp_path / "store"))


@pytest.fixture
def clashes():
    """Of a figure, the pairs of its texts that stand over each other."""
    from overlaps import overlaps

    return overlaps
