"""What is said of a detector without a label: laws of each number."""

import numpy as np
import pytest

from twofold.deploy.trust import Trust, agreement, contamination, crowds, domain_distance
from twofold.parts.neighbors import unit_rows

RNG = np.random.default_rng


def cloud(n, d=16, at=0.0, seed=0):
    return unit_rows(RNG(seed).normal(size=(n, d)) + at)


def test_one_cloud_has_no_distance_from_itself_and_two_far_ones_have_all():
    assert domain_distance(cloud(300, seed=1), cloud(300, seed=2)) < 0.15
    assert domain_distance(cloud(50, at=9.0), cloud(80, at=np.repeat([9.0, -9.0], 8))) == 1.0
    near, far = (domain_distance(cloud(200, seed=1), cloud(200, at=at, seed=2)) for at in (0.3, 1.0))
    assert near < far
    assert domain_distance(cloud(60, seed=1), cloud(40, at=1.0)) == domain_distance(cloud(40, at=1.0), cloud(60, seed=1))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_crowds_are_counted(k):
    centers = RNG(1).normal(size=(k, 32)) * 4
    assert crowds(unit_rows(np.concatenate([RNG(i).normal(size=(40, 32)) + center for i, center in enumerate(centers)]))) == k


def test_a_few_strangers_and_pictures_that_are_all_alike_are_no_crowd():
    assert crowds(np.concatenate([cloud(60), cloud(3, at=20.0)])) == 1
    assert crowds(np.tile(cloud(1), (40, 1))) == 1
    assert crowds(cloud(4)) == 1


def test_layers_agree_with_themselves_and_not_with_noise():
    one, other = cloud(200, seed=1), cloud(200, seed=2)
    assert agreement([one]) is None
    assert agreement([one, one]) == pytest.approx(1)
    assert abs(agreement([one, other])) < 0.2
    assert agreement([np.tile(one[:1], (20, 1))] * 2) == 0.0  # all alike: no order


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.3])
def test_strangers_far_out_are_counted_within_the_interval_whatever_the_scale(share):
    strangers = round(share * 200)
    scores = np.concatenate([RNG(0).normal(size=200 - strangers), RNG(1).normal(12, 1, size=strangers)])
    low, high = contamination(scores)
    assert 0 <= low <= share <= high <= 0.5
    assert share == 0 or low > 0
    assert contamination(7 * scores - 3) == (low, high)


def trust(**changed):
    fields = {"kept": 40, "contamination": (0.0, 0.3), "agreement": 0.8, "stability": 0.9, "domain_distance": 1.0}
    return Trust(**fields | {"crowds": 1, "contrast": 0.4, "weak": False} | changed)


def test_a_person_is_told_what_matters_and_the_warning_first():
    assert not any("WEAK" in line or "groups" in line for line in trust().words())
    assert "0% to 30%" in trust().words()[0]
    assert "unknown" in trust(contamination=None).words()[0]
    assert trust(weak=True).words()[0].startswith("WEAK")
    assert any("3 groups" in line for line in trust(crowds=3).words())
    assert "None" not in " ".join(trust(agreement=None, stability=None).words())
    assert all(trust(agreement=None, stability=None).words())
