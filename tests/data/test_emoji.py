"""Seven vendors' emoji that pip alone brings."""

from itertools import combinations_with_replacement, permutations

import numpy as np
import pytest
import torch

from twofold.data import emoji, load_pair
from twofold.data.emoji import EMOJI_CLASSES, EMOJI_DOMAINS, concept, load_emoji_domain, look_alikes
from twofold.errors import InputError

SKIN_TONES = ("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")


@pytest.mark.parametrize(
    ("code_points", "expected"),
    [
        ("1F600", "1F600"),
        ("1F44B-1F3FD", "1F44B"),  # waving hand, medium skin
        ("1F469-200D-1F680", "1F9D1"),  # woman astronaut
        ("1F468-200D-1F680", "1F9D1"),  # man astronaut
        ("1F9D1-200D-1F680", "1F9D1"),  # astronaut
        ("1F468-1F3FD-200D-1F4BB", "1F9D1"),  # man technologist, medium skin
        ("1F466", "1F9D2"),
        ("1F467", "1F9D2"),
        ("1F474", "1F9D3"),
        ("1F475", "1F9D3"),
        ("1F3C3-200D-2640-FE0F", "1F3C3"),  # woman running
        ("0031-FE0F-20E3", "0031"),  # keycap 1
        ("2600-FE0F", "2600"),
        ("2600", "2600"),
    ],
)
def test_a_concept_is_the_base_without_gender_skin_or_tail(code_points, expected):
    assert concept(code_points) == expected


@pytest.mark.parametrize("name", EMOJI_DOMAINS)
def test_every_vendor_has_all_eleven_classes_with_enough_pictures(name):
    domain = load_emoji_domain(name)
    assert domain.classes == tuple(sorted(EMOJI_CLASSES))
    counts = dict(zip(*np.unique(domain.class_names, return_counts=True), strict=True))
    assert len(counts) == 11
    assert min(counts.values()) >= 39
    assert 900 <= len(domain) <= 1000


@pytest.mark.parametrize("name", EMOJI_DOMAINS)
def test_no_vendor_brings_skin_tones_or_one_emoji_twice(name):
    domain = load_emoji_domain(name)
    codes = [i.split("/")[1] for i in domain.ids]
    assert not [code for code in codes if any(tone in code.split("-") for tone in SKIN_TONES)]
    assert not [code for code in codes if "FE0F" in code.split("-")]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("name", EMOJI_DOMAINS)
def test_ids_and_groups_tell_class_and_concept(name):
    domain = load_emoji_domain(name)
    for row in range(0, len(domain), 50):
        of_class, code = domain.ids[row].split("/")
        assert of_class == domain.class_names[row]
        assert domain.groups[row] == f"{of_class}/{concept(code)}"
        assert code in domain.pictures.paths[row].stem.replace("U+", "").replace("-FE0F", "")
        assert EMOJI_DOMAINS[name] in domain.pictures.paths[row].parts


def test_vendors_draw_the_same_things_under_the_same_ids():
    ids = [set(load_emoji_domain(name).ids) for name in EMOJI_DOMAINS]
    assert len(set.intersection(*ids)) > 0.9 * max(len(i) for i in ids)


@pytest.mark.parametrize(
    ("of_class", "code"),
    [("animal", "1F436"), ("food", "1F355"), ("face", "1F600"), ("vehicle", "1F697"), ("letter", "0031-20E3"),
     ("sky", "2600"), ("hand", "1F44B"), ("place", "1F3E0"), ("clothing", "1F455"), ("office", "1F4CE"),
     ("person", "1F469-200D-1F680")],
)  # fmt: skip
def test_well_known_emoji_stand_in_their_class(of_class, code):
    assert f"{of_class}/{code}" in load_emoji_domain("apple").ids


@pytest.mark.parametrize("name", EMOJI_DOMAINS)
def test_drawings_are_72_pixels_on_white_and_differ_between_vendors(name):
    domain = load_emoji_domain(name)
    row = domain.ids.tolist().index("face/1F600")
    assert domain.pictures[row].size == (72, 72)
    image = domain.images([row], 72)[0].numpy()
    assert (image[:, [0, 0, -1, -1], [0, -1, 0, -1]] > 240).all()
    assert image.std() > 20
    other = load_emoji_domain("apple" if name != "apple" else "google")
    assert (other.images([other.ids.tolist().index("face/1F600")], 72)[0].numpy() != image).any()


