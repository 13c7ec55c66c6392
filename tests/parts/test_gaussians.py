"""The pooled Gaussian: closed forms, an independent reference, laws, and what trimming owes to held-out distances."""

import tracemalloc

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize

from twofold.parts import gaussians
from twofold.parts.fusion import fused, spread
from twofold.parts.gaussians import Products, _held_out, fit_gaussian, products
from twofold.parts.gaussians import fit_pooled as fit_pooled_fully
from twofold.parts.neighbors import contrast


def fit_pooled(source, target, kept_share=0.85, source_weight=None, kept=None):
    return fit_pooled_fully(source, target, kept_share, source_weight, kept)


def scored(fitted, spaces):
    """The mean of levels on the scale of the kept, as the method scores."""
    levels = [np.log1p(g.distance(normalize(space))) for g, space in zip(fitted.gaussians, spaces, strict=True)]
    return fused(levels, [spread(level[fitted.kept]) for level in fitted.levels])


def held_out_scores(fitted):
    return fused(fitted.levels, [spread(level[fitted.kept]) for level in fitted.levels])


def scene(n_anomalous=10, n=100, d=40, seed=0):
    """Source and target normals that share their spread, and anomalies elsewhere: source, target, labels."""
    rng = np.random.default_rng(seed)
    spread = rng.normal(size=(d, d)) / np.sqrt(d)
    source = rng.normal(size=(150, d)) @ spread + 6
    normal = rng.normal(size=(n - n_anomalous, d)) @ spread + rng.normal(size=d) + 6
    anomalous = rng.normal(size=(n_anomalous, d)) @ spread + 2.5 * rng.normal(size=d) + 6
    return source, np.concatenate([normal, anomalous]), np.repeat([0, 1], [n - n_anomalous, n_anomalous])


@pytest.mark.parametrize(("n", "d"), [(30, 80), (80, 30)])
def test_the_covariance_is_ledoit_and_wolf_s_in_both_shapes(n, d):
    rows = np.random.default_rng(0).normal(size=(n, d)) * np.linspace(0.5, 3, d)
    rows -= rows.mean(axis=0)
    covariance, shrinkage = ledoit_wolf(rows, assume_centered=True)
    fitted = fit_gaussian(np.zeros(d), rows, np.ones(n))
    assert fitted.shrinkage == pytest.approx(shrinkage, rel=1e-6)
    x = np.random.default_rng(1).normal(size=(5, d))
    expected = np.einsum("ij,jk,ik->i", x, np.linalg.inv(covariance), x)
    np.testing.assert_allclose(fitted.distance(x), expected, rtol=1e-6)


def test_a_whole_weight_is_the_same_as_a_repeated_row():
    rows = np.random.default_rng(0).normal(size=(12, 5))
    twice = fit_gaussian(np.zeros(5), rows, np.full(12, 2.0))
    once = fit_gaussian(np.zeros(5), rows, np.ones(12))
    np.testing.assert_allclose(twice.distance(rows), once.distance(rows))


def test_unequal_weights_shrink_as_their_effective_number_of_rows_asks():
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(9, 4)) * [1, 2, 3, 4], rng.random(9) + 0.1
    share = weights / weights.sum()
    scatter = (rows * share[:, None]).T @ rows
    level, squares = np.trace(scatter) / 4, (scatter**2).sum()
    each = [((np.outer(row, row) - scatter) ** 2).sum() for row in rows]
    shrinkage = (share**2).sum() * (share @ each) / (squares - 4 * level**2)
    assert 0.01 < shrinkage < 0.99
    fitted = fit_gaussian(np.zeros(4), rows, weights)
    assert fitted.shrinkage == pytest.approx(shrinkage)
    covariance = (1 - shrinkage) * scatter + shrinkage * level * np.eye(4)
    np.testing.assert_allclose(fitted.distance(rows), np.einsum("ij,jk,ik->i", rows, np.linalg.inv(covariance), rows))


def test_the_distance_is_zero_at_the_mean_and_grows_away_from_it():
    rows = np.random.default_rng(0).normal(size=(20, 6))
    fitted = fit_gaussian(np.full(6, 3.0), rows, np.ones(20))
    away = np.full(6, 3.0) + np.outer([0, 1, 2], np.ones(6))
    first, second, third = fitted.distance(away)
    assert first == pytest.approx(0)
    assert third == pytest.approx(4 * second)


def test_trimming_finds_the_anomalies_that_in_sample_distances_hide():
    source, target, labels = scene()
    fitted = fit_pooled([source], [target])
    assert fitted.kept.sum() == 85
    assert labels[fitted.kept].mean() < 0.03
    assert roc_auc_score(labels, held_out_scores(fitted)) > 0.95


