"""THE loop: it learns, it repeats bit for bit, it survives tiny domains, and collapse is seen."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from twofold.methods.training import Inputs, extract, row_stream
from twofold.runs.config import configure
from twofold.runs.presets import METHODS
from twofold.runs.run import prepare, run

TASK = ("digits", "type", "optdigits", "3")
TINY = {"steps": 4, "batch_size": 8, "reclusterings": 2}
VARIANTS = [
    {"method": "twofold", "selection": selection, "negatives": negatives}
    for selection in ("kmeans", "gmm", "meanshift", "knn", "all", "oracle")
    for negatives in ("non_dominant", "sparse_tail", "in_batch", "both")
]
VARIANTS += [{"method": "twofold", "alignment": alignment} for alignment in ("mmd", "grl", "none")]
VARIANTS += [{"method": method, "one_class": "msc"} for method in ("source_only", "twofold")]
VARIANTS += [{"method": "twofold", "center": "batch"}, {"method": "twofold", "train_batch_norm": True}]
VARIANTS += [{"method": "source_only", "frozen_stages": 0}, {"method": "random_init", "seed": 3}]


@pytest.mark.parametrize("fields", [{"method": m} for m in METHODS] + VARIANTS, ids=lambda f: "-".join(map(str, f.values())))
def test_every_method_and_combination_of_axes_scores_every_test_picture(fields):
    prepared = prepare(configure(*TASK, **{**TINY, **fields}))
    result, fitted = run(prepared)
    n = len(prepared.task.target_test)
    assert fitted.scores.shape == (n,)
    assert fitted.features.shape[0] == n
    assert np.isfinite(fitted.scores).all()
    if fields.get("method") == "pooled_gaussian":  # standardised: 0 is a usual picture
        assert result["contrast"] == fitted.contrast > 0
    else:
        assert (fitted.scores >= 0).all()
        assert result["contrast"] is None
    assert 0 <= result["auroc"] <= 100
    assert result["error"] is None
    assert result["oracle"] == ("oracle" in result["method"])
    if fitted.training is not None:
        assert len(fitted.training.losses["one_class"]) == TINY["steps"]


@pytest.mark.parametrize("method", ["twofold", "cluster_backbone", "zero_shot"])
def test_the_same_seed_gives_the_same_scores_bit_for_bit(method):
    first, again, other = (run(prepare(configure(*TASK, method, seed=seed, **TINY)))[1].scores for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_training_lowers_the_loss_and_moves_only_the_tail():
    prepared = prepare(configure(*TASK, "oracle", steps=40))
    _, fitted = run(prepared)
    losses = fitted.training.losses
    total = losses["one_class"] + losses["alignment"]
    assert total[-5:].mean() < total[:5].mean()
    assert all(not p.requires_grad for p in fitted.backbone.stem_network.parameters())


def test_batch_norm_statistics_stay_those_of_pretraining_unless_asked():
    config = configure(*TASK, "source_only", **TINY)
    frozen = run(prepare(config))[1].backbone.state_dict()
    moving = run(prepare(replace(config, train_batch_norm=True)))[1].backbone.state_dict()
    fresh = run(prepare(replace(config, learning_rate=1e-12)))[1].backbone.state_dict()
    name = next(name for name in frozen if name.startswith("tail") and name.endswith("running_mean"))
    assert torch.equal(frozen[name], fresh[name])
    assert not torch.equal(moving[name], fresh[name])


def test_a_huge_learning_rate_is_called_collapsed():
    result, _ = run(prepare(configure(*TASK, "source_only", learning_rate=5.0, clip_norm=0.0, steps=20)))
    assert result["collapsed"] is True


def test_a_selection_without_negatives_falls_back_and_is_counted():
    prepared = prepare(configure(*TASK, "twofold", selection="all", **TINY))
    result, _ = run(prepared)
    assert result["steps"] == {"total": 4, "fallback": 4, "skipped": 0}


def test_batches_larger_than_a_domain_hold_every_row_before_any_repeats():
    stream = row_stream(5, 12, np.random.default_rng(0))
    batch = next(stream)
    assert len(batch) == 12
    assert np.bincount(batch).max() - np.bincount(batch).min() <= 1


def test_a_batch_larger_than_the_whole_target_trains():
    result, _ = run(prepare(configure(*TASK, "twofold", steps=2, batch_size=300)))
    assert result["error"] is None


def test_msc_reads_pictures_and_its_score_is_a_neighbour_distance():
    prepared = prepare(configure(*TASK, "source_only", one_class="msc", **TINY))
    _, fitted = run(prepared)
    source = Inputs(prepared.task.source_train, fitted.backbone, None)
    assert source.batch(np.arange(2)).dtype == torch.uint8
    bank = extract(fitted.backbone, source, normalize=True)
    nearest = torch.cdist(fitted.features, bank).topk(2, largest=False).values.mean(dim=1)
    np.testing.assert_allclose(fitted.scores, nearest.numpy(), atol=1e-3)


def test_a_tested_picture_is_not_its_own_neighbour():
    config = configure(*TASK, "target_only", transductive=True)
    _, fitted = run(prepare(config))
    assert fitted.scores.min() > 0.05  # its own distance of zero would pull the mean of seven down by a seventh
    task = prepare(config).task
    own = task.target_test.rows_in(task.target_train)
    z = torch.nn.functional.normalize(fitted.features, dim=1)
    bank = z[[int(np.flatnonzero(own == row)[0]) for row in range(len(task.target_train))]]
    distances = torch.cdist(z, bank)
    inside = torch.as_tensor(own >= 0)
    distances[inside, torch.as_tensor(own)[inside]] = torch.inf
    expected = distances.topk(7, largest=False).values.mean(dim=1)
    np.testing.assert_allclose(fitted.scores, expected.numpy(), atol=1e-3)


def test_a_diverged_run_that_selects_again_is_collapsed_and_not_failed():
    fields = {"learning_rate": 1e3, "clip_norm": 0.0, "normalize_features": False, "steps": 6, "reclusterings": 3}
    result, _ = run(prepare(configure(*TASK, "cluster_backbone", **fields)))
    assert result["collapsed"] is True


def test_pictures_beyond_memory_are_decoded_by_workers_with_the_same_result(monkeypatch):
    config = configure(*TASK, "twofold", frozen_stages=0, **TINY)
    held = run(prepare(config))[1].scores
    monkeypatch.setattr("twofold.methods.training.IN_MEMORY_BYTES", 0)
    assert np.array_equal(run(prepare(config))[1].scores, held)


def test_a_broken_picture_met_by_a_worker_is_one_clear_line(tmp_path, monkeypatch):
    from PIL import Image

    from twofold.errors import InputError

    for domain in ("day", "night"):
        for i in range(12):
            path = tmp_path / domain / ("cup" if i < 6 else "pen") / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.effect_noise((24, 24), 50).save(path)
    path = tmp_path / "night" / "pen" / "7.png"
    path.write_bytes(path.read_bytes()[:60])
    monkeypatch.setattr("twofold.methods.training.IN_MEMORY_BYTES", 0)
    config = configure("folder", "day", "night", "cup", "source_only", frozen_stages=0, backbone_size_px=32, **TINY)
    seeded = (prepare(replace(config, seed=seed), root=str(tmp_path)) for seed in range(20))
    tested = next(p for p in seeded if "pen/7" in p.task.target_test_ids)
    with pytest.raises(InputError, match="wanted a readable picture") as caught:
        run(tested)
    assert "Traceback" not in str(caught.value)
