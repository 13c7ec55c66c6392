"""Where weights come from, without a network."""

import collections
import hashlib
import os
import pickle
import socket
import time
import zipfile

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from twofold.errors import InputError
from twofold.networks import weights as module
from twofold.networks.weights import WHEELS, resolve_weights, split_open_clip

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.zeros(2)}
CLIP = "open_clip:ViT-B-32-quickgelu/openai"


@pytest.fixture
def empty_hub_cache(tmp_path, monkeypatch):
    """A hub cache that holds nothing, and no network behind it."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("asked the network"))
    return tmp_path / "hub"


def cached(hub, repository, file, write):
    """Lay a file where the hub's client would have put it."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0123abcd")
    path = folder / "snapshots" / "0123abcd" / file
    path.parent.mkdir(parents=True)
    write(path)
    return path


@pytest.mark.parametrize("model", WHEELS)
def test_wheel_weights_are_found_and_keyed_by_the_hash_of_their_bytes(model, empty_hub_cache):
    found = resolve_weights(model)
    assert found.origin == "wheel"
    assert found.key == hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert found.path.name.split("-")[-1].removesuffix(".pth") == found.key[:8]  # named by their publisher
    assert len(found.state_dict()) > 200


def test_a_local_file_is_keyed_by_its_bytes_wherever_it_lies(tmp_path):
    first, second = tmp_path / "a.pth", tmp_path / "b.pth"
    torch.save(STATE, first)
    second.write_bytes(first.read_bytes())
    one, two = (resolve_weights("resnet18", str(path)) for path in (first, second))
    assert (one.origin, one.path) == ("file", first)
    assert one.key == two.key == hashlib.sha256(first.read_bytes()).hexdigest()


def test_a_file_that_changes_gets_another_key(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(STATE, path)
    before = resolve_weights("resnet18", str(path)).key
    save_file({**STATE, "fc.bias": torch.ones(2)}, path)
    os.utime(path, (0, path.stat().st_mtime + 1))  # both were written within one tick of the clock
    assert resolve_weights("resnet18", str(path)).key != before


def test_a_file_exchanged_for_one_of_equal_size_and_time_gets_another_key(tmp_path):
    path = tmp_path / "a.safetensors"
    for way in ("written over", "renamed over"):
        save_file(STATE, path)
        os.utime(path, (0, 0))
        before = resolve_weights("resnet18", str(path)).key
        time.sleep(0.02)  # a tick of the file system's clock
        place = path if way == "written over" else tmp_path / "other.safetensors"
        data = path.read_bytes()
        with open(place, "r+b" if place.exists() else "wb") as file:
            file.write(data[:-1] + bytes([data[-1] ^ 1]))
        os.utime(place, (0, 0))
        os.replace(place, path)
        assert path.stat().st_mtime == 0
        assert len(data) == path.stat().st_size
        after = resolve_weights("resnet18", str(path)).key
        assert before != after == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_local_file_beats_the_wheel(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(STATE, path)
    assert resolve_weights("tf_efficientnet_lite0", str(path)).origin == "file"


@pytest.mark.parametrize("kind", ["missing.pth", "."])
def test_a_path_that_is_no_file_is_refused_with_what_to_do(tmp_path, kind):
    with pytest.raises(InputError, match=r"wanted a weights file for resnet18, got .*which is no file; give a path to"):
        resolve_weights("resnet18", str(tmp_path / kind))


def test_random_weights_are_keyed_by_their_seed_and_never_read(empty_hub_cache):
    found = [resolve_weights("resnet18", "random", seed=seed) for seed in (0, 1, 1)]
    assert [w.key for w in found] == ["random:0", "random:1", "random:1"]
    assert all((w.origin, w.path) == ("random", None) for w in found)


@pytest.mark.parametrize("model", ["resnet50.tv_in1k", "vit_small_patch14_dinov2.lvd142m", CLIP])
def test_weights_out_of_reach_are_refused_at_once_and_never_made_up(model, empty_hub_cache):
    asked = []
    start = time.monotonic()
    with pytest.raises(InputError, match="the model hub cannot be reached and they are not in its cache") as caught:
        resolve_weights(model, hub_answers=lambda: asked.append(1))
    assert time.monotonic() - start < 10
    assert asked == [1]
    for part in (f"wanted pretrained weights of {model},", "pass a local file as weights", *WHEELS, "'random' by name"):
        assert part in str(caught.value)


def test_a_model_without_weights_on_any_hub_is_refused_without_asking_it(empty_hub_cache):
    with pytest.raises(InputError, match="on no hub that timm or open_clip knows"):
        resolve_weights("no_such_model_at_all", hub_answers=lambda: pytest.fail("asked the hub"))


def test_a_hub_that_swallows_every_connection_is_given_up_within_seconds(monkeypatch):
    with socket.socket() as silent:  # accepts, and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(module, "HUB_TIMEOUT_S", 0.5)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        start = time.monotonic()
        assert module._hub_answers() is False
    assert time.monotonic() - start < 5


def test_a_hub_told_to_be_offline_is_never_asked(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("asked the network"))
    assert module._hub_answers() is False


@pytest.mark.parametrize(
    ("model", "repository", "file"),
    [
        ("resnet18.a1_in1k", "timm/resnet18.a1_in1k", "model.safetensors"),
        ("resnet18", "timm/resnet18.a1_in1k", "model.safetensors"),  # the default tag
        ("resnet50.tv_in1k", "timm/resnet50.tv_in1k", "pytorch_model.bin"),
        ("vit_small_patch14_dinov2.lvd142m", "timm/vit_small_patch14_dinov2.lvd142m", "model.safetensors"),
        (CLIP, "timm/vit_base_patch32_clip_224.openai", "open_clip_model.safetensors"),
    ],
)
def test_what_the_hubs_client_has_cached_is_found_offline(model, repository, file, empty_hub_cache):
    def write(path):
        save_file(STATE, path) if path.suffix == ".safetensors" else torch.save(STATE, path)

    path = cached(empty_hub_cache, repository, file, write)
    found = resolve_weights(model, hub_answers=lambda: pytest.fail("asked the hub"))
    assert (found.origin, found.path) == ("hub cache", path)
    assert found.key == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.state_dict().keys() == STATE.keys()


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s}, collections.OrderedDict])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_tensors_come_back_as_they_were_saved(tmp_path, wrap, suffix):
    path = tmp_path / f"w{suffix}"
    torch.save(wrap(STATE), path) if suffix == ".pth" else save_file(STATE, path)
    found = resolve_weights("resnet18", str(path)).state_dict()
    assert list(found) == list(STATE) if suffix == ".pth" else set(found) == set(STATE)
    assert all(torch.equal(found[key], STATE[key]) for key in STATE)


