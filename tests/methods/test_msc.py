"""MSC as a method of its own: its two terms on the views of a batch, and the source alone."""

import numpy as np
import pytest
import torch
from in_domain import in_domain_auroc
from torch.nn import functional

from twofold.methods.training import Batch
from twofold.parts.augmentation import msc_views, plain_views
from twofold.parts.one_class import msc_loss


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_a_step_adds_the_squared_distance_of_each_view_to_the_unit_centre(toy, weight):
    method = toy.fit(toy.build("msc", steps=1, lambda_angular=weight))
    x, views = toy.source.images(range(5), 32), msc_views(32)
    torch.manual_seed(2)
    with torch.no_grad():
        _, terms = next(method._step((views, plain_views), Batch(x, None, None, 0.0)))
    torch.manual_seed(2)
    with torch.no_grad():
        z = functional.normalize(method.backbone(views(x)), dim=1)
    first, second, center = z[0::2], z[1::2], method.center
    if weight:
        center = center / center.norm()
    angular = sum(((view - center) ** 2).sum(dim=1).mean() for view in (first, second))
    torch.testing.assert_close(
        terms["one_class"], msc_loss(first, second, center, 0.25) + weight * angular, rtol=1e-4, atol=1e-5
    )


def test_it_never_looks_at_the_target(toy):
    other = toy.build("msc").fit(toy.source, toy.test)
    assert np.array_equal(toy.scores(other), toy.scores(toy.fitted("msc")))


def test_without_a_shift_it_is_well_above_chance():
    assert in_domain_auroc("msc", steps=40) > 85
