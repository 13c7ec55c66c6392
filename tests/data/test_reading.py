"""A file into an honest picture: upright, in its range, the whole of it, and nothing that hangs, bursts or stays unnamed."""

import os
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image, features

from twofold.data.reading import notes, printable, read, square
from twofold.errors import InputError

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, size=(24, 32, 3), dtype=np.uint8)
TURNS = {  # EXIF orientation -> how an upright picture is stored under it
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: upright[:, ::-1].transpose(1, 0, 2),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: upright[::-1].transpose(1, 0, 2),
}


def old_square(picture: Image.Image, size_px: int) -> np.ndarray:
    """What every picture became before: its shorter side resized, its middle cut out."""
    width, height = picture.size
    scale = size_px / min(width, height)
    width, height = max(size_px, round(width * scale)), max(size_px, round(height * scale))
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size_px) // 2, (height - size_px) // 2
    return np.asarray(picture.crop((left, top, left + size_px, top + size_px))).transpose(2, 0, 1)


# --- orientation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", TURNS)
def test_all_eight_orientations_are_read_upright(tmp_path, orientation, suffix):
    upright = np.kron(NOISE[:3, :4], np.ones((16, 16, 1), np.uint8))  # blocks, which JPEG keeps
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray(np.ascontiguousarray(TURNS[orientation](upright)))
    path = tmp_path / f"x.{suffix}"
    stored.save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {"quality": 100} if suffix == "jpg" else {}))
    found = np.asarray(read(path)).astype(int)
    assert found.shape == upright.shape
    assert np.abs(found - upright).mean() < (8 if suffix == "jpg" else 1e-9)
    assert notes(path, 64) == ([] if orientation == 1 else ["turned upright by EXIF"])


def test_sixteen_bits_are_turned_upright_as_well(tmp_path):
    ramp = np.linspace(0, 65535, 48).astype(np.uint16).reshape(6, 8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(np.ascontiguousarray(ramp[:, ::-1].T)).save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(read(tmp_path / "x.png"))[..., 0], ramp // 257)


def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 9
    Image.fromarray(NOISE).save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "x.png"), NOISE)
    assert notes(tmp_path / "x.png", 32) == []


# --- transparency and modes ------------------------------------------------------------------------------------------


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
    found = read(path)
    assert found.mode == "RGB"
    assert found.getpixel((0, 0)) == (255, 255, 255)
    assert found.getpixel((1, 1)) == (0, 0, 0)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "CMYK"])
def test_opaque_files_of_any_mode_are_read_as_rgb(tmp_path, mode):
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    Image.new(mode, (5, 3)).save(path)
    found = read(path)
    assert (found.mode, found.size) == ("RGB", (5, 3))


