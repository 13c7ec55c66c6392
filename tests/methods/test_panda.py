"""PANDA: its two losses in closed form, and what its published training holds still."""

import numpy as np
import pytest
import torch

from twofold.data import load_domain
from twofold.data.domains import View
from twofold.methods.panda import Panda, PandaSettings, compactness_loss, elastic_loss
from twofold.methods.training import Recipe
from twofold.networks.cache import EmbeddingCache
from twofold.runs.config import configure


def panda(settings=None, **recipe):
    config = configure("digits", "type", "optdigits", "3", method="panda", **recipe)
    return Panda(settings or config.settings, config.networks, config.recipe, 0, EmbeddingCache())


@pytest.fixture(scope="module")
def views():
    source, target = load_domain("digits", "type"), load_domain("digits", "optdigits")
    return View(source, np.flatnonzero(source.class_names == "3")[:40]), View(target, np.arange(30))


def test_compactness_is_the_mean_square_over_rows_and_dimensions():
    rng = np.random.default_rng(0)
    z, c = rng.normal(size=(7, 5)), rng.normal(size=5)
    by_hand = sum(sum((z[i, j] - c[j]) ** 2 for j in range(5)) for i in range(7)) / 35
    assert compactness_loss(torch.tensor(z), torch.tensor(c)).item() == pytest.approx(by_hand)


def test_elastic_loss_is_half_the_weighted_square_of_the_way():
    now, start, weight = [torch.tensor([2.0, 0.0]), torch.tensor([[1.0]])], [torch.zeros(2), torch.zeros(1, 1)], None
    weight = [torch.tensor([3.0, 100.0]), torch.tensor([[4.0]])]
    assert elastic_loss(now, start, weight).item() == pytest.approx((3 * 4 + 4) / 2)
    assert elastic_loss(start, start, weight).item() == 0


def test_the_published_recipe_comes_with_the_method():
    recipe = configure("digits", "type", "optdigits", "3", method="panda").recipe
    assert (recipe.learning_rate, recipe.clip_norm, recipe.momentum, recipe.weight_decay) == (0.01, 1e-3, 0.9, 5e-5)


def test_one_step_moves_the_tail_by_no_more_than_rate_times_clip(views):
    method = panda(steps=1, weight_decay=0.0, momentum=0.0)
    before = [p.detach().clone() for p in method.backbone.tail.parameters()]
    stem = {name: value.clone() for name, value in method.backbone.stem.network.state_dict().items()}
    method.fit(*views)
    way = torch.sqrt(sum(((p - q) ** 2).sum() for p, q in zip(method.backbone.tail.parameters(), before, strict=True)))
    assert 0 < way.item() <= 0.01 * 1e-3 * 1.01  # each weight is rounded
    assert all(torch.equal(value, stem[name]) for name, value in method.backbone.stem.network.state_dict().items())


def test_elastic_weights_hold_the_network_nearer_to_its_start(views):
    free, held = (panda(PandaSettings(elastic=e), steps=8, clip_norm=0.0) for e in (0.0, 0.01))
    start = [p.detach().clone() for p in free.backbone.tail.parameters()]
    ways = []
    for method in (free, held):
        method.fit(*views)
        ways.append(sum(((p - q) ** 2).sum().item() for p, q in zip(method.backbone.tail.parameters(), start, strict=True)))
    assert ways[1] < ways[0]
    assert set(free.losses_) == {"compactness"}
    assert set(held.losses_) == {"compactness", "elastic"}
    assert held.losses_["elastic"][0] == 0
    assert held.losses_["elastic"][-1] > 0


def test_training_draws_the_source_together_and_never_looks_at_the_target(views):
    source, target = views
    one, other = panda(steps=10, clip_norm=0.0).fit(source, target), panda(steps=10, clip_norm=0.0).fit(source, source)
    assert one.losses_["compactness"][-1] < one.losses_["compactness"][0]
    assert all(torch.equal(value, other.state()[name]) for name, value in one.state().items())


def test_a_source_picture_is_no_neighbour_of_itself(views):
    source, target = views
    method = panda(steps=1).fit(source, target)
    assert (method.anomaly_score(source) > 0).all()
    assert Recipe().clip_norm != method.recipe.clip_norm