def test_a_second_reading_gives_the_same_domain():
    first, second = load_emoji_domain("windows"), load_emoji_domain("windows")
    assert first.ids.tolist() == second.ids.tolist()
    assert first.contents.tolist() == second.contents.tolist()
    np.testing.assert_array_equal(first.images([0, 99], 72), second.images([0, 99], 72))


def test_an_unknown_vendor_is_refused_by_name():
    with pytest.raises(InputError, match="wanted a vendor of emoji, got 'nokia'; choose one of: google,"):
        load_emoji_domain("nokia")


def test_a_missing_package_is_named_with_the_command_that_brings_it():
    with pytest.raises(InputError, match="the package nothing_of_that_name, which is not installed; run: pip install"):
        emoji._package_folder("nothing_of_that_name")


# --- look-alikes -----------------------------------------------------------------------------------------------------


def made_anew(vendors: list[str]) -> set[tuple[str, str, str]]:
    """The rows of the shipped table that these vendors have, from pictures and weights."""
    from twofold.networks.backbones import load_encoder
    from twofold.networks.weights import resolve_weights

    name = "tf_efficientnet_lite2"
    encoder = load_encoder(name, resolve_weights(name), 128)
    domains = [load_emoji_domain(vendor) for vendor in vendors]
    units = []
    for domain in domains:
        batches = np.array_split(np.arange(len(domain)), 16)
        features = torch.cat([encoder(domain.images(batch, 128)) for batch in batches])
        units.append(torch.nn.functional.normalize(features.flatten(1), dim=1))
    rows = set()
    for one, other in combinations_with_replacement(range(len(vendors)), 2):
        alike = (units[one] @ units[other].T).numpy() > 0.95
        alike &= domains[one].class_names[:, None] == domains[other].class_names
        alike &= domains[one].groups[:, None] != domains[other].groups
        for i, j in zip(*np.nonzero(alike), strict=True):
            codes = sorted((domains[one].ids[i].split("/")[1], domains[other].ids[j].split("/")[1]))
            rows.add((vendors[one] if one == other else f"{vendors[one]} and {vendors[other]}", *map(str, codes)))
    return rows


def test_the_shipped_table_is_what_the_encoder_sees():
    vendors = ["windows", "apple"]
    assert made_anew(vendors) == {(vendor, *pair) for vendor in vendors for pair in look_alikes()[vendor]}


def test_the_table_names_two_concepts_of_one_class_in_order():
    assert tuple(look_alikes()) == tuple(EMOJI_DOMAINS)
    for vendor, pairs in look_alikes().items():
        domain = load_emoji_domain(vendor)
        group_of = dict(zip((i.split("/")[1] for i in domain.ids.tolist()), domain.groups.tolist(), strict=True))
        assert list(pairs) == sorted(set(pairs))
        for one, other in pairs:
            assert one < other
            assert group_of[one] != group_of[other]
            assert group_of[one].split("/")[0] == group_of[other].split("/")[0]


@pytest.mark.parametrize(("source", "target"), list(permutations(["windows", "apple", "google"], 2)))
def test_what_either_vendor_draws_alike_is_one_group_in_both(source, target):
    pair = load_pair("emoji", source, target)
    alone = [load_emoji_domain(name) for name in (source, target)]
    for joined, single in zip(pair, alone, strict=True):
        assert (joined.dataset, joined.ids.tolist()) == ("emoji", single.ids.tolist())
        assert len(set(joined.groups)) < len(set(single.groups))
        assert set(joined.groups) <= set(alone[0].groups) | set(alone[1].groups)
    joined_groups = {}
    for joined, single in zip(pair, alone, strict=True):
        for before, after in zip(single.groups.tolist(), joined.groups.tolist(), strict=True):
            assert joined_groups.setdefault(before, after) == after  # a concept is one group, whoever draws it
            assert after <= before
    for vendor, single in zip((source, target), alone, strict=True):
        group_of = dict(zip((i.split("/")[1] for i in single.ids.tolist()), single.groups.tolist(), strict=True))
        assert all(joined_groups[group_of[one]] == joined_groups[group_of[other]] for one, other in look_alikes()[vendor])


def test_the_squares_new_and_ok_are_one_group():
    joined = load_pair("emoji", "google", "apple")[0]
    groups = dict(zip(joined.ids.tolist(), joined.groups.tolist(), strict=True))
    assert groups["letter/1F197"] == groups["letter/1F196"] == "letter/1F196"
