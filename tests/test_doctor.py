"""What the machine has, said in words."""

import platform
from importlib.metadata import version

import pytest

from twofold import doctor
from twofold.data import DATASETS
from twofold.data.public import FOLDER_DATASETS
from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.networks.cache import EmbeddingCache
from twofold.runs.presets import PRESETS


def test_every_data_set_is_listed_with_its_domains_and_whether_it_is_here(monkeypatch):
    monkeypatch.delenv("TWOFOLD_DATA", raising=False)
    lines = doctor.list_data().splitlines()
    told = {head.split()[0]: (head.split()[1:], here.strip()) for head, here in zip(lines[::2], lines[1::2], strict=True)}
    assert told.keys() == DATASETS.keys()
    assert told["digits"] == (list(DATASETS["digits"]), "comes with pip")
    assert told["pacs"][1] == "not found; 'twofold data check pacs' says what to do"
    assert told["folder"][1] == "any <root>/<domain>/<class>/*; pass --root"


def test_a_data_set_that_lies_somewhere_is_found_there(monkeypatch, tmp_path):
    for domain in FOLDER_DATASETS["pacs"].domains:
        for label in FOLDER_DATASETS["pacs"].classes:
            (tmp_path / "pacs" / domain / label).mkdir(parents=True)
    monkeypatch.setenv("TWOFOLD_DATA", str(tmp_path))
    assert f"found in {tmp_path / 'pacs'}" in doctor.list_data()


def test_what_pip_brings_is_counted_class_by_class():
    text, complete = doctor.check_data("digits")
    assert complete
    line = next(line for line in text.splitlines() if line.startswith("optdigits"))
    assert line.startswith("optdigits: 1797 pictures; ")
    assert ", 3 183" in line


def test_an_incomplete_data_set_is_not_complete(tmp_path):
    (tmp_path / "pacs" / "photo" / "dog").mkdir(parents=True)
    text, complete = doctor.check_data("pacs", str(tmp_path))
    assert not complete
    assert "sketch" in text


@pytest.mark.parametrize(("name", "words"), [("imagenet", "wanted a data set, got 'imagenet'; choose"), ("folder", "your own")])
def test_what_cannot_be_counted_is_refused(name, words):
    with pytest.raises(InputError, match=words):
        doctor.check_data(name)


def test_the_doctor_names_versions_networks_cache_methods_and_data():
    told = doctor.doctor()
    assert told.startswith(f"python {platform.python_version()}, twofold {version('twofold')}, torch {version('torch')}")
    for preset in PRESETS:
        for role in ("backbone", "encoder"):
            assert f"\n{preset} {role} " in told
    assert "embedded backbone tf_efficientnet_lite0: " in told
    assert f"embedding cache {EmbeddingCache().folder} (" in told
    assert f"methods: {', '.join(METHODS)}\n" in told
    assert told.endswith(doctor.list_data())
