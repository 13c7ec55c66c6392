"""Classical adaptation with everything: which term each of the three entries adds, on all of the target."""

import numpy as np
import pytest
import torch
from in_domain import in_domain_auroc

from twofold.methods.training import Batch
from twofold.parts.alignment import domain_adversarial_loss, mmd_loss, reversal_strength
from twofold.parts.augmentation import plain_views


def batch_of(method, toy, progress):
    rows = np.arange(6)
    return Batch(*(method.inputs(view).batch(rows) for view in (toy.source, toy.target)), rows, progress)


@pytest.mark.parametrize("name", ["align_all", "dann_all", "mmd_all"])
def test_every_target_picture_is_aligned_the_anomalies_among_them(toy, name):
    assert toy.fitted(name).selected_.all()
    assert toy.fitted(name).notes_["skipped_steps"] == 0


def test_mmd_all_adds_the_discrepancy_of_all_pictures_of_a_batch(toy):
    method = toy.fitted("mmd_all")
    batch = batch_of(method, toy, 0.5)
    with torch.no_grad():
        _, terms = next(method._step((plain_views,) * 2, batch))
        expected = mmd_loss(method.features(batch.source), method.features(batch.target))
    torch.testing.assert_close(terms["alignment"], method.settings.lambda_alignment * expected, rtol=1e-4, atol=1e-6)


def test_dann_all_adds_the_discriminator_s_loss_and_climbs_it_as_far_as_the_schedule_says(toy):
    method = toy.fit(toy.build("dann_all"))
    batch, slopes = batch_of(method, toy, 0.5), []
    weight = next(parameter for parameter in method.backbone.tail.parameters() if parameter.requires_grad)
    for reversed_ in (True, False):
        method.zero_grad()
        logits = [method.discriminator(method.features(part)) for part in (batch.source, batch.target)]
        loss = method.settings.lambda_alignment * domain_adversarial_loss(*logits)
        if reversed_:
            _, terms = next(method._step((plain_views,) * 2, batch))
            torch.testing.assert_close(terms["alignment"], loss, rtol=1e-4, atol=1e-6)
            loss = terms["alignment"]
        loss.backward()
        slopes.append((weight.grad.clone(), method.discriminator[0].weight.grad.clone()))
    torch.testing.assert_close(slopes[0][1], slopes[1][1], rtol=1e-3, atol=1e-7)
    torch.testing.assert_close(slopes[0][0], -reversal_strength(0.5) * slopes[1][0], rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("name", ["dann_all", "mmd_all"])
def test_without_a_shift_they_are_well_above_chance(name):
    assert in_domain_auroc(name) > 85