class Harmful:
    """Unpickling this would run code."""

    ran = False

    def __reduce__(self):
        return (setattr, (Harmful, "ran", True))


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"fc.weight": torch.zeros(2), "extra": Harmful()}, path)
    with pytest.raises(InputError, match=r"wanted a state dict of tensors .* got .*evil\.pth .*save it with torch"):
        resolve_weights("resnet18", str(path)).state_dict()
    assert not Harmful.ran


@pytest.mark.parametrize("content", [{"fc.weight": torch.zeros(2), "epoch": 3}, [torch.zeros(2)], torch.zeros(2)])
def test_anything_but_a_dictionary_of_tensors_is_refused(tmp_path, content):
    path = tmp_path / "w.pth"
    torch.save(content, path)
    with pytest.raises(InputError, match=r"wanted a state dict of tensors for resnet18, got .*; save it with torch"):
        resolve_weights("resnet18", str(path)).state_dict()


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights"])
def test_a_broken_file_is_refused_by_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"wanted a state dict of tensors .* got .*{name}"):
        resolve_weights("resnet18", str(tmp_path / name)).state_dict()


@pytest.mark.parametrize(
    ("model", "expected"),
    [("resnet50.tv_in1k", None), ("open_clip:ViT-B-32/laion2b_s34b_b79k", ("ViT-B-32", "laion2b_s34b_b79k")),
     ("open_clip:ViT-B-32", ("ViT-B-32", ""))],
)  # fmt: skip
def test_open_clip_names_split_into_architecture_and_tag(model, expected):
    assert split_open_clip(model) == expected


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
        self.tied = self.inner[0].weight
        self.register_buffer("resolution", torch.tensor(224))
        self.register_buffer("slanted", torch.arange(6.0).view(2, 3).T[1:])

    def forward(self, x):
        return self.inner(x) + self.slanted.sum() * self.resolution


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
@pytest.mark.parametrize("compile_", [lambda model: torch.jit.trace(model, torch.zeros(2, 3)), torch.jit.script])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64, torch.bfloat16])
def test_a_torchscript_archive_gives_the_tensors_that_torch_itself_reads_in_it(tmp_path, compile_, dtype):
    path = tmp_path / "model.pt"
    compile_(Block().eval()).to(dtype).save(path)
    expected = torch.jit.load(path).state_dict()
    found = resolve_weights("resnet18", str(path)).state_dict()
    assert found.keys() == expected.keys()
    assert found["inner.0.weight"].dtype == dtype
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name
        assert found[name].dtype == tensor.dtype


def archive(path, content):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/constants.pkl", pickle.dumps(()))
        file.writestr("m/data.pkl", content)
    return path


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_torchscript_archive_runs_nothing_whatever_it_names(tmp_path, protocol):
    path = archive(tmp_path / "evil.pt", pickle.dumps({"weight": Harmful()}, protocol))
    with pytest.raises(InputError, match=r"wanted a state dict of tensors .* got .*evil\.pt"):
        resolve_weights("resnet18", str(path)).state_dict()
    assert not Harmful.ran
    path = archive(tmp_path / "evil.pt", pickle.dumps(Harmful(), protocol))
    assert resolve_weights("resnet18", str(path)).state_dict() == {}  # loaders refuse it: it fits no network
    assert not Harmful.ran


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
@pytest.mark.parametrize("size", [(2**40,), (9,)])
def test_a_tensor_beyond_its_bytes_is_refused(tmp_path, size):
    path = tmp_path / "model.pt"
    torch.jit.trace(torch.nn.Linear(2, 4), torch.zeros(1, 2)).save(path)
    with zipfile.ZipFile(path) as file:
        content = file.read("model/data.pkl")
    bias = b"(K\x04t"  # its size in the pickle
    assert content.count(bias) == 1
    claimed = b"(" + (b"\x8a\x06" + size[0].to_bytes(6, "little") if size[0] > 255 else b"K" + bytes(size)) + b"t"
    path = archive(path, content.replace(bias, claimed))
    with zipfile.ZipFile(path, "a") as file:
        for key in "01":
            file.writestr(f"m/data/{key}", bytes(32))
    with pytest.raises(InputError, match=r"wanted a state dict of tensors .* got .*model\.pt"):
        resolve_weights("resnet18", str(path)).state_dict()
