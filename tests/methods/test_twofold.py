"""The paper's method and its ladder: every combination of axes, what is drawn where, what is counted."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from twofold.compute import single_thread
from twofold.methods import METHODS
from twofold.methods.training import Batch
from twofold.methods.twofold import TwoFold
from twofold.parts.alignment import contrastive_loss, mmd_loss
from twofold.parts.augmentation import enlarged_px, plain_views
from twofold.parts.one_class import dsvdd_loss
from twofold.parts.selection import Selection, select
from twofold.runs.config import UnreadError, configure

LADDER = [name for name, (cls, _) in METHODS.items() if cls is TwoFold]
SELECTIONS = ("kmeans", "gmm", "meanshift", "knn", "all", "oracle")
AS_THEY_ARE = (plain_views, plain_views)
NEGATIVES = ("non_dominant", "sparse_tail", "in_batch", "both")


@pytest.mark.parametrize("alignment", ["contrastive", "mmd", "grl"])
@pytest.mark.parametrize(("selection", "negatives"), [*itertools.product(SELECTIONS, NEGATIVES)])
def test_every_combination_of_axes_trains_and_scores(toy, selection, negatives, alignment):
    method = toy.fit(toy.build("twofold", selection=selection, negatives=negatives, alignment=alignment, steps=2))
    scores = toy.scores(method)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert method.losses_.keys() == {"one_class", "alignment"}
    assert method.notes_.keys() == {"fallback_steps", "skipped_steps", "radius"}
    chosen = method.selection_
    assert not (chosen.positive & chosen.negative).any()
    assert np.array_equal(method.selected_, chosen.positive)
    if selection == "oracle":
        assert not toy.labels[method.selected_].any()


@pytest.mark.parametrize(("method", "trains", "aligns"), [("source_only", True, False), ("twofold", True, True),
    ("align_all", True, True), ("in_domain", True, False), ("oracle", True, True)])  # fmt: skip
def test_a_method_trains_and_aligns_as_it_says(method, trains, aligns):
    config = configure("digits", "type", "optdigits", "3", method)
    assert (config.trains, config.settings.aligns) == (trains, aligns)


def test_training_lowers_the_loss(toy):
    losses = toy.fit(toy.build("source_only", steps=30, batch_size=24)).losses_["one_class"]
    assert losses[-1] < 0.8 * losses[0]


def test_the_centre_is_the_source_s_mean_before_training_and_the_score_the_distance_to_it(toy):
    method = toy.build("source_only")
    before = method.embed(toy.source)
    toy.fit(method)
    torch.testing.assert_close(method.center, before.mean(dim=0), rtol=0, atol=1e-6)
    expected = ((method.embed(toy.test) - method.center) ** 2).sum(dim=1)
    np.testing.assert_allclose(toy.scores(method), expected.numpy(), rtol=1e-6)
    torch.testing.assert_close(method.embed(toy.test).norm(dim=1), torch.ones(len(toy.test)))


def test_the_first_step_s_terms_are_the_formulas_of_its_batch(toy):
    """Eq. 10 by hand: one step on known rows, its two terms with their weights."""
    method = toy.fit(toy.build("twofold", steps=1))
    method.selection_ = Selection(np.arange(36) % 3 > 0, np.arange(36) % 3 == 0)
    x = method.inputs(toy.source).batch(np.arange(8)), method.inputs(toy.target).batch(np.arange(8))
    rows = np.arange(8)
    with torch.no_grad():
        name, terms = next(method._step(AS_THEY_ARE, Batch(*x, rows, 0.0)))
        z = [functional.normalize(method.backbone(part), dim=1) for part in x]
    assert name == "tail"
    positive, negative = (
        z[1][torch.as_tensor(mask[rows])] for mask in (method.selection_.positive, method.selection_.negative)
    )
    torch.testing.assert_close(terms["one_class"], dsvdd_loss(z[0], method.center), rtol=1e-4, atol=1e-6)
    expected = method.settings.lambda_alignment * contrastive_loss(z[0], positive, negative, 1.0, in_batch=False)
    torch.testing.assert_close(terms["alignment"], expected, rtol=1e-4, atol=1e-6)


def step_of(method, toy, positive, negative, rows):
    """The alignment term of one step under a selection."""
    method.selection_ = Selection(np.isin(np.arange(36), positive), np.isin(np.arange(36), negative))
    method.notes_ = {"fallback_steps": 0, "skipped_steps": 0}
    x = method.inputs(toy.source).batch(np.arange(6)), method.inputs(toy.target).batch(rows)
    with torch.no_grad():
        _, terms = next(method._step(AS_THEY_ARE, Batch(*x, rows, 0.0)))
    return terms["alignment"], method.notes_


def test_a_batch_without_negatives_falls_back_to_in_batch_ones_and_is_counted(toy):
    method, rows = toy.fit(toy.build("twofold", steps=1)), np.arange(6)
    found, notes = step_of(method, toy, range(6), [20], rows)
    assert notes == {"fallback_steps": 1, "skipped_steps": 0}
    method.settings = configure("folder", "a", "b", "c", "twofold", negatives="in_batch").settings
    expected, notes = step_of(method, toy, range(6), [20], rows)
    assert notes == {"fallback_steps": 0, "skipped_steps": 0}
    assert torch.equal(found, expected)


def test_copies_of_a_picture_are_no_negatives_of_each_other_whether_drawn_twice_or_there_twice(toy):
    rows = np.array([0, 1, 0, 1, 2, 2])
    method = toy.build("twofold", negatives="in_batch", steps=1)
    twice = toy.target.subset(np.r_[0:35, 2])  # the last picture is the third one's copy
    with single_thread():
        method.fit(toy.source, twice)
    for drawn, pictures in ((rows, rows), (np.array([0, 1, 2, 35, 4, 5]), np.array([0, 1, 2, 2, 4, 5]))):
        found, _ = step_of(method, toy, range(36), [], drawn)
        with torch.no_grad():
            inputs = (method.inputs(toy.source).batch(np.arange(6)), method.inputs(toy.target).batch(drawn))
            z = [functional.normalize(method.backbone(x), dim=1) for x in inputs]
        expected = contrastive_loss(*z, None, 1.0, True, torch.as_tensor(pictures))
        torch.testing.assert_close(found, method.settings.lambda_alignment * expected, rtol=1e-4, atol=1e-6)
        assert found < method.settings.lambda_alignment * contrastive_loss(*z, None, 1.0, True) - 1e-3


@pytest.mark.parametrize(("alignment", "positives"), [("contrastive", 0), ("mmd", 1), ("grl", 0)])
def test_a_batch_without_enough_positives_aligns_nothing_and_is_counted(toy, alignment, positives):
    method = toy.fit(toy.build("twofold", alignment=alignment, steps=1))
    found, notes = step_of(method, toy, range(positives), range(positives, 6), np.arange(6))
    assert found == 0
    assert notes == {"fallback_steps": 0, "skipped_steps": 1}


@pytest.mark.parametrize("negatives", ["non_dominant", "both"])
def test_with_a_bank_every_step_has_negatives_and_a_whole_batch_of_positives(toy, negatives, monkeypatch):
    method = toy.build("oracle", negatives=negatives, negative_bank=3, steps=5)
    rows, step = [], method._step
    monkeypatch.setattr(method, "_step", lambda views, batch: rows.append(batch.target_rows) or step(views, batch))
    toy.fit(method)
    assert method.notes_["fallback_steps"] == method.notes_["skipped_steps"] == 0
    anomalous = toy.labels[np.stack(rows)]  # (5, 8 + 3)
    assert not anomalous[:, :8].any()
    assert anomalous[:, 8:].all()
    assert len(set(np.stack(rows)[:2, 8:].ravel())) == 6  # each of the six once before any comes again


def test_without_a_bank_a_small_batch_may_have_no_negatives_and_with_one_never(toy):
    falls = [toy.fit(toy.build("twofold", batch_size=2, steps=20, **bank)).notes_["fallback_steps"]
             for bank in ({}, {"negative_bank": 2})]  # fmt: skip
    assert falls[0] > 0
    assert falls[1] == 0


@pytest.mark.parametrize("fields", [{"negatives": "in_batch"}, {"alignment": "mmd"}, {"alignment": "none"}])
def test_a_bank_is_refused_where_nothing_of_it_would_be_repelled(fields):
    with pytest.raises(UnreadError, match="negative_bank"):
        configure("digits", "type", "optdigits", "3", "twofold", **fields, negative_bank=8)


def test_a_selection_without_negatives_falls_back_in_every_step(toy):
    method = toy.fit(toy.build("twofold", selection="all", steps=3))
    assert (method.notes_["fallback_steps"], method.notes_["skipped_steps"]) == (3, 0)


def test_mmd_aligns_positives_alone(toy):
    method, rows = toy.fit(toy.build("align_all", alignment="mmd", steps=1)), np.arange(6)
    found, _ = step_of(method, toy, range(4), [], rows)
    with torch.no_grad():
        z = [functional.normalize(method.backbone(method.inputs(v).batch(rows)), dim=1) for v in (toy.source, toy.target)]
    expected = method.settings.lambda_alignment * mmd_loss(z[0], z[1][:4])
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_the_selection_is_that_of_the_frozen_encoder_s_space(toy):
    method = toy.fit(toy.build("twofold", steps=1))
    control = toy.build("target_only")
    z = control.embed(toy.target).numpy()
    plain = {"whiten_dims": method.settings.whiten_dims, "dense_share": 0.6, "sparse_share": 0.1, "neighbors": 7}
    expected = select(z, "kmeans", "non_dominant", n_clusters=2, **plain)
    assert np.array_equal(method.selected_, expected.positive)


def test_the_backbone_s_own_space_is_selected_in_again_as_it_changes(toy, monkeypatch):
    seen, real = [], TwoFold._select

    def watched(self, choose):
        seen.append(self.look(self.inputs(toy.target), self.backbone).numpy())
        return real(self, choose)

    monkeypatch.setattr(TwoFold, "_select", watched)
    toy.fit(toy.build("cluster_backbone", steps=6, reclusterings=3, learning_rate=0.05))
    assert len(seen) == 3
    assert not np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[1], seen[2])


def test_in_domain_is_source_only_on_the_target_s_true_normals(toy):
    """What the shift costs: the same recipe where the target's normals stand in for the source."""
    oracle, other = toy.fitted("in_domain"), toy.build("source_only")
    other.fit(toy.target.subset(np.flatnonzero(toy.labels == 0)), toy.source)
    assert np.array_equal(toy.scores(oracle), toy.scores(other))