@pytest.mark.parametrize("by_products", [False, True])
@pytest.mark.parametrize(("n", "d", "weight"), [(20, 60, 0.0), (20, 60, 0.3), (60, 5, 1.0), (2, 4, 1.0), (3, 4, 0.0)])
def test_a_picture_is_judged_by_the_gaussian_of_the_others(n, d, weight, by_products):
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(30, d)), rng.normal(size=(n + 5, d))
    kept = np.arange(n + 5) < n
    known = products_of(source, target).of_all(0) if by_products else None
    *_, found = _held_out(source, target, kept, [0.1, 0.0, weight], known)  # others beside it change nothing
    total, shrinkage = n + weight * 30, found.gaussian.shrinkage
    level = np.trace(covariance(source, target[kept], weight)) / d
    expected, determinants = [], []
    for i in range(n):  # anew without the picture, from the definition
        others = target[kept & (np.arange(n + 5) != i)]
        sigma = (1 - shrinkage) * covariance(source, others, weight)
        sigma += shrinkage * level * total / (total - 1) * np.eye(d)
        u = target[i] - others.mean(axis=0)
        expected.append(u @ np.linalg.solve(sigma, u))
        determinants.append(np.linalg.slogdet(sigma)[1])
    np.testing.assert_allclose(found.distance[:n], expected, rtol=1e-8)
    np.testing.assert_allclose(found.distance[n:], found.gaussian.distance(target[n:]))
    assert found.likelihood == pytest.approx(-(np.array(expected) + determinants).mean() / 2)


def products_of(source, target):
    return Products(products([target]), products([target], [source]), products([source]))


def test_products_of_more_pictures_serve_any_part_of_them_and_many_pictures_do_without(monkeypatch):
    """Whichever mean they are measured from, and whether they are known at all, the same is found."""
    source, target, _ = scene(n=60, d=120)
    part = np.random.default_rng(2).permutation(60)[:40]
    whole = products_of(normalize(source[:40]), normalize(target))
    known = Products(whole.target[:, part][:, :, part], whole.across[:, part], whole.source)
    alone = fit_pooled([source[:40]], [target[part]])
    shared = fit_pooled_fully([source[:40]], [target[part]], 0.85, None, known=known)
    monkeypatch.setattr(gaussians, "FEW", 0)
    without = fit_pooled([source[:40]], [target[part]])
    for other in (shared, without):
        np.testing.assert_array_equal(other.kept, alone.kept)
        np.testing.assert_allclose(other.levels[0], alone.levels[0], rtol=1e-9)
        assert other.source_weights == alone.source_weights
        assert other.contrast == pytest.approx(alone.contrast)


def test_both_domains_products_are_joined_only_where_rows_are_fewer_than_dimensions(monkeypatch):
    joined, real = [], Products.of_all
    monkeypatch.setattr(Products, "of_all", lambda self, space: joined.append(space) or real(self, space))
    source, target, _ = scene(n=60, d=400)
    rows = len(source) + len(target)
    fit_pooled([source, source[:, :rows]], [target, target[:, :rows]])
    assert joined == [0]


def covariance(source, kept, weight):
    """Scatter of both about their own means, by the sum of the weights."""
    centred, other = kept - kept.mean(axis=0), source - source.mean(axis=0)
    return (centred.T @ centred + weight * other.T @ other) / (len(kept) + weight * len(source))


def test_no_order_of_the_pictures_plays_a_part():
    source, target, _ = scene()
    order = np.random.default_rng(1).permutation(len(target))
    here, there = fit_pooled([source], [target]), fit_pooled([source[::-1]], [target[order]])
    np.testing.assert_array_equal(here.kept[order], there.kept)
    np.testing.assert_allclose(held_out_scores(here)[order], held_out_scores(there), rtol=1e-8)


def test_the_source_s_scatter_is_about_its_own_mean():
    rng = np.random.default_rng(0)
    source, target, kept = rng.normal(size=(30, 5)), rng.normal(size=(20, 5)), np.ones(20, bool)
    here, away = (_held_out(s, target, kept, [1.0])[0].gaussian for s in (source, source + 100))
    np.testing.assert_allclose(away.distance(target), here.distance(target))
    assert not np.allclose(_held_out(source * 2, target, kept, [1.0])[0].gaussian.distance(target), here.distance(target))


def test_a_level_is_the_logarithm_of_the_held_out_distance_in_its_own_space():
    source, target, _ = scene()
    narrow = [space[:, :6] for space in (source, target)]
    fitted = fit_pooled([source, narrow[0]], [target, narrow[1]], source_weight=0.3)
    for s, t, level in zip((source, narrow[0]), (target, narrow[1]), fitted.levels, strict=True):
        held = _held_out(normalize(s), normalize(t), fitted.kept, [0.3])[0].distance
        np.testing.assert_allclose(level, np.log(1 + held))


