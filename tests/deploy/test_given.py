"""Pictures of whatever kind are the same pictures."""

import shutil

import numpy as np
import pytest
import torch
from detector_cases import small
from odd_folder import encoded
from PIL import ExifTags, Image

from twofold.data.folders import load_pictures
from twofold.deploy.given import given, joined
from twofold.errors import InputError


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A folder of four pictures, and the same as an array."""
    place, array = tmp_path_factory.mktemp("given"), np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    (place / "inner").mkdir()
    for row, name in enumerate(("0.png", "1.png", "inner/2.png", "inner/3.png")):
        Image.fromarray(array[row]).save(place / name)
    return place, array


class Labelled(torch.utils.data.Dataset):
    """As torchvision's: a picture and something else."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index], "whatever"


class Broken(Labelled):
    """Raises where it is asked for an item."""

    def __getitem__(self, index):
        return 1 // 0


def test_a_folder_a_list_an_array_and_data_sets_give_the_same_pixels(grown):
    place, array = grown
    wanted = given(place).images(range(4), 16)
    np.testing.assert_array_equal(wanted, array.transpose(0, 3, 1, 2))
    files = [place / name for name in ("0.png", "1.png", "inner/2.png", "inner/3.png")]
    tensors = list(torch.from_numpy(array).permute(0, 3, 1, 2))
    kinds = (files, tuple(map(str, files)), array, Labelled(tensors), tensors, Labelled([Image.fromarray(a) for a in array]))
    for kind in kinds:
        np.testing.assert_array_equal(given(kind).images(range(4), 16), wanted)


def test_a_domain_is_itself_and_a_list_has_the_ids_and_contents_of_its_folder(grown):
    place, _ = grown
    folder = load_pictures(place)
    assert given(folder) is folder
    listed = given([place / name for name in folder.ids])
    assert listed.ids.tolist() == folder.ids.tolist()
    assert listed.contents.tolist() == folder.contents.tolist()


def test_grey_arrays_and_grey_tensors_are_grey_pictures():
    grey = np.random.default_rng(0).integers(0, 256, (3, 8, 8), np.uint8)
    for kind in (grey, Labelled(list(torch.from_numpy(grey))), Labelled(list(torch.from_numpy(grey)[:, None]))):
        np.testing.assert_array_equal(given(kind).images(range(3), 8), np.repeat(grey[:, None], 3, axis=1))


def test_a_picture_of_a_data_set_is_known_by_its_pixels():
    one, same, other = (Labelled([np.full((8, 8, 3), value, np.uint8)]) for value in (1, 1, 2))
    assert given(one).contents == given(same).contents
    assert given(one).contents != given(other).contents


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (np.zeros((3, 8, 8, 3)), "uint8, got .* of float64"),
        (np.zeros((3, 8, 8, 4), np.uint8), "uint8, got"),
        (np.zeros((8, 8), np.uint8), "uint8, got"),
        (np.zeros((2, 0, 8, 3), np.uint8), "uint8, got"),
        (np.zeros((48, 48, 3), np.uint8), r"one in colours; put it in a list: x\[None\]"),
        (torch.zeros(3, 48, 48, dtype=torch.uint8), "one in colours"),
        (5, "got int"),
        (None, "got NoneType"),
        ([], "got an empty list"),
        ((), "got an empty tuple"),
        ({}, "got an empty dict"),
        (np.zeros((0, 8, 8), np.uint8), "got an empty ndarray"),
        (np.array(5), "uint8, got"),
        (["a.png", "./a.png"], "every file once"),
    ],
)
def test_what_is_no_set_of_pictures_is_refused(kind, words):
    with pytest.raises(InputError, match=words):
        given(kind)


