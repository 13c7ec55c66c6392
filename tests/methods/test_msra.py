"""MsRA: its frequencies and each term by naive sums, what it may see, and how an oracle stops it."""

import math

import numpy as np
import pytest
import torch
from in_domain import in_domain_auroc
from scipy.fft import dctn
from sklearn.metrics import roc_auc_score

from twofold.errors import InputError
from twofold.methods.msra import COLUMNS, ROWS, cosine_basis, gap_loss, scatter_loss, spectrum
from twofold.methods.training import Batch
from twofold.runs.config import configure

TASK = ("digits", "type", "optdigits", "3", "msra")


# frequencies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [7, 14])
def test_frequencies_are_those_of_the_discrete_cosine_transform(size):
    maps = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = torch.einsum("ncij,kij->nck", maps, cosine_basis(size, size).double()).numpy()
    transformed = dctn(maps.numpy(), axes=(2, 3), norm="ortho")
    times = size // 7
    for k, (row, column) in enumerate(zip(ROWS, COLUMNS, strict=True)):
        np.testing.assert_allclose(found[:, :, k], transformed[:, :, row * times, column * times], atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 9), (7, 7)])
def test_every_wave_fits_the_map_and_has_norm_1(height, width):
    basis = cosine_basis(height, width)
    assert basis.shape == (16, height, width)
    torch.testing.assert_close(basis.flatten(1).norm(dim=1), torch.ones(16))
    torch.testing.assert_close(basis[0], torch.full((height, width), 1 / math.sqrt(height * width)))


def test_the_spectrum_is_the_weighted_sum_of_projections():
    rng = np.random.default_rng(0)
    maps, weights = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=15)
    basis = cosine_basis(4, 5).double().numpy()
    expected = np.zeros((2, 3))
    for n, c in np.ndindex(2, 3):
        for k in range(16):
            weight = 1 if k == 0 else 1 / (1 + math.exp(-weights[k - 1]))
            expected[n, c] += weight * sum(maps[n, c, i, j] * basis[k, i, j] for i, j in np.ndindex(4, 5))
    found = spectrum(torch.tensor(maps), torch.tensor(basis), torch.tensor(weights))
    np.testing.assert_allclose(found.numpy(), expected)


def test_a_map_that_is_too_small_asks_for_a_larger_picture(toy):
    toy.build("msra", backbone_size_px=97)
    with pytest.raises(InputError, match="wanted a last map of at least 4 x 4 for msra, got 3 x 3 of pictures of 96 px; raise"):
        toy.build("msra", backbone_size_px=96)


def test_a_backbone_without_known_stages_is_refused(toy):
    with pytest.raises(InputError, match="wanted a backbone whose last map can be read, got mobilenetv3_small_050; take"):
        toy.build("msra", backbone="mobilenetv3_small_050", backbone_weights="random", frozen_stages=0)


# losses -------------------------------------------------------------------------------------------------------------


def test_scatter_and_gap_are_mean_distances_and_not_squares():
    rng = np.random.default_rng(0)
    s, t = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    middle = s.sum(axis=0) / 5
    by_hand = sum(math.sqrt(sum((z[j] - middle[j]) ** 2 for j in range(3))) for z in s) / 5
    assert scatter_loss(torch.tensor(s)).item() == pytest.approx(by_hand)
    gap = math.sqrt(sum((s[:, j].mean() - t[:, j].mean()) ** 2 for j in range(3)))
    assert gap_loss(torch.tensor(s), torch.tensor(t)).item() == pytest.approx(gap)


def test_losses_of_a_set_without_spread_have_a_gradient():
    z = torch.ones(3, 2, requires_grad=True)
    (scatter_loss(z) + gap_loss(z, z)).backward()
    assert z.grad.isfinite().all()


