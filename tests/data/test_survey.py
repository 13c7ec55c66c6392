"""Folders as people have them: what cannot be read is named, what counts twice is found, what shows nothing is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from odd_folder import encoded, odd_folder
from PIL import Image

from twofold.data import survey
from twofold.data.domains import ArrayPictures, Domain
from twofold.data.folders import left_out, listed_pictures, load_pictures
from twofold.data.reading import read
from twofold.data.survey import alike, refuse_dull, shared, unreadable
from twofold.errors import InputError


def fill(folder: Path, n: int = 20, bad: int = 0) -> Path:
    """``n`` pictures of noise, the first of them broken."""
    folder.mkdir(parents=True)
    for number in range(n):
        content = encoded(number, "PNG")
        (folder / f"{number:02}.png").write_bytes(content[: 40 if number < bad else None])
    return folder


def test_what_cannot_be_read_is_left_out_and_kept_with_its_reason(tmp_path):
    place = fill(tmp_path / "own", 20, bad=2)
    domain = load_pictures(place, strict=False)
    assert len(domain) == 18
    assert list(domain.skipped) == ["00.png", "01.png"]
    assert all("truncated" in why or "cannot identify" in why for why in domain.skipped.values())
    assert [os.path.basename(path) for path in domain.pictures.paths] == domain.ids.tolist()
    assert domain.images(range(18), 8).shape == (18, 3, 8, 8)


@pytest.mark.parametrize(("bad", "strict"), [(2, True), (3, False), (20, False), (20, True)])
def test_too_many_that_cannot_be_read_stop_and_are_all_named_at_once(tmp_path, bad, strict):
    place = fill(tmp_path / "own", 20, bad=bad)
    with pytest.raises(InputError, match="read") as stopped:
        load_pictures(place, strict=strict)
    for number in range(20):
        assert (f"{number:02}.png (" in str(stopped.value)) == (number < bad)


def test_a_picture_is_decoded_and_not_only_opened(tmp_path):
    place = fill(tmp_path / "own", 12)
    late = place / "11.png"
    late.write_bytes(late.read_bytes()[:-40])  # the head is whole
    with Image.open(late) as opened:
        assert opened.size == (20, 24)
    assert list(load_pictures(place, strict=False).skipped) == ["11.png"]


def test_of_300_odd_files_each_is_taken_skipped_or_left_out_and_none_twice(tmp_path):
    n = odd_folder(tmp_path)
    assert n >= 300
    domain, others = listed_pictures(tmp_path), left_out(tmp_path)
    bad = unreadable(domain)
    told = [
        *domain.ids.tolist(),
        *domain.skipped,
        *(path for paths in others.values() for path in paths if "cache" not in path),
    ]
    assert len(told) == len(set(told)) == n - 1  # the file in the hidden folder counts with it
    assert {"nowhere.png", "itself.png", "shapes/bomb.bmp"} <= bad.keys()
    assert domain.skipped == {"names/\\udcff\\udcfe.png": "its name is not UTF-8"}
    assert set(others) >= {"named as a mask", "of 1 bit", "hidden", "link that loops", "no regular file", ".heic", "no suffix"}
    assert len(domain) - len(bad) > 100
    for name in domain.ids.tolist():
        if name not in bad:
            assert read(tmp_path / name).mode == "RGB"
    assert not {name for name in bad if name.startswith(("named/", "names/"))}
    assert {name for name in domain.ids.tolist() if name.startswith("bad/")} <= bad.keys()
    cut = {name for name in domain.ids.tolist() if name.startswith("cut/")}
    assert {name for name in cut if not name.endswith(("tif", "TIFF"))} <= bad.keys()


# --- what counts twice, what shows nothing ---------------------------------------------------------------------------


def test_the_same_file_under_two_names_is_found_within_and_between_folders(tmp_path):
    source, target = fill(tmp_path / "source", 5), fill(tmp_path / "target", 20)
    for number in range(5):  # other pictures than those of the target
        (source / f"{number:02}.png").write_bytes(encoded(100 + number, "PNG"))
    assert alike(load_pictures(target)) == []
    assert shared(load_pictures(source), load_pictures(target)) == []
    shutil.copy(target / "03.png", target / "copy.png")
    shutil.copy(source / "01.png", target / "sent along.png")
    assert alike(load_pictures(target)) == [["03.png", "copy.png"]]
    assert shared(load_pictures(source), load_pictures(target)) == ["sent along.png"]


def toy(*pictures: np.ndarray) -> Domain:
    return Domain("own", "toy", ArrayPictures(np.stack(pictures)), [""] * len(pictures), [str(i) for i in range(len(pictures))])


BLACK = np.zeros((8, 8, 3), np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ((BLACK, BLACK, BLACK), "of one colour each; see whether the camera"),
        ((BLACK, BLACK + 9), "of one colour each"),
        ((BLACK,), "of one colour"),
        ((NOISE, NOISE, NOISE), "wanted at least 2 target pictures, got 1 among 3, the others show the same"),
        ((NOISE,), "wanted at least 2 target pictures, got 1; add"),
        ((NOISE, BLACK), None),
        ((BLACK, BLACK, NOISE), None),
        ((NOISE, NOISE, np.roll(NOISE, 1)), None),
    ],
)
def test_identical_and_black_pictures_are_refused(pictures, words):
    if words is None:
        refuse_dull(toy(*pictures), "target", 2)
        return
    with pytest.raises(InputError, match=words):
        refuse_dull(toy(*pictures), "target", 2)


def test_black_files_of_different_sizes_and_bytes_are_refused(tmp_path):
    for number in range(4):
        Image.new("RGB", (8 + number, 8)).save(tmp_path / f"{number}.jpg")
    with pytest.raises(InputError, match="wanted normal source pictures that show something, got 4 of one colour each"):
        refuse_dull(load_pictures(tmp_path), "normal source", 2)


def test_a_picture_saved_anew_is_still_the_same_picture(tmp_path):
    for suffix in ("png", "bmp", "tif"):
        Image.fromarray(NOISE).save(tmp_path / f"x.{suffix}")
    with pytest.raises(InputError, match="got 1 among 3, the others show the same"):
        refuse_dull(load_pictures(tmp_path), "target", 2)


def test_two_pictures_are_enough_to_see_that_they_differ():
    opened = []

    class Watched(ArrayPictures):
        def __getitem__(self, index):
            opened.append(index)
            return super().__getitem__(index)

    pictures = Watched(np.stack([NOISE, np.roll(NOISE, 1), *[NOISE] * 98]))
    refuse_dull(Domain("own", "toy", pictures, [""] * 100, [str(i) for i in range(100)]), "target", 2)
    assert opened == [0, 1]


def test_public_names_resolve():
    assert all(hasattr(survey, name) for name in survey.__all__)