def test_the_oracle_sees_labels_and_the_paper_s_method_with_the_same_selection_is_the_same(toy):
    assert np.array_equal(toy.fitted("oracle").selected_, toy.labels == 0)


def test_a_centre_of_the_batch_moves_weights_and_not_the_centre_of_the_score(toy):
    fixed, batch = toy.fitted("source_only"), toy.fitted("source_only", center="batch")
    assert torch.equal(fixed.center, batch.center)
    assert not np.array_equal(toy.scores(fixed), toy.scores(batch))


def test_source_only_never_looks_at_the_target(toy):
    other = toy.build("source_only").fit(toy.source, toy.test)
    assert np.array_equal(toy.scores(other), toy.scores(toy.fitted("source_only")))


def test_msc_is_told_by_neighbours_among_the_source(toy):
    method = toy.fitted("source_only", one_class="msc")
    assert np.array_equal(method.seen_, toy.source.contents)
    z = [functional.normalize(method.embed(view), dim=1) for view in (toy.test, toy.source)]
    nearest = torch.cdist(*z).topk(2, largest=False).values.mean(dim=1)
    np.testing.assert_allclose(toy.scores(method), nearest.numpy(), atol=1e-3)
    itself = torch.cdist(z[1], z[1]).fill_diagonal_(torch.inf).topk(2, largest=False).values.mean(dim=1)
    np.testing.assert_allclose(toy.scores(method, toy.source), itself.numpy(), atol=1e-3)


