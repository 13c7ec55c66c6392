"""The plan counts what is left, learns from what was done, and measures what it cannot know."""

import os

import pytest
from small_runs import TASK

from twofold.runs import estimates
from twofold.runs.config import configure
from twofold.runs.estimates import RUN_SECONDS, estimate_seconds
from twofold.runs.rows import Known, write_rows
from twofold.runs.run import prepare
from twofold.runs.sweeps import expand, run_one


@pytest.fixture
def paces(monkeypatch):
    """What is measured, replaced by numbers of the networks and sizes that are asked for."""
    monkeypatch.setattr(estimates, "_picture_seconds", lambda network, size_px, device: size_px / 1e4)
    monkeypatch.setattr(estimates, "_step_seconds", lambda network, size_px, frozen, device, batch: size_px * batch / 1e3)


def pictures(*configs):
    """How many pictures these runs look at."""
    tasks = [prepare(config).task for config in configs]
    views = [view for task in tasks for view in (task.source_train, task.target_train, task.target_test)]
    return len({str(content) for view in views for content in view.contents})


def test_what_is_stored_or_known_is_not_to_do_and_tells_how_long_its_kind_takes(tmp_path, paces):
    configs = expand({**TASK, "normal": "all", "method": ["target_only"]})
    result = run_one(configs[0], tmp_path)
    took = result["seconds"]["total"]
    assert estimate_seconds(configs, tmp_path) == (9, pytest.approx(9 * took))
    assert estimate_seconds(configs, tmp_path, jobs=2)[1] == pytest.approx(9 * took / min(2, os.cpu_count()))
    write_rows(tmp_path / "rows.jsonl.gz", [result])
    known = Known(tmp_path / "rows.jsonl.gz")
    assert estimate_seconds(configs, tmp_path / "empty", known=known) == (9, pytest.approx(9 * took))
    assert estimate_seconds(configs[:1], tmp_path / "empty", known=known) == (0, 0.0)


@pytest.mark.parametrize("other", [{"method": "zero_shot"}, {"encoder_size_px": 96}, {"features": "backbone"}], ids=str)
def test_runs_of_another_kind_tell_nothing(tmp_path, paces, other):
    run_one(configure(**TASK, method="target_only"), tmp_path)
    config = configure(**{**TASK, "method": "target_only", **other})
    assert estimate_seconds([config], tmp_path)[1] > RUN_SECONDS


def test_every_picture_is_encoded_once_by_each_network_at_its_size(tmp_path, paces):
    frozen = [configure(**TASK, method="zero_shot"), configure(**{**TASK, "normal": "5"}, method="target_only")]
    assert estimate_seconds(frozen, tmp_path)[1] == pytest.approx(2 * RUN_SECONDS + pictures(*frozen) * 64 / 1e4)
    trained = configure(**TASK, method="twofold", steps=7, batch_size=5)
    steps = 1.2 * 7 * 32 * 10 / 1e3
    assert estimate_seconds([trained], tmp_path)[1] == pytest.approx(RUN_SECONDS + steps + pictures(trained) * (64 + 32) / 1e4)


def test_what_is_measured_grows_with_network_size_and_batch():
    small, large = (estimates._picture_seconds(name, 64, "cpu") for name in ("tf_efficientnet_lite0", "resnet50"))
    assert large > 2 * small
    assert estimates._picture_seconds("tf_efficientnet_lite0", 192, "cpu") > 3 * small
    head = estimates._step_seconds("tf_efficientnet_lite0", 96, 7, "cpu", 16)
    assert estimates._step_seconds("tf_efficientnet_lite0", 96, 0, "cpu", 16) > 2 * head
    assert estimates._step_seconds("tf_efficientnet_lite0", 96, 7, "cpu", 128) > 2 * head


def test_a_method_that_freezes_no_stage_of_its_own_can_be_estimated(tmp_path):
    assert estimate_seconds([configure(**TASK, method="gnl", steps=2)], tmp_path)[1] > RUN_SECONDS
