"""The cache: a picture is its content, nothing is computed twice, nothing stops it, and no number depends on company."""

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from joblib import Parallel, delayed
from safetensors.torch import save_file
from torch import nn

from twofold.errors import InputError
from twofold.networks import cache as module
from twofold.networks.backbones import Extractor, load_backbone, load_layers
from twofold.networks.cache import BATCH, SHARD, EmbeddingCache
from twofold.networks.weights import resolve_weights

LITE0 = "tf_efficientnet_lite0"


@dataclass(eq=False)
class Mean(nn.Module):
    """Mean colour of a picture; remembers how many it was shown."""

    shown: list = field(default_factory=list)
    pause_s: float = 0.0

    def __post_init__(self):
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()), requires_grad=False)

    def forward(self, images):
        self.shown.append(len(images))
        time.sleep(self.pause_s)
        return images.mean(dim=(2, 3))


def extractor(key="mean", pause_s=0.0, center_crop=False):
    return Extractor(key, Mean(pause_s=pause_s), 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), center_crop)


@dataclass(eq=False)
class Pictures:
    """What the cache asks of a view: contents and images, no more."""

    array: np.ndarray  # (n, 3, h, w)
    broken: int | None = None  # a row that cannot be read
    asked: list = field(default_factory=list)

    def __len__(self):
        return len(self.array)

    @property
    def contents(self):
        return np.array([hashlib.sha256(picture.tobytes()).hexdigest()[:32] for picture in self.array])

    def images(self, rows, size_px, center_crop=False):
        self.asked.append((list(rows), size_px, center_crop))
        if self.broken in rows:
            raise InputError("wanted a readable picture, got a broken one; replace it")
        return torch.from_numpy(self.array[list(rows)])

    def subset(self, rows):
        return Pictures(self.array[list(rows)], self.broken)


def toy(n=10, seed=0, size_px=8):
    return Pictures(np.random.default_rng(seed).integers(0, 256, size=(n, 3, size_px, size_px), dtype=np.uint8))


def by_hand(view):
    return torch.from_numpy(view.array.mean(axis=(2, 3)) / 255).float()


def shards(folder):
    return sorted(folder.glob("*/[!.]*.safetensors"))  # a dot begins what is still being written


@pytest.fixture(autouse=True)
def a_new_process(monkeypatch):
    """What a process remembers, of shards and of what it has said, is forgotten before each test."""
    monkeypatch.setattr(module, "_KEYS", {})
    module._say.cache_clear()