def test_a_discriminator_is_kept_with_what_was_learned(toy):
    state = toy.fitted("twofold", alignment="grl").state()
    assert any(key.startswith("discriminator.") for key in state)
    assert not any(key.startswith("discriminator.") for key in toy.fitted("twofold").state())


# augmentation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "frozen"), [("twofold", 7), ("source_only", 7), ("twofold", 0)])
def test_augmented_training_looks_at_other_pictures_and_nothing_else_does(toy, name, frozen, monkeypatch):
    """Whether a stem is frozen or none: what is trained on is cropped from larger pictures; the centre and the test are not."""
    plain, method = (toy.build(name, frozen_stages=frozen, steps=3, augmentation=kind) for kind in ("none", "baseline"))
    before, steps, step = method.embed(toy.source), [], method._step
    monkeypatch.setattr(method, "_step", lambda views, batch: steps.append(batch) or step(views, batch))
    toy.fit(plain), toy.fit(method)
    for batch in steps:
        for x in (batch.source, batch.target):
            assert x is None or (x.dtype == torch.uint8 and x.shape[-1] == enlarged_px(32) == 37)
    torch.testing.assert_close(method.center, before.mean(dim=0), rtol=0, atol=1e-6)
    scores = toy.scores(method)
    assert np.isfinite(scores).all()
    assert not np.array_equal(scores, toy.scores(plain))
    monkeypatch.undo()
    assert np.array_equal(toy.scores(toy.fit(method)), scores)  # drawn anew from the same seed


