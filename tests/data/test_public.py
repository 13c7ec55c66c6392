"""The public data sets: every layout in use is read, every mistake gets one clear line, every published sum holds."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from twofold.data import load_domain, load_pair, normal_classes, public
from twofold.data.domains import join_groups
from twofold.data.public import FOLDER_DATASETS, FolderDataset, check, find_root, load_public_domain, objects
from twofold.data.tasks import build_task
from twofold.errors import InputError

TRUE_DATA = os.environ.get("TWOFOLD_DATA")  # read before the tests take it away


def draw(path: Path, colour: str = "white") -> Path:
    """An 8 x 8 picture with the folders it needs; the suffix decides the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path)
    return path


def draw_domain(folder: Path, class_names: tuple[str, ...], suffix: str = ".png", n: int = 1) -> Path:
    """``n`` pictures in each class folder."""
    for class_name in class_names:
        for number in range(n):
            draw(folder / class_name / f"{class_name}_{number}{suffix}")
    return folder


def classes_of(name: str) -> tuple[str, ...]:
    return FOLDER_DATASETS[name].classes


@pytest.fixture(autouse=True)
def without_environment(monkeypatch):
    monkeypatch.delenv("TWOFOLD_DATA", raising=False)


@pytest.fixture
def toy(monkeypatch) -> FolderDataset:
    """A published data set small enough to draw: one domain counted by class, one by its total alone."""
    dataset = FolderDataset(
        name="toy",
        domains=("day", "night"),
        classes=("cup", "pen"),
        counts={"day": (2, 1)},
        totals={"day": 3, "night": 4},
        source_note="draw it",
    )
    monkeypatch.setitem(FOLDER_DATASETS, "toy", dataset)
    return dataset


def draw_toy(root: Path) -> Path:
    for name in ("day/cup/1.png", "day/cup/2.jpg", "day/pen/1.jpeg", "night/cup/1.png", "night/pen/1.png"):
        draw(root / name)
    draw(root / "night/hat/1.png")  # a class outside the list counts for the total
    draw(root / "night/hat/2.png")
    return root


# --- published numbers -----------------------------------------------------------------------------------------------


def test_pacs_counts_sum_to_their_totals_and_to_9991():
    pacs = FOLDER_DATASETS["pacs"]
    assert {domain: sum(counts) for domain, counts in pacs.counts.items()} == dict(pacs.totals)
    assert sum(pacs.totals.values()) == 9991


def test_office_counts_sum_to_the_ten_class_sums():
    office31, office_home = FOLDER_DATASETS["office31"], FOLDER_DATASETS["office_home"]
    assert {domain: sum(counts) for domain, counts in office31.counts.items()} == {"amazon": 892, "webcam": 261}
    assert {domain: sum(counts) for domain, counts in office_home.counts.items()} == {"clipart": 636, "product": 621}
    assert dict(office31.totals) == {"amazon": 2817, "webcam": 795, "dslr": 498}
    assert sum(office_home.totals.values()) == 15588


def test_office_caltech_counts_sum_to_their_totals_and_to_2533():
    office_caltech = FOLDER_DATASETS["office_caltech"]
    assert {domain: sum(counts) for domain, counts in office_caltech.counts.items()} == dict(office_caltech.totals)
    assert sum(office_caltech.totals.values()) == 2533


def test_visda_counts_sum_to_their_totals():
    visda = FOLDER_DATASETS["visda2017"]
    assert {domain: sum(counts) for domain, counts in visda.counts.items()} == {"synthetic": 152397, "real": 55388}
    assert dict(visda.totals) == {"synthetic": 152397, "real": 55388}


@pytest.mark.parametrize("dataset", FOLDER_DATASETS.values(), ids=FOLDER_DATASETS.keys())
def test_a_data_set_describes_itself_consistently(dataset):
    assert set(dataset.totals) == set(dataset.domains) >= set(dataset.counts)
    assert all(len(counts) == len(dataset.classes) for counts in dataset.counts.values())
    assert set(dataset.aliases) <= set(dataset.domains) | set(dataset.classes)
    assert len(dataset.classes) == {"pacs": 7, "visda2017": 12}.get(dataset.name, 10)


# --- layouts ---------------------------------------------------------------------------------------------------------


