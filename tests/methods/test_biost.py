"""BiOST: losses by hand, who moves by which, B learned first and A from there, and the way to the source and back."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from twofold.methods.biost import code_size, feature_cycle, picture_loss
from twofold.methods.training import Batch

RNG = np.random.default_rng(0)


def test_the_losses_are_sums_over_numbers_and_means_over_pictures():
    x, y = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
    one, other = torch.tensor(x), torch.tensor(y)
    pairs = [(x[i, j], y[i, j]) for i in range(4) for j in range(3)]
    assert picture_loss(one, other).item() == pytest.approx(sum(abs(a - b) for a, b in pairs) / 4)
    assert code_size(one).item() == pytest.approx(sum(a * a for a, _ in pairs) / 4)
    assert feature_cycle(one, other).item() == pytest.approx(sum((a - b) ** 2 for a, b in pairs) / 4)


def test_no_gradient_reaches_the_source_s_code_by_the_feature_cycle():
    code, again = torch.ones(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    feature_cycle(code, again).backward()
    assert code.grad is None
    assert again.grad.abs().sum() > 0


def batch(method, toy):
    rows = np.arange(8)
    return Batch(method.inputs(toy.source).batch(rows), method.inputs(toy.target).batch(rows), rows, 0.0)


def test_a_step_yields_a_then_b_with_the_terms_of_each(toy):
    method = toy.fitted("biost")
    terms = dict(method._step(batch(method, toy)))
    assert list(terms) == ["a", "b"]
    assert set(terms["a"]) == {"reconstruction_a", "size_a", "cycle_a", "feature_cycle"}
    assert set(terms["b"]) == {"reconstruction_b", "size_b", "cycle_b"}


def test_cycles_are_as_they_are_written(toy):
    method = toy.fitted("biost")
    pictures = batch(method, toy)
    with torch.no_grad():
        terms = {name: loss for _, part in method._step(pictures) for name, loss in part.items()}
        a, b = method.a, method.b

        def maps(made):
            return (made * method.std + method.mean).reshape(len(made), *method.shape_)

        def plain(x):
            return (x.flatten(1) - method.mean) / method.std

        x_a, x_b = pictures.target, pictures.source
        aba = a.generator(b.encode(maps(b.generator(a.encode(x_a)))))
        bab = b.generator(a.encode(maps(a.generator(b.encode(x_b)))))
        again = a.encode(maps(a.generator(b.encode(x_b))))
    torch.testing.assert_close(terms["cycle_a"], (plain(x_a) - aba).abs().sum(dim=1).mean())
    torch.testing.assert_close(terms["cycle_b"], (plain(x_b) - bab).abs().sum(dim=1).mean())
    torch.testing.assert_close(terms["feature_cycle"], ((again - b.encode(x_b)) ** 2).sum(dim=1).mean())


def test_the_score_is_what_the_way_to_the_source_and_back_costs(toy):
    method = toy.fitted("biost")
    x = method.inputs(toy.test).batch(np.arange(len(toy.test)))
    with torch.no_grad():
        there = method.b.generator(method.a.encode(x)) * method.std + method.mean
        back = method.a.generator(method.b.encode(there.reshape(x.shape)))
        expected = ((x.flatten(1) - method.mean) / method.std - back).abs().mean(dim=1)
    np.testing.assert_allclose(toy.scores(method), expected.numpy(), rtol=1e-4)


def test_a_begins_as_b_after_b_has_learned_alone(toy, monkeypatch):
    from twofold.methods import biost

    seen, real = [], biost.train

    def watched(step, parts, *rest, **more):
        seen.append([{k: v.clone() for k, v in part.state_dict().items()} for part in parts.values()])
        return real(step, parts, *rest, **more)

    monkeypatch.setattr(biost, "train", watched)
    method = toy.fit(toy.build("biost"))
    (fresh,), (a, b) = seen
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert any(not torch.equal(fresh[key], b[key]) for key in b)
    assert {"alone_reconstruction_b", "alone_size_b"} <= set(method.losses_)


def test_each_auto_encoder_gets_better(toy):
    losses = toy.fitted("biost", steps=30).losses_
    for name in ("alone_reconstruction_b", "reconstruction_a", "cycle_a"):
        assert losses[name][-5:].mean() < losses[name][:5].mean()


def test_without_any_shift_it_is_well_above_chance(toy):
    normals = toy.target.subset(np.flatnonzero(toy.labels == 0))
    method = toy.build("biost").fit(normals.subset(np.arange(15)), normals.subset(np.arange(15, 30)))
    assert roc_auc_score(toy.test_labels, toy.scores(method)) > 0.85
