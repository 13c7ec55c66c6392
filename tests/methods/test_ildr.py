"""ILDR: score and divergence in closed form, the domain's vector from a set, and reconstructing that follows it."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.distributions import Normal, kl_divergence

from twofold.methods.ildr import divergence, reconstruction_score


def test_the_score_is_the_mean_square_by_hand():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    by_hand = [sum((x[i, j] - y[i, j]) ** 2 for j in range(3)) / 3 for i in range(4)]
    np.testing.assert_allclose(reconstruction_score(torch.tensor(x), torch.tensor(y)).numpy(), by_hand)


def test_the_divergence_is_that_of_torch():
    mean, log_variance = torch.randn(5), torch.randn(5)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum()
    torch.testing.assert_close(divergence(mean, log_variance), expected)
    assert divergence(torch.zeros(5), torch.zeros(5)).item() == 0


def test_the_vector_is_that_of_the_set_whatever_its_order_and_how_often_it_is_said(toy):
    method = toy.fitted("ildr")
    with torch.no_grad():
        embedded = method.embedding(method._standard(method.inputs(toy.target).batch(np.arange(len(toy.target)))))
        expected = method.inference(embedded.mean(dim=0))[: method.settings.domain_numbers]
        torch.testing.assert_close(method.domain, expected)
        torch.testing.assert_close(method._domain(embedded.flip(0).repeat(2, 1))[0], expected)


def test_the_score_is_what_the_generator_cannot_make_again(toy):
    method = toy.fitted("ildr")
    stem = method.backbone.stem(toy.test.images(range(len(toy.test)), method.size_px))
    with torch.no_grad():
        x = (stem.flatten(1) - method.mean) / method.std
        code = method.head(method.backbone.tail(stem))
        made = method.generator(torch.cat([code, method.domain.repeat(len(code), 1)], dim=1))
    np.testing.assert_allclose(toy.scores(method), ((x - made) ** 2).mean(dim=1).numpy(), rtol=1e-3)


def test_the_source_sets_the_units(toy):
    method = toy.fitted("ildr")
    stem = method.backbone.stem(toy.source.images(range(len(toy.source)), method.size_px)).flatten(1)
    torch.testing.assert_close(method.mean, stem.mean(dim=0), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(method.std, stem.std(dim=0, correction=0) + 1e-3, rtol=1e-3, atol=1e-4)


def test_reconstructing_gets_better_and_the_vector_matters(toy):
    method = toy.fitted("ildr", steps=40)
    assert set(method.losses_) == {"reconstruction", "divergence"}
    assert method.losses_["reconstruction"][-5:].mean() < method.losses_["reconstruction"][:5].mean()
    x = method.inputs(toy.test).batch(np.arange(5))
    with torch.no_grad():
        assert not torch.equal(method._left(x, method.domain), method._left(x, method.domain + 1))


def test_a_weight_of_zero_lets_the_vector_go_where_it_will(toy):
    assert toy.fitted("ildr", divergence=0.0).losses_["divergence"] == pytest.approx(0)


def test_without_any_shift_it_is_well_above_chance(toy):
    normals = toy.target.subset(np.flatnonzero(toy.labels == 0))
    method = toy.build("ildr").fit(normals.subset(np.arange(15)), normals.subset(np.arange(15, 30)))
    assert roc_auc_score(toy.test_labels, toy.scores(method)) > 0.85
