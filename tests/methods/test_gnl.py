"""GNL: each loss and the matching of distributions by naive loops, the maps it takes, and what it never sees."""

import math

import numpy as np
import pytest
import torch
from in_domain import in_domain_auroc

from twofold.errors import InputError
from twofold.methods.gnl import cosine_gap, match_distribution, smoothed
from twofold.methods.training import Batch
from twofold.parts.augmentation import restyled


def test_the_gap_is_one_minus_the_cosine_of_whole_pictures():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4, 3, 2, 2))
    by_hand = [1 - (u * v).sum() / math.sqrt((u * u).sum() * (v * v).sum()) for u, v in zip(a, b, strict=True)]
    assert cosine_gap(torch.tensor(a), torch.tensor(b)).item() == pytest.approx(np.mean(by_hand))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_values_move_towards_those_of_their_rank(share):
    rng = np.random.default_rng(0)
    maps, reference = rng.normal(size=(2, 3, 4, 4)), np.sort(rng.normal(5, 2, size=(3, 16)), axis=1)
    expected = np.empty_like(maps)
    for n, c in np.ndindex(2, 3):
        values = maps[n, c].ravel().tolist()
        for place, value in enumerate(values):
            rank = sorted(values).index(value)
            expected[n, c].flat[place] = (1 - share) * value + share * reference[c, rank]
    found = match_distribution(torch.tensor(maps), torch.tensor(reference), share)
    np.testing.assert_allclose(found.numpy(), expected)


def test_a_picture_matched_with_itself_stays_as_it_is():
    maps = torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(match_distribution(maps, maps[0].flatten(1).sort(dim=1).values, 0.5), maps)


def test_the_blur_weighs_by_a_gaussian_of_the_distance():
    maps, sigma = torch.zeros(1, 9, 9), 1.5
    maps[0, 4, 4] = 1

    def weight(i):
        return math.exp(-((i - 4) ** 2) / (2 * sigma**2)) / sum(math.exp(-((i - j) ** 2) / (2 * sigma**2)) for j in range(9))

    found = smoothed(maps, sigma)[0]
    for i, j in np.ndindex(9, 9):
        assert found[i, j].item() == pytest.approx(weight(i) * weight(j), rel=1e-5)


def test_a_step_s_terms_are_the_formulas_of_its_batch(toy):
    method = toy.fit(toy.build("gnl", steps=1, lambda_code=0.3, lambda_last=0.7))
    del method.reference_0, method.reference_1  # training matches no distribution
    x = method.inputs(toy.source).batch(np.arange(4))
    torch.manual_seed(4)
    with torch.no_grad():
        name, terms = next(method._step(Batch(x, None, None, 0.0)))
    torch.manual_seed(4)
    styles = [torch.stack([restyled(picture) for picture in x])]
    grey = (0.2989 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]).to(torch.uint8)
    styles.append(grey[:, None].expand(-1, 3, -1, -1))
    with torch.no_grad():
        maps = method.maps(x)
        code, back = method.student(maps)
        others = [method.student(method.maps(style)) for style in styles]
    assert name == "student"
    distilled = sum(cosine_gap(t, s).item() for t, s in zip(maps, back, strict=True))
    assert terms["distillation"].item() == pytest.approx(0.9 * distilled, rel=1e-5)
    assert terms["code"].item() == pytest.approx(0.3 * sum(cosine_gap(code, c).item() for c, _ in others), rel=1e-3)
    assert terms["last"].item() == pytest.approx(0.7 * sum(cosine_gap(back[0], b[0]).item() for _, b in others), rel=1e-3)


def test_the_teacher_s_maps_are_those_of_its_last_stages_at_each_size(toy):
    """Of tf_efficientnet_lite0 at 32 px: a quarter, an eighth and a sixteenth of the side."""
    method = toy.build("gnl")
    maps = method.maps(toy.source.images([0, 1], 32))
    assert [tuple(z.shape) for z in maps] == [(2, 24, 8, 8), (2, 40, 4, 4), (2, 112, 2, 2)]
    z = method.teacher.stem.prepare(toy.source.images([0, 1], 32))
    for number, stage in enumerate(method.teacher.tail[:6]):
        z = stage(z)
        if number == 2:
            torch.testing.assert_close(maps[0], z)
    torch.testing.assert_close(maps[2], z)


def test_the_score_is_the_largest_value_of_the_blurred_map(toy):
    method = toy.fitted("gnl")
    z = method.embed(toy.test)
    blurred = smoothed(z.view(-1, 8, 8), 8 / 64)
    np.testing.assert_allclose(toy.scores(method), blurred.flatten(1).max(dim=1).values.numpy(), rtol=1e-5)


def test_it_judges_pictures_in_the_style_of_the_first_source_picture(toy):
    method = toy.fitted("gnl")
    other = toy.build("gnl")
    other.student.load_state_dict(method.student.state_dict())
    z = other.maps(toy.source.images([0], 32))
    assert torch.equal(method.reference_0, z[0][0].flatten(1).sort(dim=1).values)
    own = toy.fitted("gnl", reference_share=0.0)
    assert not np.array_equal(toy.scores(own), toy.scores(method))


def test_it_never_looks_at_the_target(toy):
    other = toy.build("gnl").fit(toy.source, toy.test)
    assert np.array_equal(toy.scores(other), toy.scores(toy.fitted("gnl")))


def test_training_teaches_the_student_the_source(toy):
    losses = toy.fit(toy.build("gnl", steps=30, batch_size=8)).losses_["distillation"]
    assert losses[-1] < 0.5 * losses[0]


def test_too_few_maps_ask_for_larger_pictures(toy):
    with pytest.raises(InputError, match=r"wanted 3 maps of different sizes .*, got 2 .* at 8 px; raise"):
        toy.build("gnl", backbone_size_px=8)


def test_without_a_shift_it_is_well_above_chance():
    assert in_domain_auroc("gnl", steps=40) > 90
