"""PyOD's detectors: scores against the package used by hand, what is saved, and one line where it is not installed."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize

from twofold.errors import InputError
from twofold.methods import pyod as module
from twofold.methods.pyod import DETECTORS, tails_alone

installed = pytest.mark.skipif(find_spec("pyod") is None, reason="the extra twofold[peers] is not installed")


def layers(method, view):
    return [normalize(space.double().numpy()) for space in method.spaces(method.embed(view))]


def fused(raw, own):
    parts = []
    for found, fitted in zip(raw, own, strict=True):
        low, middle, high = np.quantile(fitted, [0.25, 0.5, 0.75])
        parts.append((found - middle) / (high - low))
    return np.mean(parts, axis=0)


@installed
@pytest.mark.parametrize("fitted_on", ["source", "target", "both"])
@pytest.mark.parametrize("name", ["knn", "ocsvm", "iforest"])
def test_scores_are_those_of_the_package_on_each_layer(toy, name, fitted_on):
    from pyod.models.iforest import IForest
    from pyod.models.knn import KNN
    from pyod.models.ocsvm import OCSVM

    method = toy.fitted(f"pyod:{name}", fitted_on=fitted_on)
    views = {"source": [toy.source], "target": [toy.target], "both": [toy.source, toy.target]}[fitted_on]
    detectors = []
    for parts in zip(*(layers(method, view) for view in views), strict=True):
        new = {"knn": KNN(), "ocsvm": OCSVM(), "iforest": IForest(random_state=0)}[name]
        detectors.append(new.fit(np.concatenate(parts)))
    own = [detector.decision_scores_ for detector in detectors]
    raw = [detector.decision_function(z) for detector, z in zip(detectors, layers(method, toy.test), strict=True)]
    np.testing.assert_allclose(toy.scores(method), fused(raw, own), rtol=1e-6, atol=1e-8)
    known = np.concatenate([toy.scores(method, view) for view in views])
    np.testing.assert_allclose(known, fused(own, own), rtol=1e-6, atol=1e-8)
    assert len(detectors) == 4


@installed
@pytest.mark.parametrize("name", ["ecod", "copod"])
def test_a_picture_alone_is_judged_as_the_package_judges_one_picture(name):
    from pyod.models.copod import COPOD
    from pyod.models.ecod import ECOD

    rng = np.random.default_rng(0)
    fitted_to, rows = rng.gamma(2, size=(30, 12)), rng.gamma(2, size=(9, 12))
    fitted_to[:, :2], rows[:, :2] = 0, [0, 1]  # a feature that never moves, and one that moves for these alone
    fitted_to[:, 2:4], rows[:, 2:4] = rng.integers(0, 3, (30, 2)), rng.integers(0, 3, (9, 2))  # ties
    fitted_to[:, 4] *= -1
    rows[0] = fitted_to[0]
    detector = {"ecod": ECOD, "copod": COPOD}[name]().fit(fitted_to)
    expected = [detector.decision_function(row[None])[0] for row in rows]
    found = tails_alone(torch.tensor(rows), torch.tensor(fitted_to), name == "ecod")
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)


@installed
@pytest.mark.parametrize("name", ["ecod", "copod"])
def test_the_tails_are_those_of_the_package_on_each_layer(toy, name):
    from pyod.models.copod import COPOD
    from pyod.models.ecod import ECOD

    method, few = toy.fitted(f"pyod:{name}", fitted_on="target"), [0, 5, 30]
    detectors = [{"ecod": ECOD, "copod": COPOD}[name]().fit(z) for z in layers(method, toy.target)]
    own = [detector.decision_scores_ for detector in detectors]
    raw = [
        np.array([detector.decision_function(row[None])[0] for row in z[few]])
        for detector, z in zip(detectors, layers(method, toy.test), strict=True)
    ]
    np.testing.assert_allclose(toy.scores(method)[few], fused(raw, own), rtol=1e-4)


@installed
def test_deep_svdd_follows_the_seed_and_nobody_else_s_random_numbers(toy):
    scores = []
    for noise in (1, 2):
        np.random.seed(noise)  # noqa: NPY002
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        scores.append(toy.scores(toy.fit(toy.build("pyod:deepsvdd"))))
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert np.array_equal(*scores)
    assert not np.array_equal(scores[0], toy.scores(toy.fit(toy.build("pyod:deepsvdd", seed=1))))


@installed
@pytest.mark.parametrize("name", DETECTORS)
def test_without_any_shift_it_is_well_above_chance(toy, name):
    normals = toy.target.subset(np.flatnonzero(toy.labels == 0))
    method = toy.build(f"pyod:{name}", fitted_on="source").fit(normals, toy.source)
    assert roc_auc_score(toy.test_labels, toy.scores(method)) > 0.85


@installed
def test_what_is_saved_are_the_features_that_were_fitted_to(toy):
    method = toy.fitted("pyod:iforest", fitted_on="both")
    assert list(method.state()) == ["fitted_to"]
    assert torch.equal(method.state()["fitted_to"], torch.cat([method.embed(toy.source), method.embed(toy.target)]))


@installed
def test_two_pictures_are_enough_for_every_detector(toy):
    for name in DETECTORS:
        method = toy.build(f"pyod:{name}", fitted_on="source").fit(toy.source.subset([0, 1]), toy.target)
        assert np.isfinite(toy.scores(method)).all()


def test_where_the_package_is_not_installed_one_line_says_so(toy, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"^wanted the package pyod, got none; .*pip install 'twofold\[peers\]'$"):
        toy.build("pyod:knn")
