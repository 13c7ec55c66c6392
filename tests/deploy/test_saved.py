"""A file is a detector, whole and of networks that are here, or it is refused in one line: nothing is asked, read or built."""

import copy
import io
import json
import os
import pickle
import resource
import socket
import struct
import sys
import tempfile
import zipfile
from functools import lru_cache

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file, save_file

from twofold import InputError, TwoFoldDetector
from twofold.deploy import saved
from twofold.methods import base

NEVER_MADE = os.path.join(tempfile.gettempdir(), "never made by twofold")  # by whatever a file would have run
SPARE_MB = 150  # more than any one refusal may need; one picture of 4096 px costs several times as much

_opened, _watching = [], []


def _hook(event, arguments):
    if _watching and event in ("open", "socket.connect", "socket.getaddrinfo"):
        _opened.append((event, str(arguments[0])))


sys.addaudithook(_hook)


@pytest.fixture(scope="module")
def whole_file(fitted, tmp_path_factory):
    """bytes, tensors and sheet of a good file."""
    place = tmp_path_factory.mktemp("good") / "d"
    fitted("pooled_gaussian").save(place)
    return place.read_bytes(), load_file(place), json.loads(json.dumps(sheet_of(place)))


def sheet_of(place):
    raw = place.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    return json.loads(json.loads(raw[8 : 8 + length])["__metadata__"]["twofold"].partition(" ")[2])


def forged(place, tensors, text):
    """A file with a right checksum, whatever it says."""
    save_file(tensors, place, {"twofold": f"{saved._digest(tensors, text)} {text}"})


def refusal(place):
    with pytest.raises(InputError) as refused:
        TwoFoldDetector.load(place, "cpu")
    line = str(refused.value)
    assert line.startswith("wanted a detector saved by twofold in ")
    assert "\n" not in line
    assert len(line) < 1200
    return line


# ------------------------------------------------------------------------------------------------- what is no detector


