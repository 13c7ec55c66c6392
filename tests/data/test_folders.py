"""Trees and folders of one's own: what is listed, in which order, under which names; what is left out, and every mistake."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from PIL import Image

from twofold.data import folders, load_pair
from twofold.data.folders import left_out, load_folder_domain, load_pictures
from twofold.data.tasks import build_task
from twofold.errors import InputError

ODD_NAMES = (
    "a\nb",
    "a\rb",
    "a\u2028b",
    "a\x85b",
    "a\x0bb",
    "a\x1cb",
    "a\tb",
    "a b",
    " a",
    "=1+1",
    "ä",
    "\u202eb",
    "a'\"b",
    "x@y",
)


def draw(path: Path, colour: str | tuple[int, ...] = "white") -> Path:
    """An 8 x 8 picture with the folders it needs; the suffix decides the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path)
    return path


def draw_domain(folder: Path, class_names: tuple[str, ...], suffix: str = ".png", n: int = 1) -> Path:
    """``n`` pictures in each class folder."""
    for class_name in class_names:
        for number in range(n):
            draw(folder / class_name / f"{class_name}_{number}{suffix}", colour=(9 * number, 9 * len(class_name), 200))
    return folder


@pytest.fixture(autouse=True)
def without_environment(monkeypatch):
    monkeypatch.delenv("TWOFOLD_DATA", raising=False)


def test_an_unreadable_folder_is_one_clear_line(tmp_path, monkeypatch):
    draw_domain(tmp_path / "desk", ("cup", "pen"))
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "pen":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"wanted to read .*pen, got 'Permission denied'; correct"):
        load_folder_domain("desk", tmp_path)


def test_nested_pictures_are_read_and_hidden_or_other_files_are_not(tmp_path):
    cup = tmp_path / "desk" / "cup"
    for name in ("a/1.png", "b/1.TIFF", "2.webp", "3.bmp", ".4.png", ".thumbs/5.png"):
        draw(cup / name)
    draw(tmp_path / "desk" / ".cache" / "1.png")
    for name in ("image_list.txt", "Thumbs.db", "png"):
        (cup / name).write_text("not a picture")
    (tmp_path / "desk" / "image_list.txt").write_text("cup/2.webp 0\n")
    loaded = load_folder_domain("desk", tmp_path)
    assert loaded.ids.tolist() == ["cup/2.webp", "cup/3.bmp", "cup/a/1.png", "cup/b/1.TIFF"]
    assert tuple(loaded.images(range(4), size_px=4).shape) == (4, 3, 4, 4)


def test_loading_opens_no_picture_and_a_truncated_one_is_named_when_decoded(tmp_path):
    path = draw(tmp_path / "desk" / "cup" / "1.png")
    path.write_bytes(path.read_bytes()[:40])
    loaded = load_folder_domain("desk", tmp_path)
    with pytest.raises(InputError, match=r"wanted a readable picture, got .*1\.png"):
        loaded.images([0], size_px=4)


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX systems alone")
def test_a_file_name_that_is_no_text_is_one_clear_line(tmp_path):
    (tmp_path / "desk" / "cup").mkdir(parents=True)
    try:
        Path(os.fsdecode(bytes(tmp_path / "desk" / "cup") + b"/\xff.png")).touch()
    except OSError:
        pytest.skip("this file system keeps only UTF-8 names")
    with pytest.raises(InputError, match=r"wanted file names in UTF-8, got '\\udcff\.png'"):
        load_folder_domain("desk", tmp_path)


def test_own_folders_keep_every_class_by_its_own_name(tmp_path):
    draw_domain(tmp_path / "my desk", ("Blue Cup", "pen", "1"))
    loaded = load_folder_domain("my desk", tmp_path)
    assert (loaded.dataset, loaded.name, loaded.classes) == ("folder", "my desk", ("1", "Blue Cup", "pen"))


