"""Piles as networks see them; of photographs the features alone are here."""

import pytest
import torch

from twofold.data.background import load_background
from twofold.errors import InputError
from twofold.networks import piles as networks_piles
from twofold.networks.backbones import load_layers
from twofold.networks.cache import EmbeddingCache
from twofold.networks.piles import DOGS, PHOTOGRAPHS, SHOWN, generic, piles
from twofold.networks.weights import resolve_weights


def layers(name="tf_efficientnet_lite0", weights="pretrained", size_px=128):
    return load_layers(name, resolve_weights(name, weights), size_px)[0]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    return EmbeddingCache(tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "tf_efficientnet_lite2"])
def test_photographs_are_shipped_as_the_embedded_preset_sees_them(embedded, name):
    found = piles("photos", [layers(name)], embedded)["photos"]
    assert found.shape == (254, {"tf_efficientnet_lite0": 1472, "tf_efficientnet_lite2": 1488}[name])
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert PHOTOGRAPHS.stat().st_size < 2_000_000


def test_layers_of_several_networks_stand_beside_each_other(embedded):
    both = [layers(size_px=32), layers("tf_efficientnet_lite2", size_px=32)]
    found = piles("emoji", both, embedded)["emoji"]
    assert found.shape == (len(load_background("emoji")), 1472 + 1488)
    torch.testing.assert_close(found[:, :1472], piles("emoji", both[:1], embedded)["emoji"], rtol=0, atol=0)


def test_what_is_not_shipped_is_refused_by_name_and_passed_over_by_auto(embedded):
    with pytest.raises(InputError, match=r"wanted photographs as .*:32px sees them, got features for .*; name a folder"):
        piles("photos", [layers(size_px=32)], embedded)
    assert list(piles("auto", [layers(size_px=32)], embedded)) == ["emoji", "letters"]
    assert piles("none", [layers(size_px=32)], embedded) == {}


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: data[:-9] + b"\1" + data[-8:], lambda data: b""])
def test_a_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "photographs.safetensors"
    path.write_bytes(damage(PHOTOGRAPHS.read_bytes()))
    with pytest.raises(InputError, match=r"wanted the features of photographs in photographs\.safetensors, got"):
        networks_piles._shipped(path)


def test_no_photograph_is_of_a_class_of_the_photographic_data_sets():
    codes = [code for several in SHOWN.values() for code in several.split()]
    assert len(set(codes)) == len(codes)
    assert all(len(code) == 9 and code[1:].isdigit() for code in (*codes, *DOGS))
    names = ["n02105855_sheepdog.jpg", "n02504013_elephant.jpg", "n03793489_mouse.jpg", "n01440764_tench.jpg"]
    assert generic(names) == [3]