def test_augmentation_is_refused_where_the_loss_has_views_of_its_own():
    with pytest.raises(UnreadError, match="augmentation"):
        configure("digits", "type", "optdigits", "3", "twofold", one_class="msc", augmentation="baseline")


# inside or outside --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("quantile", "outside"), [(1.0, 0), (0.75, 6), (0.5, 12), (0.0, 23)])
def test_the_radius_holds_the_share_of_the_source_that_is_asked_for(toy, quantile, outside):
    """24 source pictures whose distances are known: the radius is one of them, and that many lie beyond it."""
    method = toy.fitted("source_only", radius_quantile=quantile)
    distances = (method.embed(toy.source) - method.center).norm(dim=1).sort().values
    assert method.notes_["radius"] == pytest.approx(distances[23 - outside].item(), rel=1e-4)
    assert method.predict(toy.source).sum() == outside
    beyond = (method.embed(toy.test) - method.center).norm(dim=1) > method.notes_["radius"]
    assert np.array_equal(method.predict(toy.test), beyond.int().numpy())
    assert np.array_equal(method.predict(toy.test, toy.scores(method)), method.predict(toy.test))


def test_the_decision_has_its_closed_form(toy):
    method = toy.build("source_only")
    method.register_buffer("edge", torch.tensor(4.0))  # R = 2
    assert method.predict(toy.test, np.array([0.0, 3.99, 4.0, 4.01, np.inf, np.nan])).tolist() == [0, 0, 0, 1, 1, 1]


def test_the_quantile_of_the_radius_moves_no_score(toy):
    all_in, half = (toy.fitted("source_only", **fields) for fields in ({}, {"radius_quantile": 0.5}))
    assert np.array_equal(toy.scores(all_in), toy.scores(half))
    assert half.notes_["radius"] < all_in.notes_["radius"]


def test_msc_decides_by_the_source_s_own_distances_none_of_them_to_itself(toy):
    method = toy.fitted("source_only", one_class="msc")
    assert method.predict(toy.source).sum() == 0
    assert method.edge == pytest.approx(toy.scores(method, toy.source).max(), rel=1e-6)
    assert method.edge > 0
    assert "radius" not in method.notes_


def test_a_restored_method_decides_as_before(toy):
    method = toy.fitted("source_only", radius_quantile=0.5)
    again = toy.build("source_only", radius_quantile=0.5).restore(method.state())
    assert np.array_equal(again.predict(toy.test), method.predict(toy.test))
