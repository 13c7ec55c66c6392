"""TSA: the expected loss against drawing, its limits in closed form, and what training does."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from twofold.methods.tsa import augmented_compactness
from twofold.parts.one_class import dsvdd_loss

RNG = np.random.default_rng(0)
SOURCE, TARGET, CENTER = RNG.normal(size=(6, 3)), RNG.normal(1, 2, size=(9, 3)), RNG.normal(size=3)


def loss(strength, source=SOURCE, target=TARGET):
    return augmented_compactness(*(torch.tensor(z) for z in (source, target, CENTER)), strength).item()


@pytest.mark.parametrize("strength", [0.1, 0.25, 1.0])
def test_the_loss_is_the_mean_over_features_that_are_really_drawn(strength):
    shift = strength * (TARGET.mean(axis=0) - SOURCE.mean(axis=0))
    covariance = strength * np.cov(TARGET.T, bias=True)
    drawn = np.concatenate([RNG.multivariate_normal(z + shift, covariance, 20_000) for z in SOURCE])
    assert loss(strength) == pytest.approx(((drawn - CENTER) ** 2).sum(axis=1).mean(), rel=0.01)


def test_without_strength_it_is_the_loss_of_the_source_alone():
    assert loss(0.0) == pytest.approx(dsvdd_loss(torch.tensor(SOURCE), torch.tensor(CENTER)).item())


def test_at_full_strength_and_one_source_picture_it_is_the_loss_of_the_target():
    expected = dsvdd_loss(torch.tensor(TARGET), torch.tensor(CENTER)).item()
    assert loss(1.0, SOURCE[:1]) == pytest.approx(expected)


def test_gradients_draw_the_target_to_the_centre_too():
    source, target, center = (torch.tensor(z) for z in (SOURCE, TARGET, CENTER))
    target.requires_grad_(True)
    augmented_compactness(source, target, center, 0.25).backward()
    nearer = (target - 0.1 * target.grad).detach()
    assert dsvdd_loss(nearer, center) < dsvdd_loss(target.detach(), center)


def test_one_training_step_at_strength_zero_never_looks_at_the_target(toy):
    one, other = (toy.build("tsa", strength=0.0) for _ in range(2))
    one.fit(toy.source, toy.target)
    other.fit(toy.source, toy.source)
    np.testing.assert_allclose(toy.scores(one), toy.scores(other), rtol=1e-3)
    assert not np.allclose(toy.scores(toy.fitted("tsa", strength=1.0)), toy.scores(one), rtol=1e-2)


@pytest.mark.parametrize("normalize", [True, False])
def test_the_score_is_the_squared_distance_to_the_source_s_mean_before_training(toy, normalize):
    method, fresh = toy.fitted("tsa", normalize_features=normalize), toy.build("tsa", normalize_features=normalize)
    torch.testing.assert_close(method.center, fresh.embed(toy.source).mean(dim=0))
    z = method.embed(toy.test)
    np.testing.assert_allclose(toy.scores(method), ((z - method.center) ** 2).sum(dim=1).numpy(), rtol=1e-6)
    if normalize:
        torch.testing.assert_close(z.norm(dim=1), torch.ones(len(z)))


def test_without_any_shift_it_is_well_above_chance(toy):
    normals = toy.target.subset(np.flatnonzero(toy.labels == 0))
    method = toy.build("tsa").fit(normals.subset(np.arange(15)), normals.subset(np.arange(15, 30)))
    assert roc_auc_score(toy.test_labels, toy.scores(method)) > 0.9