class TestAPictureIsItsContent:
    def test_a_second_look_encodes_nothing_and_gives_the_same_bits(self, tmp_path):
        view, cache = toy(), EmbeddingCache(tmp_path)
        first = cache.embed(extractor(), view)
        assert cache.encoded == 10
        torch.testing.assert_close(first, by_hand(view))
        assert torch.equal(cache.embed(extractor(), view), first)
        assert cache.encoded == 10

    def test_another_process_finds_what_one_has_left(self, tmp_path, monkeypatch):
        first = EmbeddingCache(tmp_path).embed(extractor(), toy())
        monkeypatch.setattr(module, "_KEYS", {})
        later = EmbeddingCache(tmp_path)
        assert torch.equal(later.embed(extractor(), toy()), first)
        assert later.encoded == 0

    def test_the_same_picture_is_found_in_any_order_company_or_view(self, tmp_path):
        view, cache = toy(), EmbeddingCache(tmp_path)
        cache.embed(extractor(), view.subset([7, 2, 2, 9]))
        assert cache.encoded == 3
        for rows in ([2, 0], [9], [3, 7, 3], range(9, -1, -1)):
            torch.testing.assert_close(cache.embed(extractor(), view.subset(rows)), by_hand(view.subset(rows)))
        assert cache.encoded == 10  # each once

    def test_identical_pictures_of_one_view_are_shown_to_the_network_once(self, tmp_path):
        view = toy(3).subset([0, 1, 0, 2, 1, 0])
        cache = EmbeddingCache(tmp_path)
        torch.testing.assert_close(cache.embed(extractor(), view), by_hand(view))
        assert cache.encoded == 3
        assert [len(rows) for rows, _, _ in view.asked] == [3]

    def test_a_picture_that_changes_is_encoded_again_alone_and_back_again_not_at_all(self, tmp_path):
        view, cache = toy(), EmbeddingCache(tmp_path)
        before = cache.embed(extractor(), view)
        changed = toy()
        changed.array[4, 0, 0, 0] ^= 1
        after = cache.embed(extractor(), changed)
        assert cache.encoded == 11
        assert changed.asked[0][0] == [4]
        assert not torch.equal(after[4], before[4])
        torch.testing.assert_close(after, by_hand(changed))
        assert torch.equal(cache.embed(extractor(), view), before)
        assert cache.encoded == 11

    @pytest.mark.parametrize("other", ["extractor", "device", "reading"])
    def test_another_extractor_device_or_reading_finds_nothing(self, tmp_path, monkeypatch, other):
        cache = EmbeddingCache(tmp_path)
        cache.embed(extractor(), toy())
        asking = extractor("another" if other == "extractor" else "mean")
        if other == "reading":
            monkeypatch.setattr(module, "READING_VERSION", "another")
        if other == "device":
            monkeypatch.setattr(Extractor, "prepare", lambda self, pictures, device=None: pictures.float() / 255)
            asking = Extractor("mean", Mean().to("meta"), 8, (0.0,) * 3, (1.0,) * 3)
        cache.embed(asking, toy())
        assert cache.encoded == 20
        assert len({path.parent for path in shards(tmp_path)}) == 2

    def test_pictures_are_asked_for_as_the_extractor_wants_them(self, tmp_path):
        for center_crop in (False, True):
            view = toy()
            EmbeddingCache(tmp_path).embed(extractor(str(center_crop), center_crop=center_crop), view)
            assert view.asked == [(list(range(10)), 8, center_crop)]


class TestNumbersDoNotMove:
    def test_the_network_always_sees_batches_of_one_size(self, tmp_path):
        one, cache = extractor(), EmbeddingCache(tmp_path)
        cache.embed(one, toy(2 * BATCH + 3).subset([5]))
        cache.embed(one, toy(2 * BATCH + 3))
        assert one.network.shown == [BATCH] * 4
        assert cache.encoded == 2 * BATCH + 3

    @pytest.mark.parametrize("kind", ["layers", "stem"])
    def test_features_are_the_same_bits_for_any_workers_threads_company_and_order(self, tmp_path, kind):
        weights = resolve_weights(LITE0)
        network = load_layers(LITE0, weights, 64)[0] if kind == "layers" else load_backbone(LITE0, weights, 64, 3).stem
        view = toy(4 * BATCH + 6, size_px=64)
        one = EmbeddingCache(tmp_path / "one", workers=1).embed(network, view)
        assert one.std() > 0.01
        expected = torch.cat([network(torch.from_numpy(view.array[i : i + BATCH])) for i in range(0, 4 * BATCH, BATCH)])
        assert torch.equal(one[: 4 * BATCH], expected)
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            two = EmbeddingCache(tmp_path / "two", workers=2).embed(network, view)
            assert torch.get_num_threads() == 2
            assert list(ThreadPoolExecutor(1).map(lambda _: torch.get_num_threads(), [0])) == [2]  # nor in a later thread
        finally:
            torch.set_num_threads(before)
        assert torch.equal(two, one)
        backwards = EmbeddingCache(tmp_path / "back", workers=3).embed(network, view.subset(range(len(view) - 1, -1, -1)))
        assert torch.equal(backwards.flip(0), one)
        alone = EmbeddingCache(tmp_path / "alone")
        for row in (0, 31, 4 * BATCH + 5):
            assert torch.equal(alone.embed(network, view.subset([row])), one[[row]])

    def test_two_workers_compute_at_the_same_time_on_one_thread_each(self, tmp_path):
        meeting, threads = threading.Barrier(2), []

        class Meet(Mean):
            def forward(self, images):
                threads.append(torch.get_num_threads())
                meeting.wait(timeout=30)
                return super().forward(images)

        network = Extractor("meet", Meet(), 8, (0.0,) * 3, (1.0,) * 3)
        view = toy(4 * BATCH)
        torch.testing.assert_close(EmbeddingCache(tmp_path, workers=2).embed(network, view), by_hand(view))
        assert threads == [1] * 4

    def test_on_an_accelerator_the_network_runs_by_itself_while_pictures_are_read(self, tmp_path, monkeypatch):
        computing, together, read_beside = [], [], []

        class Alone(Mean):
            def forward(self, images):
                computing.append(1)
                time.sleep(0.2)
                together.append(len(computing))
                computing.pop()
                return images.mean(dim=(2, 3))

        class Read(Pictures):
            def images(self, *args, **kwargs):
                time.sleep(0.1)
                read_beside.append(len(computing))
                return super().images(*args, **kwargs)

        monkeypatch.setattr(Extractor, "device", torch.device("meta"))
        monkeypatch.setattr(Extractor, "prepare", lambda self, pictures: pictures.float() / 255)
        view = Read(toy(6 * BATCH).array)
        network = Extractor("alone", Alone(), 8, (0.0,) * 3, (1.0,) * 3)
        torch.testing.assert_close(EmbeddingCache(tmp_path, workers=2).embed(network, view), by_hand(view))
        assert together == [1] * 6
        assert sum(read_beside) >= 2

    @pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 2), (64, 2)])
    def test_two_workers_at_most_unless_more_are_asked_for(self, monkeypatch, cores, workers):
        monkeypatch.setattr(module, "cores", lambda: cores)
        assert EmbeddingCache("x").workers == workers
        assert EmbeddingCache("x", workers=5).workers == 5