def test_own_folders_are_found_by_the_environment(tmp_path, monkeypatch):
    draw_domain(tmp_path / "desk", ("cup",))
    monkeypatch.setenv("TWOFOLD_DATA", str(tmp_path))
    assert len(load_folder_domain("desk")) == 1


def test_an_unknown_domain_of_ones_own_is_answered_with_those_found(tmp_path):
    for domain in ("desk", "shop"):
        draw_domain(tmp_path / domain, ("cup",))
    for wrong in ("Desk", "", "..", "desk/cup"):
        with pytest.raises(InputError, match=r"as a folder in .*, got desk, shop; choose one or add it"):
            load_folder_domain(wrong, tmp_path)


def test_a_domain_of_ones_own_without_class_folders_is_refused(tmp_path):
    draw(tmp_path / "desk" / "1.png")
    with pytest.raises(InputError, match=r"wanted class folders in .*desk, got none; lay the pictures"):
        load_folder_domain("desk", tmp_path)


def test_without_any_root_the_error_says_how_to_lay_the_pictures():
    with pytest.raises(InputError, match="set TWOFOLD_DATA; to get it: lay pictures as <domain>/<class>/"):
        load_folder_domain("desk")


def test_empty_class_folders_are_named(tmp_path):
    draw_domain(tmp_path / "desk", ("cup",))
    (tmp_path / "desk" / "pen").mkdir()
    with pytest.raises(InputError, match=r"in every class folder, got none in .*desk.pen; add pictures"):
        load_folder_domain("desk", tmp_path)


# --- ids and order ---------------------------------------------------------------------------------------------------


def test_an_id_is_the_path_that_opens_the_file(tmp_path):
    for name in ("cup/1.png", "cup/new/2.JPG", "pen/1.tif"):
        draw(tmp_path / "desk" / name)
    for domain, place in ((load_folder_domain("desk", tmp_path), "desk"), (load_pictures(tmp_path), "")):
        assert len(domain) == 3
        for i, path in zip(domain.ids.tolist(), domain.pictures.paths, strict=True):
            assert os.path.samefile(tmp_path / place / i, path)


def test_the_order_ignores_the_suffix_so_that_a_re_encoded_copy_splits_alike(tmp_path):
    draw_domain(tmp_path / "a" / "desk", ("cup", "table"), ".png", n=12)
    draw_domain(tmp_path / "b" / "desk", ("cup", "table"), ".JPG", n=12)
    for copy, suffix in (("a", ".png"), ("b", ".JPG")):  # names of which one begins another
        for number, name in enumerate(("cup_1-b", "cup_1 (2)", "cup_1_")):
            draw(tmp_path / copy / "desk" / "cup" / f"{name}{suffix}", colour=(0, 9 * number, 0))
    for number in range(0, 12, 2):  # mixed suffixes must not be sorted apart
        path = tmp_path / "b" / "desk" / "cup" / f"cup_{number}.JPG"
        path.rename(path.with_suffix(".bmp"))
    first, second = (load_folder_domain("desk", tmp_path / copy) for copy in "ab")
    assert (
        [i.rsplit(".")[0] for i in first.ids]
        == [i.rsplit(".")[0] for i in second.ids]
        == sorted(i.rsplit(".")[0] for i in first.ids)
    )
    assert first.class_names.tolist() == second.class_names.tolist()
    splits = [build_task(domain, domain, "cup", seed=3) for domain in (first, second)]
    assert splits[0].target_test._indices.tolist() == splits[1].target_test._indices.tolist()


def test_files_that_differ_only_in_suffix_are_ordered_by_it(tmp_path):
    for name in ("1.png", "1.jpg", "2.png", "2.png.jpg", "2.jpg", "1-b.png"):
        draw(tmp_path / "desk" / "cup" / name)
    expected = ["1.jpg", "1.png", "1-b.png", "2.jpg", "2.png", "2.png.jpg"]
    assert load_folder_domain("desk", tmp_path).ids.tolist() == [f"cup/{name}" for name in expected]
    assert load_pictures(tmp_path / "desk" / "cup").ids.tolist() == expected