def test_more_than_one_space_is_the_mean_of_their_scores():
    source, target, _ = scene()
    one = fit_pooled([source], [target])
    two = fit_pooled([source, source], [target, target])
    np.testing.assert_allclose(scored(two, [target, target]), scored(one, [target]))


def test_the_score_ignores_where_the_source_is_but_not_how_it_varies():
    source, target, labels = scene()
    kept = labels == 0
    here = scored(fit_pooled([source], [target], kept=kept), [target])
    left_out = scored(fit_pooled([source], [target], source_weight=0.0, kept=kept), [target])
    alone = scored(fit_pooled([normalize(target)], [target], source_weight=0.0, kept=kept), [target])
    assert not np.allclose(here, left_out)
    np.testing.assert_array_equal(left_out, alone)


def test_the_order_of_the_source_and_the_length_of_features_do_not_matter():
    source, target, _ = scene()
    first = scored(fit_pooled([source], [target]), [target])
    np.testing.assert_allclose(scored(fit_pooled([source[::-1] * 7], [target]), [target * 3]), first, rtol=1e-6)


def test_twenty_pictures_and_equal_pictures_are_enough():
    source, target, _ = scene(n_anomalous=2, n=20)
    assert np.isfinite(scored(fit_pooled([source], [target]), [target])).all()
    alike = fit_pooled([np.ones((4, 3))], [np.ones((3, 3))])
    assert np.isfinite(scored(alike, [np.ones((2, 3))])).all()


def test_spaces_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="the same 2 or more pictures"):
        fit_pooled([np.ones((4, 3))], [np.ones((3, 3)), np.ones((2, 3))])
    with pytest.raises(ValueError, match=r"widths \[3\] against \[2\]"):
        fit_pooled([np.ones((4, 2))], [np.ones((3, 3))])


def test_the_contrast_is_the_mean_over_spaces():
    source, target, _ = scene()
    fitted = fit_pooled([source, source[:, :10]], [target, target[:, :10]])
    assert fitted.contrast == pytest.approx((contrast(target) + contrast(target[:, :10])) / 2)
    assert fit_pooled([source], [np.repeat(target[:1], 30, axis=0)]).contrast == 0


def test_the_solved_map_gives_the_distance_in_both_shapes():
    """What a method keeps of a Gaussian, ``map`` and ``sphere``, is the whole of its distance."""
    for n, d in ((12, 30), (60, 15)):
        rows = np.random.default_rng(0).normal(size=(n, d))
        fitted, x = fit_gaussian(np.full(d, 0.5), rows, np.ones(n)), np.random.default_rng(1).normal(size=(7, d))
        squares = (((x - 0.5) @ fitted.map.T) ** 2).sum(axis=1)
        expected = squares if fitted.rows is None else fitted.sphere * ((x - 0.5) ** 2).sum(axis=1) - squares
        np.testing.assert_allclose(expected, fitted.distance(x), rtol=1e-8)


def test_the_log_determinant_is_the_covariance_s_in_both_shapes():
    for n, d in ((12, 30), (60, 15)):
        rows = np.random.default_rng(0).normal(size=(n, d)) * np.linspace(0.5, 3, d)
        covariance, _ = ledoit_wolf(rows, assume_centered=True)
        fitted = fit_gaussian(np.zeros(d), rows, np.ones(n))
        assert fitted.log_determinant == pytest.approx(np.linalg.slogdet(covariance)[1], rel=1e-6)


def test_a_source_that_varies_as_the_target_is_trusted_and_one_that_does_not_is_left_out():
    source, target, _ = scene(n=60)
    stranger = np.random.default_rng(5).normal(size=source.shape) * np.linspace(0.01, 30, source.shape[1])
    assert fit_pooled([source], [target]).source_weights == [1.0]
    assert fit_pooled([stranger], [target]).source_weights == [0.0]
    assert fit_pooled([source, stranger], [target, target]).source_weights == [1.0, 0.0]
    assert fit_pooled([stranger], [target], source_weight=0.3).source_weights == [0.3]


def test_memory_grows_with_the_pictures_and_not_with_their_square():
    def peak(n):
        rng = np.random.default_rng(0)
        source, target = rng.normal(size=(n, 8)), rng.normal(size=(n, 8))
        tracemalloc.start()
        fit_pooled([source], [target])
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(200)
    assert peak(4000) < 6 * peak(1000)


def test_a_fit_needs_less_than_three_times_its_features():
    rng = np.random.default_rng(0)
    source, target = ([rng.normal(size=(n, 60)).astype(np.float32) for _ in range(4)] for n in (50, 6000))
    tracemalloc.start()
    fit_pooled(source, target)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 8 * 6000 * 240
