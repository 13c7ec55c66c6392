"""Piles as networks see them: shipped for the embedded preset, embedded for others; of photographs the features alone."""

import numpy as np
import pytest
import torch

from twofold.data.background import load_background
from twofold.data.domains import View
from twofold.errors import InputError
from twofold.networks import piles as networks_piles
from twofold.networks.backbones import load_layers
from twofold.networks.cache import EmbeddingCache
from twofold.networks.piles import DOGS, SHIPPED, SHOWN, generic, piles
from twofold.networks.weights import resolve_weights


def layers(name="tf_efficientnet_lite0", weights="pretrained", size_px=128):
    return load_layers(name, resolve_weights(name, weights), size_px)[0]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    return EmbeddingCache(tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "tf_efficientnet_lite2"])
def test_every_pile_is_shipped_as_the_embedded_preset_sees_it(embedded, name):
    found = piles("auto", [layers(name)], embedded)
    width = {"tf_efficientnet_lite0": 1472, "tf_efficientnet_lite2": 1488}[name]
    lengths = {"emoji": len(load_background("emoji")), "letters": len(load_background("letters")), "photos": 254}
    assert {pile: rows.shape for pile, rows in found.items()} == {pile: (n, width) for pile, n in lengths.items()}
    assert all(rows.dtype == torch.float32 and rows.isfinite().all() for rows in found.values())
    assert not list(embedded.folder.rglob("*.safetensors")), "nothing was embedded"
    assert SHIPPED.stat().st_size < 6_000_000


@pytest.mark.parametrize("pile", ["emoji", "letters"])
def test_what_is_shipped_is_what_embedding_gives(pile):
    extractor, domain = layers(), load_background(pile)
    rows = np.arange(0, len(domain), 40)
    shipped = piles(pile, [extractor], EmbeddingCache())[pile][rows]
    seen = EmbeddingCache().embed(extractor, View(domain, rows))
    assert (1 - torch.nn.functional.cosine_similarity(shipped, seen)).max() < 1e-5
    torch.testing.assert_close(shipped, seen.half().float(), rtol=2e-3, atol=1e-3)


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
    path = tmp_path / "piles.safetensors"
    path.write_bytes(damage(SHIPPED.read_bytes()))
    with pytest.raises(InputError, match=r"wanted the features of piles in piles\.safetensors, got"):
        networks_piles._shipped(path)


def test_no_photograph_is_of_a_class_of_the_photographic_data_sets():
    codes = [code for several in SHOWN.values() for code in several.split()]
    assert len(set(codes)) == len(codes)
    assert all(len(code) == 9 and code[1:].isdigit() for code in (*codes, *DOGS))
    names = ["n02105855_sheepdog.jpg", "n02504013_elephant.jpg", "n03793489_mouse.jpg", "n01440764_tench.jpg"]
    assert generic(names) == [3]