def embed_at_once(folder, backwards):
    cache, view = EmbeddingCache(folder), toy(300)
    rows = range(299, -1, -1) if backwards else range(300)
    return cache.embed(extractor(pause_s=0.2), view.subset(rows)), cache.encoded


KILLED = """
import os, sys, time
sys.path.insert(0, sys.argv[2])
from test_cache import *
class Counted(Pictures):
    def images(self, rows, size_px, center_crop=False):
        os.write(1, b"%d\\n" % len(rows))  # in one piece: two threads may print at once
        return super().images(rows, size_px, center_crop)

EmbeddingCache(sys.argv[1], workers=2).embed(extractor(pause_s=0.1), Counted(toy(10 * SHARD).array))
"""


class TestWorkIsKept:
    def test_shards_of_128_appear_while_the_encoding_goes_on(self, tmp_path):
        seen = []

        class Watch(Pictures):
            def images(self, rows, size_px, center_crop=False):
                seen.append((rows[0], len(shards(tmp_path))))
                return super().images(rows, size_px, center_crop)

        view = Watch(toy(1000).array)
        EmbeddingCache(tmp_path, workers=1).embed(extractor(pause_s=0.05), view)
        assert len(shards(tmp_path)) == 8
        assert all(count >= row // SHARD - 1 for row, count in seen)
        assert seen[-1][1] >= 2

    @pytest.mark.parametrize("moment_s", [0.0, 0.04, 0.08, 0.12])
    def test_a_kill_at_any_moment_loses_at_most_256_pictures(self, tmp_path, moment_s):
        here = str(Path(__file__).parent)
        command = [sys.executable, "-c", KILLED, str(tmp_path), here]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        deadline = time.monotonic() + 120
        while len(shards(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(moment_s)
        process.send_signal(signal.SIGKILL)
        begun = sum(map(int, process.communicate()[0].split()))
        assert begun - SHARD * len(shards(tmp_path)) <= 256
        kept = SHARD * len(shards(tmp_path))
        assert 2 * SHARD <= kept < 10 * SHARD
        view, cache = toy(10 * SHARD), EmbeddingCache(tmp_path)
        torch.testing.assert_close(cache.embed(extractor(), view), by_hand(view))
        assert cache.encoded == 10 * SHARD - kept

    @pytest.mark.parametrize("workers", [1, 2])
    def test_a_broken_picture_stops_the_encoding_and_keeps_what_is_done(self, tmp_path, workers):
        view, cache = toy(20 * BATCH), EmbeddingCache(tmp_path, workers=workers)
        view.broken = 3 * BATCH
        with pytest.raises(InputError, match="wanted a readable picture"):
            cache.embed(extractor(pause_s=0.02), view)
        assert cache.encoded == 3 * BATCH
        assert len(view.asked) < 10  # the rest was called off
        view.broken, again = None, EmbeddingCache(tmp_path)
        torch.testing.assert_close(again.embed(extractor(), view), by_hand(view))
        assert again.encoded == 17 * BATCH

    def test_a_picture_exchanged_between_its_hash_and_its_reading_is_never_known_by_the_old_hash(self, tmp_path):
        class Exchanged(Pictures):
            def images(self, rows, *args, **kwargs):
                if SHARD + 3 in rows:
                    self.array[SHARD + 3] = 7
                return super().images(rows, *args, **kwargs)

        view, cache = toy(2 * SHARD), EmbeddingCache(tmp_path)
        with pytest.raises(InputError, match="wanted pictures that stay as they are, got 1 that changed while they were read"):
            cache.embed(extractor(), Exchanged(view.array.copy()))
        again = EmbeddingCache(tmp_path)
        torch.testing.assert_close(again.embed(extractor(), view), by_hand(view))
        assert again.encoded == 1  # all others were kept

    def test_two_processes_at_once_end_with_equal_values_and_share_the_work(self, tmp_path):
        jobs = Parallel(n_jobs=2)(delayed(embed_at_once)(tmp_path, backwards) for backwards in (False, True))
        (first, one), (second, other) = jobs
        assert torch.equal(first, second.flip(0))
        torch.testing.assert_close(first, by_hand(toy(300)))
        assert one + other == 300

    def test_only_new_shards_and_those_that_hold_something_wanted_are_opened(self, tmp_path, monkeypatch):
        view, opened = toy(5 * SHARD), []
        EmbeddingCache(tmp_path).embed(extractor(), view)
        names = {path.name for path in shards(tmp_path)}
        real = module.safe_open
        monkeypatch.setattr(module, "safe_open", lambda path, **kwargs: opened.append(path.name) or real(path, **kwargs))
        monkeypatch.setattr(module, "_KEYS", {})
        EmbeddingCache(tmp_path).embed(extractor(), view.subset([0]))
        assert set(opened) == names
        opened.clear()
        EmbeddingCache(tmp_path).embed(extractor(), view.subset([1]))  # a later run of this process
        assert len(opened) == 1
        opened.clear()
        EmbeddingCache(tmp_path).embed(extractor(), toy(3, seed=9))
        assert opened == []
        EmbeddingCache(tmp_path).embed(extractor(), toy(3, seed=9))
        assert set(opened) == {path.name for path in shards(tmp_path)} - names  # the new one, its keys and its values

    def test_shards_are_readable_as_the_umask_has_it(self, tmp_path):
        before = os.umask(0o022)
        try:
            EmbeddingCache(tmp_path).embed(extractor(), toy())
        finally:
            os.umask(before)
        assert [stat.S_IMODE(path.stat().st_mode) for path in shards(tmp_path)] == [0o644]


def tensors(path):
    return module.safe_open(path, framework="pt").get_tensor("values")


def metadata(path):
    return module.safe_open(path, framework="pt").metadata()


def rewrite(change_values=lambda values: values, change_metadata=lambda about: about):
    def damage(path):
        save_file({"values": change_values(tensors(path)).contiguous()}, path, change_metadata(metadata(path)))

    return damage


def one_bit(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def with_keys(keys):
    return rewrite(change_metadata=lambda about: {**about, "keys": keys})


DAMAGE = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-50]),
    "header cut": lambda path: path.write_bytes(path.read_bytes()[:20]),
    "empty": lambda path: path.write_bytes(b""),
    "NUL": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(500)),
    "one bit": one_bit,
    "no metadata": rewrite(change_metadata=lambda about: None),
    "no keys": rewrite(change_metadata=lambda about: {"sha256": about["sha256"]}),
    "no checksum": rewrite(change_metadata=lambda about: {"keys": about["keys"]}),
    "keys no JSON": with_keys("["),
    "keys no list": with_keys("7"),
    "keys deep": with_keys("[" * 5000 + "]" * 5000),
    "keys of lists": with_keys("[[1], {}]"),
    "other keys": with_keys(json.dumps(["a"] * 10)),
    "fewer rows": rewrite(lambda values: values[:5]),
    "other width": rewrite(lambda values: values[:, :2]),
    "zeros": rewrite(torch.zeros_like),
    "half": rewrite(lambda values: values.half()),
    "bfloat": rewrite(lambda values: values.bfloat16()),
    "NaN": rewrite(lambda values: values * float("nan")),
    "no values": lambda path: save_file({"x": torch.ones(2)}, path, metadata(path)),
    "gone": lambda path: path.unlink(),
}


