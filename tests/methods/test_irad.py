"""IRAD: each loss against a naive computation, who moves by which, and the forest on the shared codes."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from twofold.methods.irad import adversarial_losses, reconstruction_loss, similarity_loss

RNG = np.random.default_rng(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_adversarial_losses_are_cross_entropies_of_one_real_and_the_mean_of_the_fakes():
    real, fakes = RNG.normal(size=(5, 1)), [RNG.normal(size=(5, 1)) for _ in range(3)]
    seen, fooled = adversarial_losses(torch.tensor(real), [torch.tensor(fake) for fake in fakes])
    by_hand = (-np.log(sigmoid(real)).mean() - np.mean([np.log(1 - sigmoid(fake)).mean() for fake in fakes])) / 2
    assert seen.item() == pytest.approx(by_hand)
    assert fooled.item() == pytest.approx(-np.mean([np.log(sigmoid(fake)).mean() for fake in fakes]))


def test_reconstruction_is_the_mean_distance_of_each_generated():
    x, others = RNG.normal(size=(4, 3)), [RNG.normal(size=(4, 3)) for _ in range(2)]
    by_hand = sum(np.mean([np.sqrt(np.sum((x[i] - other[i]) ** 2)) for i in range(4)]) for other in others)
    assert reconstruction_loss(torch.tensor(x), [torch.tensor(o) for o in others]).item() == pytest.approx(by_hand)


def test_similarity_is_of_cosines_pair_by_pair():
    shared, private, other = (RNG.normal(size=(6, 3)) for _ in range(3))

    def cosine(a, b):
        return a @ b / np.sqrt((a @ a) * (b @ b))

    by_hand = np.mean([abs(cosine(shared[i], private[i])) - cosine(shared[i], other[i]) for i in range(6)])
    found = similarity_loss(*(torch.tensor(z) for z in (shared, private, other))).item()
    assert found == pytest.approx(by_hand)
    assert similarity_loss(torch.eye(3), torch.eye(3), -torch.eye(3)).item() == pytest.approx(2)


def test_the_score_is_a_forest_on_the_shared_codes_of_both_domains(toy):
    method = toy.fitted("irad")
    codes = torch.cat([method.embed(view) for view in (toy.source, toy.target)])
    assert torch.equal(codes, method.fitted_to)
    assert codes.shape == (60, method.settings.latent)
    forest = IsolationForest(n_estimators=100, random_state=0).fit(codes.numpy())
    np.testing.assert_allclose(toy.scores(method), -forest.score_samples(method.embed(toy.test).numpy()))


def test_weights_of_zero_leave_a_term_out_and_every_part_learns(toy):
    public = toy.fitted("irad", similarity=0.0)
    assert set(public.losses_) == {"discrimination", "generation", "reconstruction"}
    method, fresh = toy.fitted("irad"), toy.build("irad")
    assert set(method.losses_) == {*public.losses_, "similarity"}
    for name in ("head", "private", "generator", "discriminator"):
        moved = [
            not torch.equal(a, b)
            for a, b in zip(getattr(method, name).parameters(), getattr(fresh, name).parameters(), strict=True)
        ]
        assert all(moved), name


def test_generating_gets_better(toy):
    losses = toy.fitted("irad", steps=30).losses_
    assert losses["reconstruction"][-5:].mean() < losses["reconstruction"][:5].mean()


def test_without_any_shift_it_is_well_above_chance(toy):
    normals = toy.target.subset(np.flatnonzero(toy.labels == 0))
    method = toy.build("irad").fit(normals.subset(np.arange(15)), normals.subset(np.arange(15, 30)))
    assert roc_auc_score(toy.test_labels, toy.scores(method)) > 0.85
