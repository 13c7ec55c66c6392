"""The cache: nothing is computed twice, nothing depends on company or order, and parallel runs share it safely."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from torch import nn

from twofold.data.domains import ArrayPictures, Domain
from twofold.networks.backbones import Extractor, load_backbone, load_encoder
from twofold.networks.cache import BATCH, EmbeddingCache
from twofold.networks.weights import resolve_weights


@dataclass(eq=False)
class Mean(nn.Module):
    """Mean colour of a picture; remembers how many it was shown."""

    shown: list = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()), requires_grad=False)

    def forward(self, images):
        self.shown.append(len(images))
        return images.mean(dim=(2, 3))


def extractor(key="mean"):
    return Extractor(key, Mean(), 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def domain(n=10, name="toy", fingerprints=None, array=None):
    if array is None:
        array = np.random.default_rng(0).integers(0, 256, size=(n, 8, 8, 3), dtype=np.uint8)
    ids = [f"{i:03d}" for i in range(n)]
    return Domain("test", name, ArrayPictures(array), ["a"] * n, ids, fingerprints or ["v1"] * n)


def by_hand(toy, indices):
    return torch.from_numpy(toy.pictures.array[list(indices)].mean(axis=(1, 2)) / 255).float()


def test_a_second_look_encodes_nothing_and_gives_the_same_bits(tmp_path):
    toy, cache = domain(), EmbeddingCache(tmp_path)
    first = cache.embed(extractor(), toy, range(10))
    assert cache.encoded == 10
    torch.testing.assert_close(first, by_hand(toy, range(10)))
    second = cache.embed(extractor(), toy, range(10))
    assert cache.encoded == 10
    assert torch.equal(first, second)


def test_another_process_finds_what_one_has_left(tmp_path):
    first = EmbeddingCache(tmp_path).embed(extractor(), domain(), range(10))
    later = EmbeddingCache(tmp_path)
    assert torch.equal(later.embed(extractor(), domain(), range(10)), first)
    assert later.encoded == 0


def test_rows_come_in_the_order_asked_for_with_repeats(tmp_path):
    toy, cache = domain(), EmbeddingCache(tmp_path)
    for rows in ([7, 2, 2, 9], np.array([2, 0]), [9], [3, 7, 3]):
        torch.testing.assert_close(cache.embed(extractor(), toy, rows), by_hand(toy, rows))
    assert cache.encoded == 5  # 2 3 7 9 and 0, each once


def test_only_what_is_missing_is_encoded(tmp_path):
    toy, cache = domain(), EmbeddingCache(tmp_path)
    cache.embed(extractor(), toy, [0, 1, 2])
    cache.embed(extractor(), toy, range(10))
    assert cache.encoded == 10
    torch.testing.assert_close(cache.embed(extractor(), toy, range(10)), by_hand(toy, range(10)))


def test_a_picture_that_changes_is_encoded_again_alone(tmp_path):
    toy, cache = domain(), EmbeddingCache(tmp_path)
    before = cache.embed(extractor(), toy, range(10))
    array = toy.pictures.array.copy()
    array[4] = 255
    changed = domain(array=array, fingerprints=["v1"] * 4 + ["v2"] + ["v1"] * 5)
    after = cache.embed(extractor(), changed, range(10))
    assert cache.encoded == 11
    torch.testing.assert_close(after, by_hand(changed, range(10)))
    assert torch.equal(after[:4], before[:4])
    assert torch.equal(cache.embed(extractor(), toy, range(10)), before)  # and back
    assert cache.encoded == 11


def test_extractors_and_domains_do_not_mix(tmp_path):
    cache = EmbeddingCache(tmp_path)
    bright = domain(name="bright", array=np.full((10, 8, 8, 3), 200, np.uint8))
    cache.embed(extractor(), domain(), range(10))
    torch.testing.assert_close(cache.embed(extractor(), bright, range(10)), by_hand(bright, range(10)))
    cache.embed(extractor("another"), bright, range(10))
    assert cache.encoded == 30


def test_the_network_always_sees_batches_of_one_size(tmp_path):
    one, cache = extractor(), EmbeddingCache(tmp_path)
    toy = domain(2 * BATCH + 3)
    cache.embed(one, toy, [5])
    cache.embed(one, toy, range(2 * BATCH + 3))
    assert set(one.network.shown) == {BATCH}
    assert cache.encoded == 2 * BATCH + 3


@pytest.mark.parametrize("kind", ["encoder", "stem"])
def test_features_are_the_same_bits_whatever_is_encoded_with_them_and_in_which_order(tmp_path, kind):
    name = "tf_efficientnet_lite0"
    weights = resolve_weights(name)
    network = load_encoder(name, weights, 64) if kind == "encoder" else load_backbone(name, weights, 64, 3).stem
    array = np.random.default_rng(0).integers(0, 256, size=(70, 16, 16), dtype=np.uint8)
    toy = domain(70, array=array)
    together = EmbeddingCache(tmp_path / "a").embed(network, toy, range(70))
    backwards = EmbeddingCache(tmp_path / "b").embed(network, toy, range(69, -1, -1)).flip(0)
    cache = EmbeddingCache(tmp_path / "c")
    alone = torch.cat([cache.embed(network, toy, [row]) for row in (0, 31, 69)])
    assert together.std() > 0.01
    assert torch.equal(backwards, together)
    assert torch.equal(alone, together[[0, 31, 69]])


def embed_at_once(folder, rows):
    torch.set_num_threads(1)
    cache = EmbeddingCache(folder)
    return cache.embed(extractor(), domain(300), rows), cache.encoded


def test_two_processes_at_once_end_with_equal_values_and_share_the_work(tmp_path):
    jobs = [list(range(300)), list(range(299, -1, -1))]
    (first, one), (second, other) = Parallel(n_jobs=2)(delayed(embed_at_once)(tmp_path, rows) for rows in jobs)
    assert torch.equal(first, second.flip(0))
    torch.testing.assert_close(first, by_hand(domain(300), range(300)))
    assert one + other == 300
    assert len(list(tmp_path.glob("*/*.safetensors"))) == 1


def test_a_file_left_half_written_is_ignored(tmp_path):
    toy = domain()
    first = EmbeddingCache(tmp_path).embed(extractor(), toy, range(5))
    (shard,) = tmp_path.glob("*/*.safetensors")
    (shard.parent / "tmp123.part").write_bytes(shard.read_bytes()[:50])
    cache = EmbeddingCache(tmp_path)
    assert torch.equal(cache.embed(extractor(), toy, range(10))[:5], first)
    assert cache.encoded == 5


def test_a_write_that_fails_leaves_nothing_that_would_be_read(tmp_path, monkeypatch):
    def full_disk(*_args, **_kwargs):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("twofold.networks.cache.save_file", full_disk)
        with pytest.raises(OSError, match="no space left"):
            EmbeddingCache(tmp_path).embed(extractor(), domain(), range(10))
    assert not list(tmp_path.glob("*/*.safetensors"))
    cache = EmbeddingCache(tmp_path)
    torch.testing.assert_close(cache.embed(extractor(), domain(), range(10)), by_hand(domain(), range(10)))


def test_the_folder_is_the_argument_then_the_environment_then_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "env"))
    assert EmbeddingCache(tmp_path / "given").folder == tmp_path / "given"
    assert EmbeddingCache().folder == tmp_path / "env"
    monkeypatch.delenv("TWOFOLD_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert EmbeddingCache().folder == tmp_path / ".cache" / "twofold"
    assert not (tmp_path / "env").exists()  # nothing is made before it is needed