@pytest.mark.skipif(os.name != "posix", reason="such names exist on POSIX systems alone")
def test_odd_names_stay_one_id_each_and_open_their_file(tmp_path):
    for number, name in enumerate(ODD_NAMES):
        draw(tmp_path / f"{name}.png", colour=(number, 0, 0))
    domain = load_pictures(tmp_path)
    assert sorted(domain.ids.tolist()) == sorted(f"{name}.png" for name in ODD_NAMES)
    for row, i in enumerate(domain.ids.tolist()):
        number = ODD_NAMES.index(i.removesuffix(".png"))
        assert domain.images([row], 2)[0, 0, 0, 0] == number
        assert (tmp_path / i).is_file()


# --- what is listed, and what is left out ----------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name exist on POSIX systems alone")
def test_only_regular_files_are_listed_and_the_rest_is_counted(tmp_path, monkeypatch):
    inbox = tmp_path / "inbox"
    for name in ("1.png", "2.JPG", "more/3.webp", ".hidden/4.png", ".5.png"):
        draw(inbox / name)
    (inbox / "linked.png").symlink_to(inbox / "1.png")
    (inbox / "folder.jpg").mkdir()
    (inbox / "linked").symlink_to(inbox / "more")
    (inbox / "loop").symlink_to(inbox)
    os.mkfifo(inbox / "pipe.jpg")
    (inbox / "pipe_behind_a_link.jpg").symlink_to(inbox / "pipe.jpg")
    monkeypatch.chdir(inbox)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("socket.png")  # a short path, as sockets want it
    for name in ("a.heic", "b.HEIC", "c.gif", "notes", "d.txt"):
        (inbox / name).touch()
    assert load_pictures(inbox).ids.tolist() == ["1.png", "2.JPG", "linked.png", "more/3.webp"]
    assert left_out(inbox) == {
        "no regular file": ["pipe.jpg", "pipe_behind_a_link.jpg", "socket.png"],
        ".heic": ["a.heic", "b.HEIC"],
        "hidden": [".5.png", ".hidden"],
        ".gif": ["c.gif"],
        ".txt": ["d.txt"],
        "link that loops": ["loop"],
        "link to a folder": ["linked"],
        "no suffix": ["notes"],
    }
    assert list(left_out(inbox)) == ["no regular file", ".heic", "hidden", ".gif", ".txt", *list(left_out(inbox))[5:]]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("masks/1.png", "named as a mask"),
        ("faulty/1_mask.png", "named as a mask"),
        ("faulty/GroundTruth/1.png", "named as a mask"),
        ("faulty/ground truth/1.png", "named as a mask"),
        ("faulty/B_GT_003.png", "named as a mask"),
        ("faulty/1.png", "of 1 bit"),
        ("faulty/1.tiff", "of 1 bit"),
        ("1_mask.png", ""),  # beside the pictures there is no folder of masks
        ("1.png", ""),
        ("unmasked/1.jpg", ""),
        ("gtx/1.jpg", ""),
        ("faulty/grey.png", ""),
    ],
)
def test_masks_in_subfolders_are_left_out_by_name_or_by_their_single_bit(tmp_path, path, kind):
    draw(tmp_path / "0.png")
    (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
    jpeg_or_grey = path.endswith("jpg") or "grey" in path
    Image.new("L" if jpeg_or_grey else "1", (8, 8)).save(tmp_path / path)
    assert load_pictures(tmp_path).ids.tolist() == sorted(["0.png"] if kind else ["0.png", path])
    assert left_out(tmp_path) == ({kind: [path]} if kind else {})


def test_a_folder_that_is_shut_is_named_and_the_rest_is_read(tmp_path, monkeypatch):
    for name in ("1.png", "shut/2.png"):
        draw(tmp_path / name)
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert load_pictures(tmp_path).ids.tolist() == ["1.png"]
    assert left_out(tmp_path) == {"unreadable folder": ["shut/"]}


def test_a_link_to_nowhere_is_listed_and_named_when_it_is_read(tmp_path):
    cup = tmp_path / "desk" / "cup"
    draw(cup / "0.png")
    (cup / "1.png").symlink_to(tmp_path / "nowhere.png")
    (cup / "2.png").symlink_to(cup / "2.png")  # to itself
    domain = load_folder_domain("desk", tmp_path)
    assert len(domain) == 3
    with pytest.raises(InputError, match=r"wanted to read .*1\.png, got 'No such file"):
        _ = domain.contents
    for row in (1, 2):
        with pytest.raises(InputError, match=rf"wanted a readable picture, got .*{row}\.png"):
            domain.images([row], 8)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"wanted pictures \(.png .jpg .* in .*, got none; name another folder"):
        load_pictures(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"got none; left out: 1 \.txt; name another folder"):
        load_pictures(tmp_path)