def foreign_bytes(good, tensors):
    (length,) = struct.unpack("<Q", good[:8])
    header = good[8 : 8 + length]

    def archive():
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("a", "b")
        return buffer.getvalue()

    def torch_file():
        buffer = io.BytesIO()
        torch.save({name: value.clone() for name, value in tensors.items()}, buffer)
        return buffer.getvalue()

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (NEVER_MADE,)

    rng = np.random.default_rng(0)
    yield "empty", b""
    yield "zip", archive()
    yield "pickle", pickle.dumps({"a": 1})
    yield "bomb", pickle.dumps(Bomb())
    yield "torch", torch_file()
    yield "text", b"anomaly_score\n1.0\n"
    yield "json", json.dumps({"__metadata__": {"twofold": "{}"}}).encode()
    yield "png", b"\x89PNG\r\n\x1a\n" + bytes(64)
    yield "zeros", bytes(4096)
    yield "ones", b"\xff" * 4096
    for n in (1, 7, 8, 9, 100, 5000):
        yield f"garbage {n}", rng.bytes(n)
    for n in (0, 1, length - 1, length + 1, 2**31, 2**40, 2**63, 2**64 - 1):
        yield f"header of {n}", struct.pack("<Q", n) + good[8:]
    for cut in np.linspace(1, len(good) - 1, 20).astype(int):
        yield f"cut at {cut}", good[:cut]
    for more in (b"\0", b" ", good):
        yield f"{len(more)} more", good + more
    for name, text in {
        "no header": b"{}",
        "a list": b"[]",
        "null": b"null",
        "half": header[: length // 2],
        "deep": b"[" * 200_000,
        "deep object": b'{"a":' * 200_000,
        "list of metadata": b'{"__metadata__": []}',
        "metadata null": b'{"__metadata__": null}',
        "metadata number": b'{"__metadata__": {"twofold": 5}}',
        "absurd shape": b'{"a": {"dtype": "F64", "shape": [9223372036854775807, 2], "data_offsets": [0, 8]}}',
        "absurd offset": b'{"a": {"dtype": "F64", "shape": [1], "data_offsets": [0, 18446744073709551615]}}',
        "no such kind": b'{"a": {"dtype": "Q8", "shape": [1], "data_offsets": [0, 1]}}',
    }.items():
        yield f"header {name}", struct.pack("<Q", len(text)) + text + good[8 + length :]


def foreign_metadata(tensors, text):
    digest = saved._digest(tensors, text)
    yield "nothing", None
    yield "another key", {"format": "pt"}
    yield "one more key", {"twofold": f"{digest} {text}", "more": ""}
    yield "no checksum", {"twofold": text}
    yield "empty", {"twofold": ""}
    yield "another checksum", {"twofold": f"{'0' * 64} {text}"}
    yield "capital checksum", {"twofold": f"{digest.upper()} {text}"}
    yield "another sheet", {"twofold": f"{digest} {text} "}


# ------------------------------------------------------------------------------- a right checksum over hostile words

JUNK = [None, [], {}, 0, -1, 1e300, "", "x", True, [[]], {"a": {}}, [None]]
UNHEARD = {
    "selected": [None],
    "notes": [{}],
    "versions": [{}],
    "skipped": [{}],
    "card": ["", "x"],
}  # junk that says nothing wrong


def hostile_texts(sheet):
    yield from (json.dumps(junk) for junk in [*JUNK, 1, [1, 2]])
    yield from (
        "",
        "{",
        "nul",
        "{}{}",
        "NaN",
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 900 + "]" * 900,
        "\0",
        '"' + "x" * 10**6 + '"',
    )
    yield json.dumps(sheet).replace("{", "{{", 1)
    yield json.dumps(sheet)[:-1]


def hostile_sheets(sheet):
    """(what, sheet) pairs: a good sheet with one thing changed."""

    def changed(*path, value):
        other = copy.deepcopy(sheet)
        inner = other
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        return f"{'.'.join(map(str, path))} = {str(value)[:40]}", other

    for key in sheet:
        yield f"no {key}", {name: value for name, value in sheet.items() if name != key}
        for junk in JUNK:
            if junk not in UNHEARD.get(key, ()):
                yield changed(key, value=junk)
    yield changed("more", value=1)
    for value in (1, 3, 5, "4", 10**30, True):
        yield changed("format", value=value)
    for value in ("oracle", "in_domain", "twofold", "zero_shot", "target_only", "target_gaussian ", "x" * 10**6, "../x"):
        yield changed("method", value=value)
    for value in ("embedded ", "Embedded", "x" * 10**6):
        yield changed("preset", value=value)
    for value in (4096, 1025, 2000, 10**9, 10**400, 7, 8, 32, 65, 128, -1, 0, "64", 64.5, True, None, [64]):
        yield changed("fields", "encoder_size_px", value=value)
    for name, value in (
        *((name, value) for name in ("encoder", "backbone") for value in ("resnet50.a1_in1k", "/etc/passwd", None)),
        *((f"{name}_weights", value) for name in ("encoder", "backbone") for value in ("/etc/passwd", "random", "pretrained")),
        *((name, "x") for name in ("method", "preset", "dataset", "source", "normal", "nonsense", "", "x" * 1000)),
        *(("steps", 5), ("n_clusters", 2), ("backbone_size_px", 96), ("anomaly_ratio", 0.5), ("seed", -1), ("seed", 2**40)),
        *(("seed", "0"), ("seed", None), ("kept_share", 2), ("kept_share", "0.85"), ("selection", "oracle"), ("selection", 5)),
        *(("features", "encoder"), ("hidden_layer", False), ("hidden_layer", "true"), ("source_weight", -1)),
    ):
        yield changed("fields", name, value=value)
    names = (
        "resnet50.a1_in1k",
        "resnet18",
        "tf_efficientnet_lite0",
        "vit_giant_patch14_dinov2",
        "hf-hub:who/what",
        "hf_hub:who/what",
    )
    names += (
        "local-dir:/etc",
        "/etc/passwd",
        "../x",
        "https://example.org/x",
        "open_clip:ViT-B-32/openai",
        "open_clip:",
        "open_clip:/",
    )
    names += ("open_clip:hf-hub:who/what", "", " ", "\0", "x" * 10**6, "tf_efficientnet_lite2\n", "a/b/c/d", "timm/resnet18")
    for name in names:
        yield changed("networks", "encoder", "model", value=name)
        yield changed("networks", "encoder", value={"model": name, "sha256": "random:0"})
    for key in ("", "random:0", "random:1", "0" * 64, sheet["networks"]["backbone"]["sha256"], "file", "/etc/passwd", None, 5):
        yield changed("networks", "encoder", "sha256", value=key)
    yield changed("networks", value={"encoder": sheet["networks"]["encoder"]})
    yield changed("networks", value={"encoder": sheet["networks"]["backbone"], "backbone": sheet["networks"]["encoder"]})
    yield changed("networks", "third", value=sheet["networks"]["encoder"])
    yield changed("networks", "encoder", "path", value="/etc/passwd")
    n = len(sheet["seen"])
    for value in (
        sheet["seen"][1:],
        sheet["seen"] * 2,
        ["x"] * n,
        ["/etc/passwd"] * n,
        ["A" * 32] * n,
        [sheet["seen"][0] + "\n"] * n,
    ):
        yield changed("seen", value=value)
    for value in (sheet["selected"][1:], ["true"] * n, [1] * n):
        yield changed("selected", value=value)
    for value in (sheet["held_out"][1:] * 2, [], ["zzz"] * n, [None] * n, [float("nan")] * n, [float("inf")] * n):
        yield changed("held_out", value=value)
        yield changed("without_like", value=value)
    for value in (float("nan"), float("inf"), "x", None, 10**400):
        yield changed("notes", "contrast", value=value)
    for value in (sheet["witness"] * 1.1, -sheet["witness"], float("nan"), float("inf")):
        yield changed("witness", value=value)
    for junk in JUNK:
        for field in ("rule", "fpr", "calibration"):
            yield changed("line", field, value=junk)
        for field in ("kept", "domain_distance", "crowds", "contrast"):
            if not (type(junk) is int or (type(junk) is float and field in ("domain_distance", "contrast"))):
                yield changed("trust", field, value=junk)
        if junk not in ({}, True):
            yield changed("trust", "weak", value=junk)
        if junk not in ([], {}):
            yield changed("skipped", value=junk)
            yield changed("skipped", "target", value=junk)
    for value in ([float("nan")], [float("inf")], ["0"], [None]):
        yield changed("line", "calibration", value=value)
    for field in ("line", "trust"):
        yield changed(field, value={})
        yield changed(field, "more", value=1)
        yield changed(field, value={name: value for name, value in list(sheet[field].items())[1:]})
    for value in ([0.1], [0.1, 0.2, 0.3], "0 to 1", [None, None]):
        yield changed("trust", "contamination", value=value)
    yield changed("skipped", value={"elsewhere": {}})
    yield changed("skipped", "source", value={"a.png": 5})
    yield changed("skipped", "source", value={"a" * 5000: "broken"})
    yield changed("card", value="x" * 30_000)
    yield changed("shown", value=sheet["shown"][1:])
    yield changed("shown", value=sheet["shown"] * 2)
    for name, value in (("id", 5), ("id", "x" * 5000), ("kind", "worst"), ("score", "high"), ("score", None), ("path", "/etc")):
        yield changed("shown", 0, name, value=value)
    for value in (sheet["reading"] + 1, 0, -1, "2"):
        yield changed("reading", value=value)


def hostile_tensors(tensors):
    """(what, tensors) pairs: good tensors with one of them changed."""
    for name, value in tensors.items():
        yield f"no {name}", {other: kept for other, kept in tensors.items() if other != name}
        kinds = {torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.uint8} - {
            value.dtype
        }
        for kind in kinds:
            yield f"{name} as {kind}", tensors | {name: value.to(kind)}
        if not value.numel():  # no pile was near enough
            continue
        shapes = [value[None], value.reshape(-1)[:1].reshape(()), value.new_zeros(0), value.new_zeros(0, 2**40)]
        shapes += [value.T.contiguous(), value[:-1], value[:1], value[..., :-1].contiguous()] if value.ndim == 2 else []
        shapes += [value[:-1], value[:1]] if value.ndim == 1 else []
        for other in shapes:
            if other.shape != value.shape and not (name.startswith("map") and other.shape[1:] == value.shape[1:]):
                yield f"{name} in shape {tuple(other.shape)}", tensors | {name: other}
        for number in (torch.nan, torch.inf, -torch.inf) if value.is_floating_point() else ():
            broken = value.clone()
            broken.view(-1)[-1] = number
            yield f"{name} with {number}", tensors | {name: broken}
    for name in ("more", "eyes.0.lower.0.weight", "mean_4", "__class__", "forward", "a.b.c", "", "mean_0 ", "scales.x"):
        yield f"one more: {name!r}", tensors | {name: torch.zeros(2)}
    for name in ("network.encoder.pth", "network.third.pth", "network.encoder", "network.", "network.encoder./../../x"):
        yield f"weights in {name!r}", tensors | {name: torch.zeros(9, dtype=torch.uint8)}
    yield "weights of no bytes", tensors | {"network.encoder.pth": torch.zeros(9)}
    for number in (0.0, -1.0, 1e-300, 1e300):
        yield f"scales of {number}", tensors | {"scales": torch.full_like(tensors["scales"], number)}
    yield (
        "maps of zeros",
        tensors | {name: torch.zeros_like(value) for name, value in tensors.items() if name.startswith("map")},
    )
    yield "maps exchanged", tensors | {"map_0": tensors["map_2"], "map_2": tensors["map_0"]}
    yield "half a map", tensors | {"map_0": tensors["map_0"][: len(tensors["map_0"]) // 2]}
    yield "another mean", tensors | {"mean_1": tensors["mean_1"] + 1}
    yield "nothing", {}


def test_whatever_is_no_detector_of_networks_that_are_here_is_refused_in_one_line(whole_file, tmp_path, monkeypatch):
    monkeypatch.setattr(base, "load_layers", lru_cache(4)(base.load_layers))  # the same networks again and again
    good, tensors, sheet = whole_file
    text, place, tried = json.dumps(sheet), tmp_path / "d", 0
    place.write_bytes(good)
    TwoFoldDetector.load(place, "cpu")  # what loading itself needs is had from here on
    forged(place, tensors, text)
    TwoFoldDetector.load(place, "cpu")  # a forger who changes nothing is no forger
    accepted, grown_kb = [], 0

    def trial(what):
        nonlocal tried, grown_kb
        tried, before = tried + 1, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            refusal(place)
        except pytest.fail.Exception:
            accepted.append(what)
        grown_kb = max(grown_kb, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

    for what, raw in foreign_bytes(good, tensors):
        place.write_bytes(raw)
        trial(what)
    for what, metadata in foreign_metadata(tensors, text):
        save_file(tensors, place, metadata)
        trial(what)
    for words in hostile_texts(sheet):
        forged(place, tensors, words)
        trial(words[:40])
    _watching.append(True)
    try:
        for what, changed in hostile_sheets(sheet):
            forged(place, tensors, json.dumps(changed))
            trial(what)
    finally:
        _watching.clear()
    for what, changed in hostile_tensors(tensors):
        forged(place, changed, text)
        trial(what)
    _watching.append(True)
    try:
        for model in ("hf-hub:who/what", "local-dir:/etc", "open_clip:hf-hub:who/what", "open_clip:local-dir:/etc/x"):
            other = sheet | {"networks": sheet["networks"] | {"encoder": {"model": model, "sha256": "0" * 64}}}
            forged(place, tensors | {"network.encoder.pth": torch.zeros(9, dtype=torch.uint8)}, json.dumps(other))
            trial(f"weights of {model}")
    finally:
        _watching.clear()
    assert not accepted
    assert tried > 400
    assert grown_kb / 1024 < SPARE_MB
    assert not os.path.exists(NEVER_MADE)
    touched = {place for event, place in _opened if event == "open"}
    assert not [event for event, _ in _opened if event != "open"]
    assert not [path for path in touched if "passwd" in path or path.startswith("/etc")]


def test_what_says_nothing_of_a_detector_is_not_read(tmp_path):
    size = 400 * 2**20
    for about in ("x {}", f"{'0' * 64} {{}}"):
        head = {"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}, "__metadata__": {"twofold": about}}
        text = json.dumps(head).encode()
        with open(tmp_path / "d", "wb") as file:  # of a few blocks on the disk
            file.write(struct.pack("<Q", len(text)) + text)
            file.truncate(8 + len(text) + size)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        refusal(tmp_path / "d")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 2**10


def test_what_is_more_than_its_pictures_and_networks_leave_is_neither_read_nor_written(whole_file, tmp_path, monkeypatch):
    good, tensors, sheet = whole_file
    (length,) = struct.unpack("<Q", good[:8])
    head, size = json.loads(good[8 : 8 + length]), 600 * 2**20
    head["more"] = {"dtype": "U8", "shape": [size], "data_offsets": [len(good) - 8 - length, len(good) - 8 - length + size]}
    text = json.dumps(head).encode()
    with open(tmp_path / "d", "wb") as file:  # of a few blocks on the disk
        file.write(struct.pack("<Q", len(text)) + text + good[8 + length :])
        file.truncate(8 + len(text) + len(good) - 8 - length + size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "MB of tensors where its sheet tells of at most" in refusal(tmp_path / "d")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 2**10
    told = TypeAdapter(saved.Sheet).validate_json(json.dumps(sheet))
    pictures = len(sheet["seen"]) + len(sheet["held_out"]) + len(sheet["source_scores"])
    monkeypatch.setattr(saved, "SPARE", -saved.EACH_PICTURE * pictures)
    saved.write(tmp_path / "d", tensors, told)  # networks count
    monkeypatch.setattr(saved, "numbers_of", lambda model: 0)
    with pytest.raises(InputError, match=r"wanted a detector that can be read again, got .* MB of tensors"):
        saved.write(tmp_path / "d", tensors, told)


@pytest.mark.parametrize(("number", "words"), [(saved.FORMAT - 1, "an older"), (saved.FORMAT + 1, "a newer")])
def test_a_file_of_another_format_says_who_saved_it(number, words, whole_file, tmp_path):
    forged(tmp_path / "d", whole_file[1], json.dumps(whole_file[2] | {"format": number}))
    line = refusal(tmp_path / "d")
    assert f"{words} twofold saved, in format {number}, where this one reads {saved.FORMAT}" in line
    assert ("update it here" in line) == (number > saved.FORMAT)


@pytest.mark.parametrize("path", [None, 0, 1.5, b"d"])
def test_what_is_no_path_is_refused(path, fitted):
    for call in (TwoFoldDetector.load, fitted("zero_shot").save):
        with pytest.raises(InputError, match="wanted the path of a detector's file, got"):
            call(path)


def test_one_flipped_bit_anywhere_is_refused(whole_file, tmp_path):
    good, rng = whole_file[0], np.random.default_rng(1)
    (length,) = struct.unpack("<Q", good[:8])
    places = [*rng.integers(0, len(good), 20), *rng.integers(0, 8 + length, 60), *range(64)]
    for place in places:
        raw = bytearray(good)
        raw[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "d").write_bytes(raw)
        refusal(tmp_path / "d")


def test_a_place_that_holds_no_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket"))
        for place in ("fifo", "folder", "link", "loop", "socket", "none", "nul\0", "x" * 300, "line\nbreak"):
            refusal(tmp_path / place)
    for place in ("/dev/zero", "", "~nobody of this name/d"):
        refusal(place)


def test_a_file_that_may_not_be_read_says_so(whole_file, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "d").write_bytes(whole_file[0])
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        TwoFoldDetector.load(tmp_path / "d", "cpu")


def test_what_could_not_be_loaded_is_not_written(fitted, tmp_path):
    detector = fitted("zero_shot")
    with pytest.raises(InputError, match="finite numbers, got center"):
        saved.write(tmp_path / "d", {"center": torch.tensor([torch.nan])}, None)
    assert not list(tmp_path.iterdir())
    assert detector.method_.center.isfinite().all()