LAYOUTS = [
    ("pacs", "art_painting", "art_painting"),
    ("pacs", "photo", "kfold/photo"),
    ("pacs", "photo", "PACS/photo"),
    ("pacs", "photo", "PACS/kfold/photo"),
    ("pacs", "sketch", "Homework3-PACS/PACS/sketch"),
    ("office31", "amazon", "amazon"),
    ("office31", "amazon", "amazon/images"),
    ("office31", "dslr", "office31/dslr/images"),
    ("office31", "webcam", "domain_adaptation_images/webcam/images"),
    ("office_caltech", "amazon", "amazon"),
    ("office_caltech", "dslr", "office_caltech/dslr"),
    ("office_caltech", "webcam", "OfficeCaltechDomainAdaptation/images/webcam"),
    ("office_caltech", "caltech10", "Office-Caltech10/Caltech"),
    ("office_home", "real_world", "Real World"),
    ("office_home", "real_world", "Real_World"),
    ("office_home", "real_world", "RealWorld"),
    ("office_home", "art", "OfficeHomeDataset_10072016/Art"),
    ("office_home", "clipart", "office-home/Clipart"),
    ("visda2017", "synthetic", "train"),
    ("visda2017", "real", "validation"),
    ("visda2017", "synthetic", "synthetic"),
    ("visda2017", "real", "clf/real"),
    ("visda2017", "real", "VisDA-2017/clf/validation"),
]


@pytest.mark.parametrize(("name", "domain", "layout"), LAYOUTS, ids=[f"{row[0]}-{row[2]}" for row in LAYOUTS])
def test_every_layout_in_use_gives_the_same_domain(name, domain, layout, tmp_path):
    draw_domain(tmp_path / layout, classes_of(name))
    loaded = load_public_domain(name, domain, tmp_path)
    assert (loaded.dataset, loaded.name, loaded.classes) == (name, domain, tuple(sorted(classes_of(name))))
    assert loaded.ids.tolist() == sorted(f"{each}/{each}_0.png" for each in classes_of(name))


def test_visda_class_train_is_told_from_domain_train(tmp_path):
    draw_domain(tmp_path / "train", classes_of("visda2017"), n=2)
    (tmp_path / "train" / "image_list.txt").write_text("aeroplane/aeroplane_0.png 0\n")
    loaded = load_public_domain("visda2017", "synthetic", tmp_path)
    assert len(loaded) == 24
    assert loaded.ids[loaded.class_names == "train"].tolist() == ["train/train_0.png", "train/train_1.png"]
    with pytest.raises(InputError, match=r"wanted visda2017 in .*train, got no synthetic or real"):
        find_root("visda2017", tmp_path / "train")  # its folder "train" is the class, which holds no classes


def test_names_match_whole_and_never_by_a_part(tmp_path):
    draw_domain(tmp_path / "train_old", classes_of("visda2017"))
    draw_domain(tmp_path / "validation", ("trainer", "bus", "minibus"))
    with pytest.raises(InputError, match=r"got only real; download train.tar"):
        load_public_domain("visda2017", "synthetic", tmp_path)
    with pytest.raises(InputError, match=r"got none for aeroplane, .*skateboard, train, truck"):
        load_public_domain("visda2017", "real", tmp_path)


def test_class_folders_match_in_any_case_spelling_and_named_alias(tmp_path):
    spellings = ("Backpack", "BOOKCASE", "bottle", "desk-chair", "Desk Lamp", "headphones", "keyboard", "Laptop")
    draw_domain(tmp_path / "Amazon", (*spellings, "mouse", "pen", "mug"))
    loaded = load_public_domain("office31", "amazon", tmp_path)
    assert loaded.classes == tuple(sorted(classes_of("office31")))  # the mug stays out
    assert {"Backpack/Backpack_0.png", "Laptop/Laptop_0.png"} <= set(loaded.ids)
    assert loaded.class_names[loaded.ids.tolist().index("Laptop/Laptop_0.png")] == "laptop_computer"


def test_paperclip_is_paper_clip(tmp_path):
    spellings = tuple("Paperclip" if each == "Paper_Clip" else each.lower() for each in classes_of("office_home"))
    draw_domain(tmp_path / "product", spellings)
    loaded = load_public_domain("office_home", "product", tmp_path)
    assert loaded.class_names[loaded.ids.tolist().index("Paperclip/Paperclip_0.png")] == "Paper_Clip"