# --- a picture is its bytes ------------------------------------------------------------------------------------------


def two_classes(root: Path, dogs: str = "dog", houses: str = "house") -> Path:
    """A source and a target of BMP files, all of one size, under the same names whichever class they are."""
    for domain, shift in (("src", 0), ("tgt", 40)):
        for number in range(6):
            draw(root / domain / dogs / f"{number:03}.bmp", colour=(number, shift, 0))
            draw(root / domain / houses / f"{number:03}.bmp", colour=(number, shift, 200))
    for path in root.rglob("*.bmp"):
        os.utime(path, ns=(10**18, 10**18))
    return root


def split_of(root: Path):
    return build_task(*load_pair("folder", "src", "tgt", root), "dog", anomaly_ratio=0.3)


def test_other_pictures_under_the_same_names_sizes_and_times_are_another_split(tmp_path):
    first = two_classes(tmp_path / "A")
    other = two_classes(tmp_path / "B", dogs="house", houses="dog")
    a, b = (load_folder_domain("tgt", root) for root in (first, other))
    assert a.ids.tolist() == b.ids.tolist()
    assert {path.stat().st_size for root in (first, other) for path in root.rglob("*.bmp")} == {246}
    assert not set(a.contents[a.class_names == "dog"]) & set(b.contents[b.class_names == "dog"])
    assert split_of(first).split_hash != split_of(other).split_hash


def test_the_same_pictures_elsewhere_are_the_same_split(tmp_path):
    first = split_of(two_classes(tmp_path / "A"))
    (tmp_path / "A").rename(tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere").rglob("*.bmp"):
        path.rename(path.with_name(f"renamed {path.name}"))  # in the same order
        os.utime(path.with_name(f"renamed {path.name}"), ns=(5, 5))
    assert split_of(tmp_path / "elsewhere").split_hash == first.split_hash


def test_one_process_sees_that_a_folder_has_changed(tmp_path):
    root = two_classes(tmp_path / "A")
    before = split_of(root), load_folder_domain("tgt", root)
    for number in range(6):  # in place: the same inode, name, size and time of change of the content
        path = root / "tgt" / "dog" / f"{number:03}.bmp"
        path.write_bytes((root / "tgt" / "house" / f"{number:03}.bmp").read_bytes())
        os.utime(path, ns=(10**18, 10**18))
    assert split_of(root).split_hash != before[0].split_hash
    draw(root / "tgt" / "dog" / "new.png")
    assert len(load_folder_domain("tgt", root)) == len(before[1]) + 1


def test_a_picture_exchanged_with_its_times_kept_is_another_picture(tmp_path):
    inbox = two_classes(tmp_path / "A") / "tgt" / "dog"
    domain = load_pictures(inbox)
    before, pixels = domain.contents, domain.images([0], 4)
    stranger = tmp_path / "A" / "tgt" / "house" / "000.bmp"
    os.replace(stranger, inbox / "000.bmp")
    assert domain.contents[0] != before[0]
    assert domain.contents[1:].tolist() == before[1:].tolist()
    assert (domain.images([0], 4) != pixels).any()


def test_public_names_resolve():
    assert all(hasattr(folders, name) for name in folders.__all__)
