"""Three domains of digits that pip alone brings."""

import numpy as np
import pytest

from twofold.data import digits
from twofold.data.digits import DIGITS_DOMAINS, load_digits_domain
from twofold.errors import InputError

SIZES = {"type": (2000, 32), "optdigits": (1797, 8), "mnist": (5000, 28)}


@pytest.mark.parametrize("name", DIGITS_DOMAINS)
def test_a_domain_of_digits_has_its_counts_and_sizes(name):
    domain = load_digits_domain(name)
    n, side = SIZES[name]
    assert len(domain) == n
    assert domain.pictures.array.shape == (n, side, side)
    assert domain.pictures.array.dtype == np.uint8
    assert domain.classes == tuple("0123456789")
    counts = np.unique(domain.class_names, return_counts=True)[1]
    if name == "optdigits":
        assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    else:
        assert set(counts) == {n // 10}
    assert domain.ids[0] == f"{domain.class_names[0]}/00000"


@pytest.mark.parametrize("name", DIGITS_DOMAINS)
def test_digits_are_white_on_black_over_the_whole_range(name):
    pixels = load_digits_domain(name).pictures.array
    assert (pixels.min(), pixels.max()) == (0, 255)
    corners = pixels[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.median(corners) == 0
    assert 10 < pixels.mean() < 127


def test_glyphs_do_not_depend_on_any_global_seed(monkeypatch):
    monkeypatch.setattr(digits, "GLYPHS_PER_CLASS", 3)
    first = []
    for seed in (0, 1):
        np.random.seed(seed)  # noqa: NPY002 - the very thing that may not matter
        first.append(digits._type()[0])
    np.testing.assert_array_equal(*first)


def test_a_second_rendering_gives_the_same_pixels():
    pixels, labels = digits._type()
    domain = load_digits_domain("type")
    np.testing.assert_array_equal(pixels, domain.pictures.array)
    assert [str(label) for label in labels] == domain.class_names.tolist()


def test_glyphs_are_jittered_never_cut_off_and_never_repeated():
    domain = load_digits_domain("type")
    pixels = domain.pictures.array
    assert len(np.unique(domain.contents)) == len(domain)
    assert (pixels.reshape(len(pixels), -1).max(axis=1) > 200).all()
    border = np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], axis=1)
    assert (border.max(axis=1) < 128).mean() > 0.95


@pytest.mark.parametrize("name", DIGITS_DOMAINS)
def test_no_two_digits_have_one_content(name):
    domain = load_digits_domain(name)
    assert len(set(domain.contents)) == len(domain)


def test_a_digit_of_one_domain_looks_most_like_the_same_digit_of_another():
    # class means by correlation, chance is one in ten: labels and pixels belong together
    means, classes = {}, tuple("0123456789")
    for name in DIGITS_DOMAINS:
        domain = load_digits_domain(name)
        rows = [np.flatnonzero(domain.class_names == c)[:60] for c in classes]
        mean = np.stack([domain.images(r, 28).float().mean(dim=(0, 1)).numpy().ravel() for r in rows])
        mean -= mean.mean(axis=0)
        means[name] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    for other in ("optdigits", "mnist"):
        assert ((means["type"] @ means[other].T).argmax(axis=1) == np.arange(10)).sum() >= 6


def test_an_unknown_domain_of_digits_is_refused_by_name():
    with pytest.raises(InputError, match="wanted a domain of digits, got 'usps'; choose one of: type,"):
        load_digits_domain("usps")