class TestNothingStopsIt:
    @pytest.mark.parametrize("known", [True, False], ids=["seen before", "new to the process"])
    @pytest.mark.parametrize("damage", DAMAGE)
    def test_a_damaged_or_foreign_shard_is_as_good_as_absent_and_mended(self, tmp_path, monkeypatch, damage, known):
        view = toy()
        first = EmbeddingCache(tmp_path).embed(extractor(), view)
        EmbeddingCache(tmp_path).embed(extractor(), view)
        (shard,) = shards(tmp_path)
        DAMAGE[damage](shard)
        if not known:
            monkeypatch.setattr(module, "_KEYS", {})
        keys_alone = damage.startswith(("no keys", "keys ", "other keys"))
        for encoded in (0 if known and keys_alone else 10, 0):  # whoever has seen a shard knows its keys by its name
            cache = EmbeddingCache(tmp_path)
            assert torch.equal(cache.embed(extractor(), view), first)
            assert cache.encoded == encoded

    def test_a_shard_that_is_broken_and_holds_nothing_wanted_is_removed(self, tmp_path):
        EmbeddingCache(tmp_path).embed(extractor(), toy())
        broken = shards(tmp_path)[0].with_name("0" * 20 + ".safetensors")
        broken.write_bytes(b"")
        EmbeddingCache(tmp_path).embed(extractor(), toy(seed=1))
        assert not broken.exists()

    def test_a_shard_of_another_extractor_is_not_believed(self, tmp_path):
        double = Extractor("double", Mean(), 8, (0.0,) * 3, (0.5,) * 3)
        cache = EmbeddingCache(tmp_path)
        cache.embed(extractor(), toy())
        cache.embed(double, toy())
        one, other = shards(tmp_path)
        assert one.name == other.name  # of the same pictures
        shutil.copy(one, other)
        torch.testing.assert_close(cache.embed(extractor(), toy()), by_hand(toy()))
        torch.testing.assert_close(cache.embed(double, toy()), 2 * by_hand(toy()))
        assert cache.encoded == 30

    @pytest.mark.parametrize("kind", ["folder", "full folder", "fifo", "dangling link", "link to a folder"])
    def test_what_is_no_file_under_a_shards_name_is_passed_by(self, tmp_path, kind):
        EmbeddingCache(tmp_path).embed(extractor(), toy())
        (shard,) = shards(tmp_path)
        shard.unlink()
        if kind == "fifo":
            os.mkfifo(shard)
        elif kind == "dangling link":
            shard.symlink_to("nowhere/at/all")
        elif kind == "link to a folder":
            shard.symlink_to(tmp_path)
        else:
            shard.mkdir()
        if kind == "full folder":
            (shard / "a").touch()
        for _ in range(2):
            torch.testing.assert_close(EmbeddingCache(tmp_path).embed(extractor(), toy()), by_hand(toy()))

    def test_what_a_killed_process_left_half_written_goes_when_it_is_old(self, tmp_path):
        EmbeddingCache(tmp_path).embed(extractor(), toy())
        folder = shards(tmp_path)[0].parent
        old, young = (folder / f".{letter * 32}.safetensors" for letter in "ab")
        for path in (old, young):
            path.write_bytes(b"half")
        os.utime(old, (0, 0))
        EmbeddingCache(tmp_path).embed(extractor(), toy(seed=1))
        assert (old.exists(), young.exists()) == (False, True)

    def test_files_that_are_no_shards_are_left_alone(self, tmp_path):
        EmbeddingCache(tmp_path).embed(extractor(), toy())
        folder = shards(tmp_path)[0].parent
        others = [folder / name for name in ("notes.safetensors", ".0123.safetensors", "a.part")]
        for other in others:
            other.write_bytes(b"half")
        cache = EmbeddingCache(tmp_path)
        cache.embed(extractor(), toy())
        assert cache.encoded == 0
        assert all(other.exists() for other in others)

    @pytest.mark.parametrize("why", ["a file", "under a file", "a device", "NUL"])
    def test_a_folder_that_cannot_be_made_costs_one_line_and_no_feature(self, tmp_path, why, caplog):
        (tmp_path / "file").touch()
        places = {"a file": tmp_path / "file", "under a file": tmp_path / "file" / "x", "a device": "/dev/null", "NUL": "a\0b"}
        for _ in range(2):
            cache = EmbeddingCache(places[why])
            torch.testing.assert_close(cache.embed(extractor(), toy(SHARD + 1)), by_hand(toy(SHARD + 1)))
            assert cache.encoded == SHARD + 1
        (said,) = caplog.messages
        assert said.startswith(f"features are computed without being kept in {places[why]}: ")
        assert said.endswith("; set TWOFOLD_CACHE to another folder")

    def test_without_a_home_nothing_is_kept_and_that_is_said(self, monkeypatch, caplog):
        def homeless():
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.delenv("TWOFOLD_CACHE", raising=False)
        monkeypatch.setattr(Path, "home", homeless)
        torch.testing.assert_close(EmbeddingCache().embed(extractor(), toy()), by_hand(toy()))
        assert len(caplog.messages) == 1

    def test_a_full_disk_costs_one_line_and_what_is_there_is_read(self, tmp_path, monkeypatch, caplog):
        EmbeddingCache(tmp_path).embed(extractor(), toy(10).subset(range(5)))

        def full(*_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(module, "save_file", full)
            cache = EmbeddingCache(tmp_path)
            torch.testing.assert_close(cache.embed(extractor(), toy(10)), by_hand(toy(10)))
            cache.embed(extractor(), toy(20, seed=1))
        assert cache.encoded == 25
        assert [("No space left on device" in message) for message in caplog.messages] == [True]
        assert len(list(tmp_path.glob("*/*safetensors"))) == 1

    def test_features_that_are_not_finite_are_given_but_not_kept(self, tmp_path):
        network = Extractor("nan", Mean(), 8, (0.0,) * 3, (0.0,) * 3)
        assert not EmbeddingCache(tmp_path).embed(network, toy()).isfinite().all()
        assert shards(tmp_path) == []

    def test_the_line_stands_on_stderr_of_a_plain_program(self, tmp_path):
        (tmp_path / "file").touch()
        code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from test_cache import *\n"
        code += f"EmbeddingCache({str(tmp_path / 'file')!r}).embed(extractor(), toy())"
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert ran.stderr.splitlines() == [
            f"features are computed without being kept in {tmp_path}/file: Not a directory; set TWOFOLD_CACHE to another folder"
        ]


AS_NOBODY = """
import os, sys
sys.path.insert(0, sys.argv[2])
from test_cache import *
view = toy(20)
torch.testing.assert_close(by_hand(view), by_hand(view))  # imports what root alone may read
os.setegid(65534), os.seteuid(65534)
cache = EmbeddingCache(sys.argv[1])
torch.testing.assert_close(cache.embed(extractor(), view), by_hand(view))
print(cache.encoded)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root alone can become somebody else")
class TestAnotherUsersCache:
    def ask(self, folder):
        command = [sys.executable, "-c", AS_NOBODY, str(folder), str(Path(__file__).parent)]
        ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        assert ran.returncode == 0, ran.stderr
        return int(ran.stdout), ran.stderr.splitlines()

    @pytest.fixture
    def folder(self):
        place = Path(tempfile.mkdtemp(prefix="cache-of-root-"))
        place.chmod(0o755)
        yield place / "cache"
        shutil.rmtree(place)

    def test_what_can_be_read_is_read_and_the_rest_computed(self, folder):
        EmbeddingCache(folder).embed(extractor(), toy(20).subset(range(12)))
        before = sorted(folder.rglob("*"))
        encoded, said = self.ask(folder)
        assert encoded == 8
        assert len(said) == 1
        assert "Permission denied" in said[0]
        assert sorted(folder.rglob("*")) == before

    def test_a_shard_that_one_may_not_read_is_passed_by_and_stays(self, folder):
        EmbeddingCache(folder).embed(extractor(), toy(20))
        (shard,) = shards(folder)
        shard.chmod(0o600)
        shard.parent.chmod(0o777)  # it could be removed
        (shard.parent / "lock").chmod(0o666)
        content = tensors(shard)
        encoded, _ = self.ask(folder)
        assert encoded == 20
        assert torch.equal(tensors(shard), content)  # written anew, the same: the next user may read it
        assert stat.S_IMODE(shard.stat().st_mode) == 0o644


class TestWaiting:
    @pytest.fixture
    def held(self, tmp_path):
        """The lock of the toy extractor, held by somebody else."""
        EmbeddingCache(tmp_path).embed(extractor(), toy(1))
        folder = shards(tmp_path)[0].parent
        (folder / "holder").write_text("process 7 on\nmars")
        lock = FileLock(folder / "lock")
        lock.acquire()
        yield folder / "holder"
        lock.release()

    def test_a_hung_process_is_named_and_then_done_without(self, tmp_path, held, monkeypatch, caplog):
        monkeypatch.setattr(module, "SILENCE_S", 0.2)
        monkeypatch.setattr(module, "HUNG_S", 1.0)
        cache = EmbeddingCache(tmp_path)
        start = time.monotonic()
        torch.testing.assert_close(cache.embed(extractor(), toy(300)), by_hand(toy(300)))
        assert 1 <= time.monotonic() - start < 20
        first, second = caplog.messages
        assert first.startswith("waiting for process 7 on mars, which encodes with the same network")
        assert second.startswith("waited 1 s without a sign of life from process 7 on mars; going on without it (")
        assert EmbeddingCache(tmp_path).embed(extractor(), toy(300)).shape == (300, 3)  # found, so nobody waits

    def test_a_process_that_shows_signs_of_life_is_waited_for(self, tmp_path, held, monkeypatch):
        monkeypatch.setattr(module, "SILENCE_S", 0.2)
        monkeypatch.setattr(module, "HUNG_S", 1.0)
        done = threading.Event()
        waiting = threading.Thread(target=lambda: (EmbeddingCache(tmp_path).embed(extractor(), toy(300)), done.set()))
        waiting.start()
        for beat in range(20):
            os.utime(held, (beat, beat))
            time.sleep(0.15)
        assert not done.is_set()
        assert done.wait(30)
        waiting.join()

    def test_whoever_encodes_says_who_it_is_and_gives_signs_of_life(self, tmp_path):
        signs = []

        class Watch(Pictures):
            def images(self, rows, *args, **kwargs):
                (holder,) = tmp_path.glob("*/holder")
                signs.append((holder.read_text(), holder.stat().st_mtime_ns))
                return super().images(rows, *args, **kwargs)

        EmbeddingCache(tmp_path, workers=1).embed(extractor(pause_s=0.1), Watch(toy(5 * BATCH).array))
        assert {who.split(" on ")[0] for who, _ in signs} == {f"process {os.getpid()}"}
        assert len({when for _, when in signs}) >= 3

    def test_a_file_system_without_locks_is_done_without(self, tmp_path, monkeypatch, caplog):
        def no_locks(*_args, **_kwargs):
            raise NotImplementedError("FileSystem does not appear to support flock")

        monkeypatch.setattr(FileLock, "acquire", no_locks)
        cache = EmbeddingCache(tmp_path)
        torch.testing.assert_close(cache.embed(extractor(), toy()), by_hand(toy()))
        assert len(shards(tmp_path)) == 1
        assert len(caplog.messages) == 1


def test_the_folder_is_the_argument_then_the_environment_then_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "env"))
    assert EmbeddingCache(tmp_path / "given").folder == tmp_path / "given"
    assert EmbeddingCache().folder == tmp_path / "env"
    monkeypatch.delenv("TWOFOLD_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert EmbeddingCache().folder == tmp_path / ".cache" / "twofold"
    assert not (tmp_path / "env").exists()  # nothing is made before it is needed


class TestSeveralNetworks:
    def test_they_look_at_a_picture_together_and_keep_what_each_alone_would_keep(self, tmp_path):
        view, cache = toy(SHARD + 3), EmbeddingCache(tmp_path)
        one, two = extractor("one"), extractor("two")
        both = cache.embed_all([one, two], view)
        assert all(torch.equal(found, both[0]) for found in both)
        torch.testing.assert_close(both[0], by_hand(view))
        assert sum(len(rows) for rows, _, _ in view.asked) == len(view)
        assert cache.encoded == 2 * len(view)
        assert [EmbeddingCache(tmp_path).embed(each, view).equal(both[0]) for each in (two, one)] == [True, True]
        assert sum(len(rows) for rows, _, _ in view.asked) == len(view)

    def test_the_same_network_twice_waits_for_nobody_and_looks_once(self, tmp_path):
        view, cache = toy(40), EmbeddingCache(tmp_path)
        with ThreadPoolExecutor(1) as pool:
            first, second = pool.submit(cache.embed_all, [extractor("one"), extractor("one")], view).result(timeout=30)
        assert torch.equal(first, second)
        assert cache.encoded == 40

    def test_each_is_shown_what_it_has_not_seen_as_it_wants_to_see_it(self, tmp_path):
        view, cache = toy(12), EmbeddingCache(tmp_path)
        cache.embed(extractor("one"), view.subset(range(8)))
        cropped = extractor("cropped", center_crop=True)
        for found in cache.embed_all([extractor("one"), extractor("two"), cropped], view):
            torch.testing.assert_close(found, by_hand(view))
        assert sorted((len(rows), crop) for rows, _, crop in view.asked) == [(4, False), (12, False), (12, True)]

    def test_two_that_take_turns_the_other_way_round_do_not_wait_for_each_other(self, tmp_path):
        one, two = (extractor(key, pause_s=0.02) for key in ("one", "two"))
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(EmbeddingCache(tmp_path).embed_all, each, toy(40)) for each in ([one, two], [two, one])]
            for job in jobs:
                for found in job.result(timeout=60):
                    torch.testing.assert_close(found, by_hand(toy(40)))

    def test_a_picture_of_no_file_is_seen_once_and_is_no_file_s(self, tmp_path):
        view, one = toy(1), extractor("one")
        picture = torch.from_numpy(view.array)
        first = EmbeddingCache(tmp_path).embed_once(one, picture)
        assert torch.equal(EmbeddingCache(tmp_path).embed_once(one, picture), first)
        torch.testing.assert_close(first, by_hand(view))
        assert one.network.shown == [1]
        cache = EmbeddingCache(tmp_path)
        cache.embed(one, view)
        assert cache.encoded == 1
