"""Pictures, squares and the domain that holds them."""

import numpy as np
import pytest
import torch
from PIL import Image

from twofold.data.domains import ArrayPictures, Domain, FilePictures, square
from twofold.errors import InputError


def domain(n=3, **changed):
    columns = {"class_names": ["b", "a", "c", "b"][:n], "ids": ["0", "1", "2", "3"][:n], "fingerprints": ["v"] * n}
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


@pytest.mark.parametrize("size", [(30, 20), (20, 30), (20, 20), (7, 5), (1000, 3)])
@pytest.mark.parametrize("side", [8, 20, 33])
def test_squares_have_their_side_and_channels_first(size, side):
    cut = square(Image.new("RGB", size, (10, 20, 30)), side)
    assert cut.shape == (3, side, side)
    assert cut.dtype == np.uint8
    np.testing.assert_array_equal(cut.reshape(3, -1).T, np.broadcast_to([10, 20, 30], (side * side, 3)))


def test_a_square_of_its_own_size_is_unchanged_and_a_longer_picture_keeps_its_middle():
    array = np.random.default_rng(0).integers(0, 256, size=(10, 10, 3), dtype=np.uint8)
    np.testing.assert_array_equal(square(Image.fromarray(array), 10), array.transpose(2, 0, 1))
    wide = np.random.default_rng(1).integers(0, 256, size=(10, 16, 3), dtype=np.uint8)
    np.testing.assert_array_equal(square(Image.fromarray(wide), 10), wide[:, 3:13].transpose(2, 0, 1))
    np.testing.assert_array_equal(
        square(Image.fromarray(wide.transpose(1, 0, 2)), 10), wide.transpose(1, 0, 2)[3:13].transpose(2, 0, 1)
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_white_and_opaque_ones_keep_their_colour(tmp_path, mode):
    picture = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    picture.putpixel((1, 1), (0, 0, 0, 255))
    path = tmp_path / "x.png"
    if mode == "P":
        indexed = Image.new("P", (4, 4), 0)
        indexed.putpalette([9, 9, 9, 0, 0, 0])
        indexed.putpixel((1, 1), 1)
        indexed.save(path, transparency=0)
    else:
        picture.convert(mode).save(path)
    read = FilePictures([path])[0]
    assert read.mode == "RGB"
    assert read.getpixel((0, 0)) == (255, 255, 255)
    assert read.getpixel((1, 1)) == (0, 0, 0)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "CMYK"])
def test_opaque_files_of_any_mode_are_read_as_rgb(tmp_path, mode):
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    Image.new(mode, (5, 3)).save(path)
    read = FilePictures([path])[0]
    assert (read.mode, read.size) == ("RGB", (5, 3))


@pytest.mark.parametrize("content", [b"", b"no picture at all", None])
def test_a_file_that_is_no_picture_is_named_with_what_to_do(tmp_path, content):
    path = tmp_path / "broken.png"
    if content is None:
        noise = np.random.default_rng(0).integers(0, 256, size=(64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[:2000])  # a download cut short
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"wanted a readable picture, got .*broken\.png .*; replace the file or"):
        FilePictures([path])[0]


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"wanted a readable picture, got nowhere\.png"):
        FilePictures(["nowhere.png"])[0]


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
    one, other = domain(), Domain("toy", "white", domain().pictures, ["a"] * 3, ["0", "1", "2"], ["v"] * 3)
    assert len({*one.groups, *other.groups}) == 6


def test_groups_given_are_kept():
    assert domain(groups=["x", "y", "x"]).groups.tolist() == ["x", "y", "x"]


def test_an_empty_domain_is_named_with_what_to_do():
    with pytest.raises(InputError, match="wanted pictures in domain 'black' of 'toy', got none; put them under"):
        Domain("toy", "black", ArrayPictures(np.zeros((0, 8, 8), np.uint8)), [], [], [])


@pytest.mark.parametrize("field", ["class_names", "ids", "fingerprints", "groups"])
def test_columns_as_long_as_the_pictures_are_wanted(field):
    with pytest.raises(ValueError, match=f"{field} must have 3 entries like pictures, got 2"):
        domain(**{field: ["0", "1"]})


def test_ids_that_repeat_are_refused():
    with pytest.raises(ValueError, match="ids of domain 'black' must be unique; build them from the full relative"):
        domain(ids=["0", "1", "0"])


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_a_pixel_come_down_to_eight_without_being_cut_off(tmp_path, suffix):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / f"ramp.{suffix}")
    found = np.asarray(FilePictures([tmp_path / f"ramp.{suffix}"])[0])
    np.testing.assert_array_equal(found[..., 0], ramp // 257)


def test_pixels_of_unknown_range_are_refused(tmp_path):
    Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)).save(tmp_path / "x.tif")
    with pytest.raises(InputError, match="unknown range"):
        FilePictures([tmp_path / "x.tif"])[0]
