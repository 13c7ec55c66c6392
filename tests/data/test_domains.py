"""Pictures, what each is known by, the domain that holds them and the view that names nothing."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from twofold.data import domains
from twofold.data.domains import ArrayPictures, Domain, FilePictures, View, join_groups
from twofold.data.reading import read, square
from twofold.errors import InputError


def domain(n=3, **changed):
    columns = {"class_names": ["b", "a", "c", "b"][:n], "ids": ["0", "1", "2", "3"][:n]}
    grey = np.arange(n * 64, dtype=np.uint8).reshape(n, 8, 8)
    return Domain("toy", "black", **{"pictures": ArrayPictures(grey), **columns, **changed})


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3)])
def test_arrays_in_grey_and_in_colour_come_back_as_rgb(shape):
    array = np.random.default_rng(0).integers(0, 256, size=(2, *shape), dtype=np.uint8)
    pictures = ArrayPictures(array)
    assert len(pictures) == 2
    assert pictures[1].mode == "RGB"
    expected = array[1] if array.ndim == 4 else np.repeat(array[1][..., None], 3, axis=2)
    np.testing.assert_array_equal(np.asarray(pictures[1]), expected)


def test_images_come_in_the_order_asked_for_with_repeats():
    array = np.random.default_rng(0).integers(0, 256, size=(3, 8, 8), dtype=np.uint8)
    images = domain(pictures=ArrayPictures(array)).images([2, 0, 2], size_px=8)
    assert images.dtype == torch.uint8
    np.testing.assert_array_equal(images.numpy(), np.repeat(array[[2, 0, 2], None], 3, axis=1))


def test_classes_are_sorted_and_each_once():
    toy = domain(n=4)
    assert toy.classes == ("a", "b", "c")
    assert len(toy) == 4


def test_without_groups_no_two_pictures_share_one_in_whichever_domain():
    one, other = domain(), Domain("toy", "white", domain().pictures, ["a"] * 3, ["0", "1", "2"])
    assert len({*one.groups, *other.groups}) == 6


def test_groups_given_are_kept():
    assert domain(groups=["x", "y", "x"]).groups.tolist() == ["x", "y", "x"]


def test_an_empty_domain_is_named_with_what_to_do():
    with pytest.raises(InputError, match="wanted pictures in domain 'black' of 'toy', got none; put them under"):
        Domain("toy", "black", ArrayPictures(np.zeros((0, 8, 8), np.uint8)), [], [])


@pytest.mark.parametrize("field", ["class_names", "ids", "groups"])
def test_columns_as_long_as_the_pictures_are_wanted(field):
    with pytest.raises(ValueError, match=f"{field} must have 3 entries like pictures, got 2"):
        domain(**{field: ["0", "1"]})


def test_ids_that_repeat_are_refused():
    with pytest.raises(ValueError, match="ids of domain 'black' must be unique; build them from the full relative"):
        domain(ids=["0", "1", "0"])


def test_files_are_read_as_reading_does_and_squared_whole_unless_the_middle_is_asked_for(tmp_path):
    path = tmp_path / "x.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, size=(20, 50, 3), dtype=np.uint8)).save(path)
    files = Domain("toy", "files", FilePictures([path]), ["a"], ["x.png"])
    for center_crop in (False, True):
        expected = square(read(path), 16, center_crop)
        np.testing.assert_array_equal(files.images([0], 16, center_crop)[0], expected)
        np.testing.assert_array_equal(View(files, [0]).images([0], 16, center_crop)[0], expected)
    assert (files.images([0], 16) != files.images([0], 16, center_crop=True)).any()


# --- contents --------------------------------------------------------------------------------------------------------


def test_the_content_of_an_array_is_its_shape_and_bytes():
    array = np.arange(2 * 24, dtype=np.uint8).reshape(2, 4, 6)
    contents = domain(n=2, pictures=ArrayPictures(array)).contents
    assert contents[1] == hashlib.sha256(b"(4, 6)" + array[1].tobytes()).hexdigest()[:32]
    turned = domain(n=2, pictures=ArrayPictures(array.reshape(2, 6, 4))).contents
    assert not set(contents) & set(turned)


def test_the_content_of_a_file_is_its_bytes_wherever_it_lies_and_whatever_it_is_called(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"not even a picture")
    expected = hashlib.sha256(b"not even a picture").hexdigest()[:32]
    assert FilePictures([path]).content(0) == expected
    assert FilePictures([path.rename(tmp_path / "y.jpg")]).content(0) == expected


def file_domain(folder: Path, n: int = 2) -> Domain:
    """Files of one size, which need not be pictures to have a content."""
    paths = [folder / f"{number}.bmp" for number in range(n)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 8)
    return Domain("toy", "files", FilePictures(paths), ["a"] * n, [path.name for path in paths])


def count_readings(monkeypatch) -> list[int]:
    readings, digest = [], hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *given: readings.append(1) or digest(*given))
    return readings


def test_an_unchanged_file_is_read_once_when_it_has_rested(tmp_path, monkeypatch):
    readings = count_readings(monkeypatch)
    files = file_domain(tmp_path)
    first = files.contents
    assert files.contents.tolist() == first.tolist()
    assert len(readings) == 4, "a file that has just changed may change again without a trace"
    monkeypatch.setattr(domains, "RESTED_S", -1.0)
    assert all(files.contents.tolist() == first.tolist() for _ in range(3))
    assert len(readings) == 6


def test_a_file_changed_in_place_with_size_inode_and_time_kept_is_known_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(domains, "RESTED_S", -1.0)  # so the memo holds it
    files = file_domain(tmp_path)
    before, status = files.contents, os.stat(tmp_path / "0.bmp")
    with open(tmp_path / "0.bmp", "r+b") as file:
        file.write(b"\xff" * 8)
    os.utime(tmp_path / "0.bmp", ns=(status.st_atime_ns, status.st_mtime_ns))
    now = os.stat(tmp_path / "0.bmp")
    assert (now.st_size, now.st_mtime_ns, now.st_ino) == (status.st_size, status.st_mtime_ns, status.st_ino)
    if now.st_ctime_ns == status.st_ctime_ns:
        pytest.skip("within one tick of this file system's clock: what RESTED_S is for")
    assert files.contents[0] != before[0]
    assert files.contents[1] == before[1]


def test_only_the_files_asked_for_are_read(tmp_path, monkeypatch):
    files = file_domain(tmp_path, n=3)
    readings = count_readings(monkeypatch)
    assert View(files, [2]).contents.tolist() == [files.contents_of([2])[0]]
    assert len(readings) == 2


@pytest.mark.parametrize("kind", ["missing", "pipe"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, kind):
    if kind == "pipe":
        os.mkfifo(tmp_path / "x.png")
    with pytest.raises(InputError, match=r"wanted to read .*x\.png, got '(No such file|no regular file).*'; correct"):
        FilePictures([tmp_path / "x.png"]).content(0)


# --- views and groups ------------------------------------------------------------------------------------------------


def test_a_view_holds_its_rows_in_its_order_and_hands_on_neither_classes_nor_ids():
    toy = domain(n=4)
    view = View(toy, np.array([3, 1, 0]))
    assert len(view) == 3
    assert view.contents.tolist() == toy.contents[[3, 1, 0]].tolist()
    np.testing.assert_array_equal(view.images([2, 0], 8), toy.images([0, 3], 8))
    assert {name for name in vars(View) if not name.startswith("_")} == {"contents", "subset", "images"}


@pytest.mark.parametrize("rows", [[2, 0], np.array([2, 0]), np.array([True, False, True])])
def test_a_view_has_views_of_some_of_its_rows(rows):
    view = View(domain(n=4), np.array([3, 1, 0]))
    assert sorted(view.subset(rows).contents) == sorted(view.contents[[2, 0]])


def test_groups_that_hang_together_by_a_chain_get_the_smallest_name():
    groups = ["e", "d", "c", "b", "a", "e", "f"]
    links = [("e", "d"), ("c", "b"), ("d", "c"), ("not here", "f")]
    assert join_groups(groups, links).tolist() == ["b", "b", "b", "b", "a", "b", "f"]
    assert join_groups(groups, reversed(links)).tolist() == ["b", "b", "b", "b", "a", "b", "f"]
    assert join_groups(groups, []).tolist() == groups
