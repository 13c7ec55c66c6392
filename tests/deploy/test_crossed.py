"""A picture that is judged as a new one has had no part in its judge, nor has its copy."""

import numpy as np
import pytest

from twofold.data.domains import View
from twofold.data.folders import load_pictures
from twofold.deploy import crossed as room
from twofold.deploy.crossed import PARTS, crossed, dealt, unseen


@pytest.fixture(scope="module")
def views(folders):
    return tuple(
        View(domain, np.arange(len(domain))) for domain in (load_pictures(folders[0] / n) for n in ("source", "target"))
    )


def test_every_picture_is_judged_once_by_a_detector_of_the_other_parts(fitted, views, monkeypatch):
    method, (source, target) = fitted("pooled_gaussian").method_, views
    target = target.subset([*range(len(target)), 0, 1])  # two copies
    fits = []
    twin = type(method).twin

    def watched(self):
        other = twin(self)
        fit, score, mine = other.fit, other.anomaly_score, []
        fits.append(mine)  # twins may be fitted at the same time
        other.fit = lambda source, view: mine.append(set(view.contents)) or fit(source, view)
        other.anomaly_score = lambda view: mine.append(set(view.contents)) or score(view)
        return other

    monkeypatch.setattr(type(method), "twin", watched)
    scores = crossed(method, source, target, dealt(target, PARTS))
    assert len(fits) == PARTS
    assert all(learned | judged == set(target.contents) and not learned & judged for learned, judged in fits)
    assert sum(len(judged) for _, judged in fits) == len(set(target.contents))
    np.testing.assert_allclose(scores[-2:], scores[:2])


def test_the_fitted_method_stays_as_it_is_and_the_same_is_found_again(fitted, views):
    method, (source, target) = fitted("pooled_gaussian").method_, views
    before = {name: value.clone() for name, value in method.state().items()}
    held_out = method.anomaly_score(target)
    np.testing.assert_array_equal(unseen(method, source, target, held_out), unseen(method, source, target, held_out))
    assert all((method.state()[name] == value).all() for name, value in before.items())
    np.testing.assert_array_equal(method.anomaly_score(target), held_out)


def test_held_out_scores_stand_in_where_fitting_again_would_take_long(fitted, views, monkeypatch):
    source, target = views
    held_out = np.arange(float(len(target)))
    assert unseen(fitted("twofold").method_, source, target, held_out) is held_out
    monkeypatch.setattr(room, "MOST", len(target) - 1)
    assert unseen(fitted("pooled_gaussian").method_, source, target, held_out) is held_out


def test_more_pictures_are_dealt_into_fewer_parts(fitted, views, monkeypatch):
    (source, target), asked = views, []
    monkeypatch.setattr(room, "crossed", lambda method, source, target, part_of: asked.append(len(np.unique(part_of))))
    for most in (len(target), len(target) - 1):
        monkeypatch.setattr(room, "MANY", most)
        unseen(fitted("pooled_gaussian").method_, source, target, np.zeros(len(target)))
    assert asked == [PARTS, PARTS // 2]


def test_pictures_of_no_part_are_judged_by_none(fitted, views):
    method, (source, target) = fitted("pooled_gaussian").method_, views
    some = dealt(target, 2)
    scores = crossed(method, source, target, np.where(some == 1, -1, some))
    np.testing.assert_array_equal(np.isnan(scores), some == 1)