def test_two_folders_for_one_class_are_refused(tmp_path):
    draw_domain(tmp_path / "amazon", (*classes_of("office31"), "backpack"))
    with pytest.raises(InputError, match=r"wanted one folder for back_pack, got .*back_pack and .*backpack; remove"):
        load_public_domain("office31", "amazon", tmp_path)


# --- root and environment --------------------------------------------------------------------------------------------


def test_root_may_be_the_folder_or_its_parent_and_home_is_expanded(tmp_path, monkeypatch):
    draw_domain(tmp_path / "pacs" / "photo", classes_of("pacs"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_root("pacs", tmp_path) == find_root("pacs", str(tmp_path / "pacs")) == tmp_path / "pacs"
    assert find_root("pacs", "~") == find_root("pacs", "~/pacs") == tmp_path / "pacs"


def test_environment_names_the_root_unless_root_is_given(tmp_path, monkeypatch):
    draw_domain(tmp_path / "a" / "pacs" / "photo", classes_of("pacs"))
    draw_domain(tmp_path / "b" / "photo", classes_of("pacs"))
    monkeypatch.setenv("TWOFOLD_DATA", str(tmp_path / "a"))
    assert find_root("pacs") == tmp_path / "a" / "pacs"
    assert find_root("pacs", tmp_path / "b") == tmp_path / "b"


@pytest.mark.parametrize("name", FOLDER_DATASETS)
def test_without_any_root_the_error_says_what_to_pass_and_where_to_get_it(name, monkeypatch):
    monkeypatch.setenv("TWOFOLD_DATA", "")
    with pytest.raises(InputError, match="pass --root or set TWOFOLD_DATA") as error:
        find_root(name)
    assert FOLDER_DATASETS[name].source_note in str(error.value)
    assert "\n" not in str(error.value)


def test_a_root_without_the_data_set_says_what_was_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"wanted pacs in .*, got no photo or art_painting .* or in pacs, Homework3-PACS"):
        find_root("pacs", tmp_path)


@pytest.mark.parametrize("name", ["pacs", "folder"])
def test_a_root_that_is_missing_or_a_file_is_one_clear_line(name, tmp_path):
    file = draw(tmp_path / "picture.png")
    for root, reason in ((tmp_path / "nowhere", "No such file"), (file, "Not a directory"), ("a\0b", "null")):
        with pytest.raises(InputError, match=f"wanted to read .*{reason}.*; correct the path"):
            load_domain(name, "photo", root)


def test_unknown_names_are_answered_with_the_known_ones(tmp_path):
    draw_domain(tmp_path / "photo", classes_of("pacs"))
    with pytest.raises(InputError, match=r"wanted a data set with published counts, got 'PACS'; choose pacs, office31"):
        find_root("PACS", tmp_path)
    with pytest.raises(InputError, match=r"wanted a domain of pacs, got 'foto'; choose one of: photo, art_painting"):
        load_public_domain("pacs", "foto", tmp_path)


# --- what a loaded domain holds --------------------------------------------------------------------------------------


def test_a_missing_domain_and_a_missing_class_are_named_with_the_place_to_get_them(tmp_path):
    draw_domain(tmp_path / "photo", classes_of("pacs")[2:])
    (tmp_path / "photo" / "dog").write_text("a file in place of a folder")
    with pytest.raises(InputError, match=r"wanted domain sketch of pacs in .*, got only photo; git clone"):
        load_public_domain("pacs", "sketch", tmp_path)
    with pytest.raises(InputError, match=r"wanted 7 class folders of pacs in .*, got none for dog, elephant; git clone"):
        load_public_domain("pacs", "photo", tmp_path)


def test_a_run_needs_only_its_own_domain(tmp_path):
    draw_domain(tmp_path / "photo", classes_of("pacs"))
    assert len(load_public_domain("pacs", "photo", tmp_path)) == 7


def test_empty_class_folders_are_named(tmp_path):
    draw_domain(tmp_path / "photo", classes_of("pacs")[1:])
    (tmp_path / "photo" / "dog").mkdir()
    with pytest.raises(InputError, match=r"in every class folder, got none in .*photo.dog; add pictures"):
        load_public_domain("pacs", "photo", tmp_path)


# --- the check -------------------------------------------------------------------------------------------------------


def test_check_is_ok_when_every_count_is_the_published_one(toy, tmp_path):
    report = check("toy", draw_toy(tmp_path / "toy").parent)
    assert report.ok
    assert report.root == tmp_path / "toy"
    assert [(row.domain, row.class_name, row.found) for row in report.rows] == [
        ("day", "cup", 2),
        ("day", "pen", 1),
        ("day", "all folders", 3),
        ("night", "all folders", 4),
    ]
    assert report.lines()[-1] == "complete: every count is the published one"


def test_check_ignores_suffixes(toy, tmp_path):
    draw_toy(tmp_path)
    (tmp_path / "day" / "cup" / "1.png").rename(tmp_path / "day" / "cup" / "1.JPEG")
    assert check("toy", tmp_path).ok


def test_check_names_what_is_missing_or_too_many_and_where_to_get_it(toy, tmp_path):
    draw_toy(tmp_path)
    (tmp_path / "day" / "pen" / "1.jpeg").unlink()
    draw(tmp_path / "night" / "hat" / "3.png")
    report = check("toy", tmp_path)
    assert not report.ok
    assert [row.remark for row in report.rows] == ["", "missing", "1 too few", "1 too many"]
    assert report.lines()[-3:] == [
        "differs: domain day in pen (missing), all folders (1 too few)",
        "differs: domain night in all folders (1 too many)",
        "to get the data: draw it",
    ]


def test_check_demands_every_domain(toy, tmp_path):
    draw_toy(tmp_path)
    (tmp_path / "night").rename(tmp_path / "evening")
    report = check("toy", tmp_path)
    assert not report.ok
    assert report.lines()[-2:] == ["missing: domain night", "to get the data: draw it"]


def test_check_of_a_root_without_the_data_set_reports_all_missing(toy, tmp_path):
    report = check("toy", tmp_path)
    assert not report.ok
    assert {row.remark for row in report.rows} == {"missing"}


def test_check_refuses_what_has_no_published_counts(tmp_path):
    with pytest.raises(InputError, match="wanted a data set with published counts, got 'folder'; choose pacs"):
        check("folder", tmp_path)
    with pytest.raises(InputError, match="wanted a data set with published counts, got 'imagenet'"):
        check("imagenet", tmp_path)


def test_the_report_says_which_counts_are_not_published(tmp_path):
    lines = check("office_caltech", tmp_path).lines()
    assert "counts: the sums are published, the counts by class were measured on one copy" in lines
    assert not [line for line in check("pacs", tmp_path).lines() if line.startswith("counts:")]


def test_a_data_set_cannot_be_changed_by_accident():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FOLDER_DATASETS["pacs"].name = "other"


def test_public_names_resolve():
    assert all(hasattr(public, name) for name in public.__all__)


# --- objects of Office-Caltech ---------------------------------------------------------------------------------------


def test_views_of_one_object_are_one_group_in_whichever_domain(tmp_path):
    for domain, numbers in (("webcam", (1, 5, 6)), ("dslr", (1, 2))):
        for class_name in classes_of("office_caltech"):
            for number in numbers:
                draw(tmp_path / domain / class_name / f"frame_{number:04}.png")
    webcam, dslr = load_pair("office_caltech", "webcam", "dslr", tmp_path)
    mugs = [domain.groups[domain.class_names == "mug"].tolist() for domain in (webcam, dslr)]
    bowl, checked = "office_caltech/mug/1", "office_caltech/mug/2"
    assert mugs == [[bowl, bowl, checked], [bowl, checked]]


def test_pictures_outside_the_table_are_things_of_their_own(tmp_path):
    draw_domain(tmp_path / "amazon", classes_of("office_caltech"), n=2)
    assert len(set(load_domain("office_caltech", "amazon", tmp_path).groups)) == 20
    draw_domain(tmp_path / "photo", classes_of("pacs"))
    assert load_domain("pacs", "photo", tmp_path).groups.tolist() == [f"pacs/photo/{row:09}" for row in range(7)]


def test_every_view_of_webcam_and_dslr_is_listed_in_rows_of_file_numbers():
    office_caltech = FOLDER_DATASETS["office_caltech"]
    for domain in ("webcam", "dslr"):
        table = objects("office_caltech", domain)
        for class_name, count in zip(office_caltech.classes, office_caltech.counts[domain], strict=True):
            row = [table[f"{class_name}/frame_{number:04}"] for number in range(1, count + 1)]
            changes = sum(one != other for one, other in pairwise(row))
            assert changes + 1 == len(set(row))
            assert len(set(row)) in (4, 5, 6)
        assert len(table) == office_caltech.totals[domain]


def test_an_object_has_two_pictures_at_least_of_one_class():
    pictures = Counter()
    for domain in FOLDER_DATASETS["office_caltech"].domains:
        for picture, name in objects("office_caltech", domain).items():
            assert name.split("/")[1] == picture.split("/")[0]
            pictures[name] += 1
    assert min(pictures.values()) >= 2


# --- the true data, where they lie -----------------------------------------------------------------------------------


def true_root(name: str) -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    try:
        return find_root(name, TRUE_DATA or beside)
    except InputError as error:
        pytest.skip(f"the true {name} is not here: {error}")


@pytest.mark.parametrize("domain", FOLDER_DATASETS["office_caltech"].domains)
def test_true_office_caltech_has_its_counts_and_every_object_of_the_table(domain):
    root, office_caltech = true_root("office_caltech"), FOLDER_DATASETS["office_caltech"]
    loaded = load_public_domain("office_caltech", domain, root)
    assert tuple(int((loaded.class_names == name).sum()) for name in office_caltech.classes) == office_caltech.counts[domain]
    known = objects("office_caltech", domain)
    pictures = {f"{name}/{Path(path).stem}" for name, path in zip(loaded.class_names, loaded.ids, strict=True)}
    assert set(known) <= pictures
    assert check("office_caltech", root).ok


def test_no_true_object_stands_on_both_sides():
    pair = load_pair("office_caltech", "webcam", "amazon", true_root("office_caltech"))
    assert normal_classes("office_caltech", "webcam", "amazon", true_root("office_caltech")) == list(
        classes_of("office_caltech")
    )
    for source, target in (pair, pair[::-1]):
        group_of = dict(zip(target.contents.tolist(), target.groups.tolist(), strict=True))
        for seed in range(3):
            task = build_task(source, target, "mouse", seed=seed)
            tested = {group_of[content] for content in task.target_test.contents}
            assert not tested & {group_of[content] for content in task.target_train.contents}


@pytest.mark.parametrize("name", ["mug", "bike"])
@pytest.mark.parametrize("domain", ["amazon", "caltech10"])
def test_the_shipped_table_is_what_the_encoder_sees(domain, name):
    from twofold.networks.backbones import load_encoder
    from twofold.networks.weights import resolve_weights

    loaded = load_public_domain("office_caltech", domain, true_root("office_caltech"))
    rows = np.flatnonzero(loaded.class_names == name)
    encoder = load_encoder("tf_efficientnet_lite2", resolve_weights("tf_efficientnet_lite2"), 128)
    features = torch.cat([encoder(loaded.images(part, 128)).flatten(1) for part in np.array_split(rows, 4)])
    units = torch.nn.functional.normalize(features, dim=1)
    alike = np.triu((units @ units.T).numpy() > (0.96 if name == "bike" else 0.93), 1)
    own = [f"{row:04}" for row in rows]
    made = join_groups(own, [(own[one], own[other]) for one, other in zip(*np.nonzero(alike), strict=True)])
    sets = [{frozenset(rows[of == each].tolist()) for each in set(of.tolist())} for of in (made, loaded.groups[rows])]
    assert sets[0] == sets[1]


@pytest.fixture
def true_pacs() -> Path:
    return true_root("pacs")


@pytest.mark.parametrize("domain", FOLDER_DATASETS["pacs"].domains)
def test_true_pacs_has_the_published_counts(domain, true_pacs):
    if not (true_pacs / domain).is_dir():
        pytest.skip(f"domain {domain} is not in {true_pacs}")
    pacs = FOLDER_DATASETS["pacs"]
    loaded = load_public_domain("pacs", domain, true_pacs)
    assert tuple(int((loaded.class_names == name).sum()) for name in pacs.classes) == pacs.counts[domain]
    assert tuple(loaded.images([0, len(loaded) - 1], size_px=32).shape) == (2, 3, 32, 32)
    assert all(row.remark == "" for row in check("pacs", true_pacs).rows if row.domain == domain)