# --- depth -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_full_range_of_sixteen_bits_is_divided_by_257(tmp_path, suffix):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / f"ramp.{suffix}")
    np.testing.assert_array_equal(np.asarray(read(tmp_path / f"ramp.{suffix}"))[..., 0], ramp // 257)
    assert notes(tmp_path / f"ramp.{suffix}", 8) == []


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize(
    ("highest", "bits"), [(0, 10), (1023, 10), (1024, 12), (4080, 12), (4096, 14), (16383, 14), (16384, 16)]
)
def test_the_smallest_range_that_holds_the_highest_value_is_scaled_and_told(tmp_path, highest, bits, suffix):
    values = np.linspace(0, highest, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(values).save(tmp_path / f"x.{suffix}")
    found = np.asarray(read(tmp_path / f"x.{suffix}"))[..., 0]
    np.testing.assert_array_equal(found, values.astype(int) * 255 // (2**bits - 1))
    assert notes(tmp_path / f"x.{suffix}", 8) == ([] if bits == 16 else [f"range of {bits} bits"])


def test_a_twelve_bit_picture_is_as_bright_as_the_same_in_eight(tmp_path):
    grey = NOISE[..., 0]
    Image.fromarray(grey.astype(np.uint16) * 16).save(tmp_path / "x.png")
    assert np.abs(np.asarray(read(tmp_path / "x.png"))[..., 0].astype(int) - grey).max() <= 1


def test_pixels_of_unknown_range_are_refused(tmp_path):
    for name, dtype in (("float.tif", np.float32), ("long.tif", np.int32)):
        Image.fromarray(np.arange(64, dtype=dtype).reshape(8, 8)).save(tmp_path / name)
        with pytest.raises(InputError, match=rf"{name} \(32 bits a pixel, of unknown range; store it with 8 or 16\)"):
            read(tmp_path / name)


def png(values: np.ndarray) -> bytes:
    """A PNG of sixteen bits a colour, which Pillow reads and does not write; ``values`` (h, w, 3)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    height, width, _ = values.shape
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([16, 2, 0, 0, 0])
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def test_sixteen_bits_a_colour_keep_their_upper_eight_and_are_refused_where_these_hold_too_little(tmp_path):
    colour = NOISE.astype(np.uint16)
    path = tmp_path / "x.png"
    path.write_bytes(png(colour * 257))
    np.testing.assert_array_equal(read(path), NOISE)
    path.write_bytes(png(colour * 16))
    with pytest.raises(InputError, match="16 bits a colour of which at most 14 are used"):
        read(path)
    path.write_bytes(png(colour * 0))
    assert np.asarray(read(path)).max() == 0


# --- frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "gif"])
def test_the_first_of_several_frames_counts_and_is_told(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    path = tmp_path / f"x.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **({"lossless": True} if suffix == "webp" else {}))
    assert read(path).getpixel((4, 4)) == (255, 0, 0)
    assert notes(path, 8) == ["first of 3 frames"]


def test_a_gif_that_is_called_png_is_read_by_its_bytes(tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "x.gif")
    (tmp_path / "x.gif").rename(tmp_path / "x.png")
    assert read(tmp_path / "x.png").getpixel((4, 4)) == (255, 0, 0)


# --- squares ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("center_crop", [False, True])
@pytest.mark.parametrize(
    ("side", "size_px"), [(8, 32), (28, 28), (28, 64), (72, 64), (72, 128), (160, 96), (227, 224), (301, 64)]
)
def test_a_square_picture_is_bit_for_bit_what_it_was(side, size_px, center_crop):
    picture = Image.fromarray(RNG.integers(0, 256, size=(side, side, 3), dtype=np.uint8))
    np.testing.assert_array_equal(square(picture, size_px, center_crop), old_square(picture, size_px))


@pytest.mark.parametrize("size", [(30, 20), (20, 30), (300, 199), (97, 131), (640, 480), (333, 1000)])
@pytest.mark.parametrize("size_px", [32, 64, 224])
def test_the_centre_crop_is_the_old_one(size, size_px):
    picture = Image.fromarray(RNG.integers(0, 256, size=(*size[::-1], 3), dtype=np.uint8))
    np.testing.assert_array_equal(square(picture, size_px, center_crop=True), old_square(picture, size_px))


def test_the_centre_crop_of_a_long_strip_is_its_middle():
    ramp = np.repeat(np.linspace(0, 255, 1201).astype(np.uint8), 3).reshape(1, 1201, 3).repeat(7, axis=0)
    for picture in (Image.fromarray(ramp), Image.fromarray(ramp.transpose(1, 0, 2).copy())):
        difference = square(picture, 32, center_crop=True).astype(int) - old_square(picture, 32)
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("size", [(30, 20), (20, 30), (20, 20), (7, 5), (1000, 3), (3, 1000), (1, 1)])
@pytest.mark.parametrize("side", [8, 20, 33])
@pytest.mark.parametrize("center_crop", [False, True])
def test_squares_have_their_side_and_channels_first(size, side, center_crop):
    found = square(Image.new("RGB", size, (10, 20, 30)), side, center_crop)
    assert found.shape == (3, side, side)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found.reshape(3, -1).T, np.broadcast_to([10, 20, 30], (side * side, 3)))


def test_a_square_of_its_own_size_is_unchanged():
    array = NOISE[:10, :10]
    np.testing.assert_array_equal(square(Image.fromarray(array), 10), array.transpose(2, 0, 1))


@pytest.mark.parametrize("upright", [False, True])
def test_the_whole_picture_is_seen_unless_the_middle_is_asked_for(upright):
    array = np.zeros((30, 90, 3), np.uint8)
    array[:, :10] = array[:, -10:] = 255  # what stands at both ends
    picture = Image.fromarray(array.transpose(1, 0, 2).copy() if upright else array)
    whole, middle = (square(picture, 30, center_crop).astype(int) for center_crop in (False, True))
    ends = whole[:, [0, -1]] if upright else whole[:, :, [0, -1]]
    assert ends.min() > 240
    assert middle.max() == 0


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (1, 1_000_000), (1_000_000, 1), (3, 200_000)])
@pytest.mark.parametrize("center_crop", [False, True])
def test_strips_take_neither_time_nor_memory(tmp_path, size, center_crop):
    resource = pytest.importorskip("resource")
    Image.new("RGB", size, (10, 20, 30)).save(tmp_path / "strip.png")
    Image.new("RGB", (1000, 1000), (10, 20, 30)).save(tmp_path / "usual.png")
    starts = [time.process_time()]
    square(read(tmp_path / "usual.png"), 128, center_crop)
    starts.append(time.process_time())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = square(read(tmp_path / "strip.png"), 128, center_crop)
    starts.append(time.process_time())
    usual, strip = np.diff(starts)
    assert strip < 30 * usual  # of a usual picture of a million pixels; the strip of a million took a thousand times as much
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 60  # MB on Linux
    np.testing.assert_array_equal(found[:, 64, 64], [10, 20, 30])


def test_a_strip_keeps_the_order_of_its_parts(tmp_path):
    ramp = np.repeat(np.linspace(0, 255, 60_000).astype(np.uint8), 3).reshape(60_000, 1, 3)
    found = square(Image.fromarray(ramp), 64)[0].astype(int)
    assert (np.diff(found[:, 0]) > 0).all()
    assert (found == found[:, :1]).all()


@pytest.mark.parametrize(
    ("size", "size_px", "center_crop", "expected"),
    [
        ((64, 64), 64, False, []),
        ((256, 200), 64, False, []),
        ((260, 300), 64, False, ["shrunk 5 times"]),
        ((400, 90), 128, False, ["squeezed from 400 x 90"]),
        ((1, 60_000), 128, False, ["shrunk 469 times", "squeezed from 1 x 60000"]),
        ((90, 60), 64, True, ["only the middle 60 x 60 of 90 x 60"]),
        ((90, 90), 64, True, []),
        ((3, 2), 64, False, ["enlarged 21 times"]),
    ],
)
def test_what_a_person_would_want_to_know_is_told(tmp_path, size, size_px, center_crop, expected):
    Image.new("RGB", size).save(tmp_path / "x.png")
    assert notes(tmp_path / "x.png", size_px, center_crop) == expected


# --- what is no picture ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"no picture at all", None])
def test_a_file_that_is_no_picture_is_named_with_what_to_do(tmp_path, content):
    path = tmp_path / "broken.png"
    if content is None:
        Image.fromarray(RNG.integers(0, 256, size=(64, 64, 3), dtype=np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:2000])  # a download cut short
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"wanted a readable picture, got .*broken\.png .*; replace the file or"):
        read(path)


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"wanted a readable picture, got nowhere\.png \(No such file or directory\)"):
        read("nowhere.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name exist on POSIX systems alone")
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "link to a pipe"])
def test_only_regular_files_are_opened(tmp_path, kind):
    path = tmp_path / "x.jpg"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
    for look in (read, lambda path: notes(path, 8)):
        with pytest.raises(InputError, match=r"x\.jpg \(no regular file\)"):
            look(path)


@pytest.mark.parametrize(
    "error",
    [OSError(5, "Input/output error"), RuntimeError("Failed to decode image"), NotImplementedError("DDS"), MemoryError(),
     SyntaxError("broken PNG"), Image.DecompressionBombError("too large"), zlib.error("-3"), RecursionError(), KeyError("x")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_whatever_a_decoder_raises_is_one_line_with_the_file(tmp_path, monkeypatch, error):
    path = tmp_path / "x.png"
    Image.new("RGB", (4, 4)).save(path)

    def refuse(*_):
        raise error

    monkeypatch.setattr(Image.Image, "convert", refuse)
    with pytest.raises(InputError, match=r"^wanted a readable picture, got .*x\.png \(.+\); replace the file") as found:
        read(path)
    assert "\n" not in str(found.value)


def test_a_picture_too_large_is_refused_and_a_large_one_leaks_no_warning(tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    with pytest.raises(InputError, match=r"huge\.png .*decompression bomb"):
        read(tmp_path / "huge.png")
    Image.new("1", (20_000, 5_000)).save(tmp_path / "large.png")
    code = f"from twofold.data.reading import notes; print(notes({str(tmp_path / 'large.png')!r}, 5000))"
    done = subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True, text=True, check=True)
    assert "DecompressionBomb" not in done.stderr
    assert done.stdout == "[]\n"


FORMATS = {"png": {}, "jpg": {}, "tif": {"compression": "tiff_lzw"}, "bmp": {}, "webp": {}, "gif": {}, "jp2": {}, "dds": {}}
if features.check("avif"):
    FORMATS["avif"] = {}


@pytest.mark.filterwarnings("ignore:.*:UserWarning")  # Pillow's own remarks on broken TIFF tags
@pytest.mark.parametrize("suffix", FORMATS)
def test_truncated_and_garbled_bytes_give_a_picture_or_one_named_error(tmp_path, suffix):
    Image.fromarray(NOISE).save(tmp_path / f"whole.{suffix}", **FORMATS[suffix])
    whole, path = (tmp_path / f"whole.{suffix}").read_bytes(), tmp_path / "x.jpg"
    rng, messages = np.random.default_rng(zlib.crc32(suffix.encode())), []
    for attempt in range(120):
        content = bytearray(whole)
        for place in rng.integers(0, len(whole), size=rng.integers(1, 12)):
            content[place] = rng.integers(0, 256)
        if attempt % 3 == 0:
            del content[int(rng.integers(0, len(content))) :]
        path.write_bytes(content)
        for look in (read, lambda path: notes(path, 8)):
            try:
                look(path)
            except InputError as error:  # any other error fails here
                messages.append(str(error))
    assert len(messages) > 10
    assert all("x.jpg" in message and "\n" not in message for message in messages)


def test_a_path_with_control_codes_is_quoted_in_the_message(tmp_path):
    with pytest.raises(InputError, match=r"got '.*a\\nb\\x1b\[31m\.png' \(No such file") as error:
        read(tmp_path / "a\nb\x1b[31m.png")
    assert str(error.value).isprintable()
    assert printable("ä b.png") == "ä b.png"