def test_a_step_s_terms_are_the_formulas_of_its_batch(toy):
    """In evaluation mode, so that neither dropout nor the batch's statistics hide a factor."""
    method = toy.fit(toy.build("msra", steps=1, lambda_compactness=0.3))
    rows = np.arange(5)
    x = [method.inputs(view).batch(rows) for view in (toy.source, toy.target)]
    with torch.no_grad():
        name, terms = next(method._step(None, Batch(*x, rows, 0.5)))
        z = [method.features(part) for part in x]
        logits = [method.heads.normal(part).flatten().tolist() for part in z]
        domains = [method.heads.domain(part).tolist() for part in z]
    assert name == "all"
    assert terms["class"].item() == pytest.approx(sum(np.mean([math.log(1 + math.exp(h)) for h in part]) for part in logits))
    wrong = [[math.log(math.exp(a) + math.exp(b)) - (a, b)[e] for a, b in part] for e, part in enumerate(domains)]
    assert terms["domain"].item() == pytest.approx(np.mean(wrong[0]) + np.mean(wrong[1]))
    assert terms["scatter"].item() == pytest.approx(0.3 * (scatter_loss(z[0]) + scatter_loss(z[1])).item())
    assert terms["gap"].item() == pytest.approx(0.3 * gap_loss(*z).item())


def test_the_domain_head_learns_what_the_features_unlearn(toy):
    """One step of the domain's term alone: the head goes down its slope, what lies below goes up it."""
    method = toy.build("msra")
    x = [method.inputs(view).batch(np.arange(6)) for view in (toy.source, toy.target)]
    slopes = []
    for progress in (0.0, 0.9):
        method.zero_grad()
        _, terms = next(method._step(None, Batch(*x, np.arange(6), progress)))
        terms["domain"].backward()
        slopes.append((method.heads.domain[0].weight.grad.clone(), method.heads.feature[0].weight.grad.clone()))
    torch.testing.assert_close(slopes[0][0], slopes[1][0])
    assert slopes[0][1].abs().max() == 0
    method.zero_grad()
    z = [method.features(part) for part in x]
    plain = -sum(method.heads.domain(part).log_softmax(dim=1)[:, e].mean() for e, part in enumerate(z))
    plain.backward()
    strength = 2 / (1 + math.exp(-9)) - 1
    torch.testing.assert_close(slopes[1][1], -strength * method.heads.feature[0].weight.grad, rtol=1e-3, atol=1e-6)


# what it is told ----------------------------------------------------------------------------------------------------


def test_the_score_is_the_distance_to_the_mean_of_source_and_shots(toy):
    method = toy.fitted("msra", shots=4)
    shots = toy.target.subset(np.flatnonzero(toy.labels == 0)[:4])
    center = torch.cat([method.embed(toy.source), method.embed(shots)]).mean(dim=0)
    expected = (method.embed(toy.test) - center).norm(dim=1)
    np.testing.assert_allclose(toy.scores(method), expected.numpy(), rtol=1e-4)


def test_it_sees_its_shots_and_no_other_target_picture(toy):
    rows = np.flatnonzero(toy.labels == 0)[:3]
    alone = toy.build("msra", shots=3).fit(toy.source, toy.target.subset(rows), np.zeros(3, int))
    assert np.array_equal(toy.scores(alone), toy.scores(toy.fitted("msra", shots=3)))


def test_an_oracle_keeps_the_best_of_its_moments_and_says_so(toy):
    """The state that ranks the told target best: no later one of the same run, cut short there, ranks it better."""
    config = toy.config("msra", stopping="oracle")
    assert (config.told, config.oracle, config.name.split(",")[0]) == ("labels", True, "msra[shots=10")
    method = toy.fit(toy.build("msra", stopping="oracle", steps=12, learning_rate=0.01))
    last = toy.fit(toy.build("msra", steps=12, learning_rate=0.01))
    found = [roc_auc_score(toy.labels, toy.scores(one, toy.target)) for one in (method, last)]
    assert found[0] >= found[1]
    assert 1 <= method.notes_["stopped_at"] <= 12
    assert last.notes_ == {}


def test_the_published_recipe_comes_with_the_method():
    config = configure(*TASK)
    assert (config.recipe.batch_size, config.recipe.learning_rate, config.recipe.weight_decay) == (10, 1e-4, 5e-7)
    assert (config.name, config.networks.backbone_size_px) == ("msra[shots=10]", 224)


def test_without_a_shift_it_is_well_above_chance():
    assert in_domain_auroc("msra", backbone_size_px=128) > 80
