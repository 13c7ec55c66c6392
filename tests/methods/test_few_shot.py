"""The few-shot variant: its step by hand, what it sees of the target, and what it says that it was told."""

import numpy as np
import pytest
import torch
from in_domain import in_domain_auroc

from twofold.errors import InputError
from twofold.methods.training import Batch
from twofold.parts.augmentation import contrasted_view, patched
from twofold.results.sentences import run_summary
from twofold.results.statistics import as_frame
from twofold.runs.config import configure
from twofold.runs.run import prepare, run

TASK = ("digits", "type", "optdigits", "3", "few_shot")
TINY = {"steps": 2, "batch_size": 4}


def unit(z):
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def test_a_step_s_terms_are_the_formulas_of_its_batch(toy):
    """Naive loops over every pair, with the same views drawn again from the same seed."""
    method = toy.fit(toy.build("few_shot", steps=1, temperature=0.5))
    rows, view = np.arange(5), contrasted_view(32, 0.7)
    x = method.inputs(toy.source).batch(rows), toy.target.images(rows, 32)
    torch.manual_seed(4)
    with torch.no_grad():
        name, terms = next(method._step(view, Batch(*x, rows, 0.0)))
    torch.manual_seed(4)
    positive = torch.stack([view(picture) for picture in x[1]])
    negative = torch.stack([patched(picture) for picture in positive])
    with torch.no_grad():
        s, p, n = (unit(method.backbone(part).double().numpy()) for part in (toy.source.images(rows, 32), positive, negative))
    center = method.center.double().numpy()
    assert name == "tail"
    assert terms["one_class"].item() == pytest.approx(np.mean([((z - center) ** 2).sum() for z in s]), rel=1e-4)
    losses = []
    for z in s:
        pushed = sum(np.exp(z @ other / 0.5) for other in n)
        losses += [-np.log(np.exp(z @ other / 0.5) / (np.exp(z @ other / 0.5) + pushed)) for other in p]
    assert terms["alignment"].item() == pytest.approx(0.4 * np.mean(losses), rel=1e-4)


def test_it_sees_its_shots_and_no_other_target_picture(toy):
    method = toy.fitted("few_shot", shots=3)
    rows = np.flatnonzero(toy.labels == 0)[:3]
    alone = toy.build("few_shot", shots=3).fit(toy.source, toy.target.subset(rows), np.zeros(3, int))
    assert np.array_equal(toy.scores(alone), toy.scores(method))
    others = toy.build("few_shot", shots=3).fit(toy.source, toy.target.subset(rows[1:]), np.zeros(2, int))
    assert not np.array_equal(toy.scores(others), toy.scores(method))


def test_the_score_is_the_distance_to_the_source_s_mean_before_training(toy):
    method = toy.build("few_shot")
    center = method.embed(toy.source).mean(dim=0)
    toy.fit(method)
    expected = ((method.embed(toy.test) - center) ** 2).sum(dim=1)
    np.testing.assert_allclose(toy.scores(method), expected.numpy(), rtol=1e-4)


def test_training_lowers_the_alignment(toy):
    losses = toy.fit(toy.build("few_shot", steps=30, batch_size=16)).losses_["alignment"]
    assert losses[-5:].mean() < 0.95 * losses[:5].mean()


def test_nothing_frozen_trains_on_pictures(toy):
    assert np.isfinite(toy.scores(toy.fitted("few_shot", frozen_stages=0))).all()


def test_without_a_shift_it_is_well_above_chance():
    assert in_domain_auroc("few_shot") > 85


# what it is told ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "few_shot[shots=10]"),
        ({"shots": 10}, "few_shot[shots=10]"),
        ({"shots": 3}, "few_shot[shots=3]"),
        ({"steps": 7, "shots": 3}, "few_shot[shots=3,steps=7]"),
    ],
)
def test_its_name_says_how_many_shots_even_where_nobody_asked(fields, name):
    config = configure(*TASK, **fields)
    assert (config.name, config.shots, config.told, config.oracle) == (name, fields.get("shots", 10), "shots", False)


def test_visda_is_told_a_hundred_in_the_paper_s_preset():
    assert configure("visda2017", "train", "validation", "bus", "few_shot", "paper").shots == 100


def test_result_row_figure_and_summary_say_how_many_shots():
    result, finished = run(prepare(configure(*TASK, shots=4, **TINY)))
    assert (result["told"], result["shots"], result["oracle"]) == ("shots", 4, False)
    assert result["method"].startswith("few_shot[shots=4,")
    assert as_frame([result])["words"].item().endswith(", 4 shots")
    assert "told shots: 4 labelled target pictures" in run_summary(result)
    assert finished.method.selected_ is None


def test_a_run_fits_on_the_first_normals_that_are_not_tested(monkeypatch):
    from twofold.methods.few_shot import FewShot

    seen, real = [], FewShot.fit
    monkeypatch.setattr(FewShot, "fit", lambda self, *args: seen.append(args) or real(self, *args))
    prepared = prepare(configure(*TASK, shots=5, **TINY))
    run(prepared)
    _, target, told = seen[0]
    assert np.array_equal(target.contents, prepared.task.target_normals.contents[:5])
    assert told.tolist() == [0] * 5
    assert not set(target.contents) & set(prepared.task.target_test.contents)


def test_more_shots_than_half_of_the_normals_are_refused_in_one_line():
    most = len(prepare(configure(*TASK)).task.target_normals) // 2
    prepare(configure(*TASK, shots=most))
    with pytest.raises(InputError, match=f"wanted shots from 1 to {most}, half of the .* of '3'.*got {most + 1}; lower"):
        prepare(configure(*TASK, shots=most + 1))
    with pytest.raises(InputError, match="wanted shots"):
        configure(*TASK, shots=0)


def test_other_shots_make_another_hash():
    hashes = {prepare(configure(*TASK, shots=shots)).config_hash for shots in (4, 5)}
    assert len(hashes) == 2


def test_patches_that_cannot_be_are_refused():
    with pytest.raises(InputError, match=r"wanted smallest_patch up to largest_patch 0\.1, got 0\.5"):
        configure(*TASK, smallest_patch=0.5, largest_patch=0.1)