def test_pictures_of_a_data_set_are_read_as_their_files_are(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (16, 16, 4), np.uint8)).save(tmp_path / "alpha.png")
    Image.fromarray(rng.integers(0, 2**12, (16, 16)).astype(np.uint16)).save(tmp_path / "deep.png")
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    Image.fromarray(rng.integers(0, 256, (16, 8, 3), np.uint8)).save(tmp_path / "turned.jpg", exif=turned)
    files = sorted(tmp_path.iterdir())
    as_items = given(Labelled([Image.open(file) for file in files]))
    np.testing.assert_array_equal(as_items.images(range(3), 16), given(files).images(range(3), 16))


def test_an_item_that_is_no_picture_is_named(tmp_path):
    (tmp_path / "cut.png").write_bytes(encoded(0, "PNG")[:200])
    with pytest.raises(InputError, match=r"wanted a readable picture at 0, got one that is not \("):
        given(Labelled([Image.open(tmp_path / "cut.png")])).images([0], 8)
    with pytest.raises(InputError, match=r"wanted a readable picture at 3, got one that is not \(integer") as refused:
        given(Broken(range(5))).images([3], 8)
    assert isinstance(refused.value.__cause__, ZeroDivisionError)
    bytes_of = {shape: torch.zeros(shape, dtype=torch.uint8) for shape in ((4, 8, 8), (8, 8, 3), (2, 8, 8), (3, 0, 8))}
    items = ((torch.zeros(3, 8, 8), "float32"), ("a", "str"), (np.zeros((8, 8)), "float64"), ((), "tuple"))
    with pytest.raises(InputError, match="wanted items by number, got a dict that has none at 0"):
        given({"a": 1}).images([0], 8)
    for item, got in (*items, *((tensor, "uint8") for tensor in bytes_of.values())):
        with pytest.raises(InputError, match=f"wanted items that are pictures .*, got {got} at 0"):
            given(Labelled([item])).images([0], 8)


def test_two_sets_become_one_whatever_their_names_are(grown, tmp_path):
    place, array = grown
    more = joined(given(array[:2]), given(array[2:]))
    np.testing.assert_array_equal(more.images(range(4), 16), array.transpose(0, 3, 1, 2))
    shutil.copytree(place, tmp_path / "also")
    (tmp_path / "0.png").write_bytes((place / "0.png").read_bytes())
    within = joined(given(tmp_path), given(tmp_path / "also"))
    assert len(set(within.ids)) == len(within) == 9
    assert len(set(within.contents)) == 4


def test_a_detector_takes_them_all(folders):
    source, target, new = (load_pictures(folders[0] / name) for name in ("source", "target", "new"))
    arrays = [domain.images(range(len(domain)), 32).permute(0, 2, 3, 1).numpy() for domain in (source, target, new)]
    lists = [[folders[0] / name / one for one in domain.ids] for name, domain in (("source", source), ("new", new))]
    by_folder = small("pooled_gaussian").fit(lists[0], target)
    by_array = small("pooled_gaussian").fit(*arrays[:2])
    np.testing.assert_allclose(by_array.held_out_, by_folder.held_out_, rtol=1e-6)
    np.testing.assert_allclose(by_array.anomaly_score(arrays[2]), by_folder.anomaly_score(lists[1]), rtol=1e-6)
    items = Labelled(list(torch.from_numpy(arrays[2]).permute(0, 3, 1, 2)))
    np.testing.assert_array_equal(by_array.predict(items), by_array.predict(arrays[2]))


@pytest.mark.parametrize("kind", ["folder", "list"])
def test_a_file_that_cannot_be_read_is_refused_or_left_out_by_name(kind, tmp_path):
    rng = np.random.default_rng(1)
    for row in range(20):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / f"{row:02d}.png")
    (tmp_path / "07.png").write_bytes(b"cut short")
    pictures = tmp_path if kind == "folder" else sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"07\.png"):
        given(pictures)
    left = given(pictures, strict=False)
    assert list(left.skipped) == ["07.png"]
    assert len(left) == 19
    for row in range(3):
        (tmp_path / f"{row:02d}.png").write_bytes(b"cut short")
    with pytest.raises(InputError, match=r"00\.png.*01\.png.*02\.png.*07\.png"):
        given(pictures, strict=False)
