"""Target labels judge, never steer: scrambling them moves no weight of any run that is not called oracle."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from twofold.data.digits import load_digits_domain
from twofold.data.tasks import View
from twofold.methods.detectors import fit, single_thread
from twofold.networks.cache import EmbeddingCache
from twofold.runs.config import configure
from twofold.runs.presets import METHODS
from twofold.runs.run import prepare

RUNS = [{"method": method} for method in METHODS] + [
    {"method": "twofold", "selection": "gmm", "negatives": "both"},
    {"method": "twofold", "selection": "meanshift"},
    {"method": "twofold", "alignment": "mmd"},
    {"method": "twofold", "alignment": "grl"},
    {"method": "cluster_backbone", "selection": "knn", "negatives": "sparse_tail"},
    {"method": "density", "one_class": "msc"},
    {"method": "target_only", "transductive": True},
]


def scrambled(task, rng):
    """The same pictures under other names, with labels at random."""

    others = {}

    def renamed(view):
        domain = view._domain
        if id(domain) not in others:
            names, ids = rng.permutation(domain.class_names), [f"x{i}" for i in rng.permutation(len(domain))]
            others[id(domain)] = replace(domain, class_names=names, ids=ids, groups=ids)
        return View(others[id(domain)], view._indices)

    views = {name: renamed(getattr(task, name)) for name in ("source_train", "target_train", "target_test")}
    return replace(
        task,
        **views,
        target_train_labels=rng.permutation(task.target_train_labels),
        target_test_labels=rng.permutation(task.target_test_labels),
        target_test_ids=rng.permutation(task.target_test_ids),
        split_hash="scrambled",
    )


def outcome(config, task, weights):
    with single_thread():
        fitted = fit(config, task, weights, torch.device("cpu"), EmbeddingCache())
    state = {} if fitted.backbone is None else fitted.backbone.state_dict()
    return {**state, "scores": torch.as_tensor(fitted.scores)}


@pytest.mark.parametrize("fields", RUNS, ids=lambda fields: "-".join(map(str, fields.values())))
def test_scrambled_labels_move_weights_only_of_oracles(fields):
    config = configure("digits", "type", "optdigits", "3", steps=4, batch_size=8, reclusterings=2, anomaly_ratio=0.3, **fields)
    prepared = prepare(config)
    rng = np.random.default_rng(0)
    honest = outcome(config, prepared.task, prepared.weights)
    lied_to = replace(config, anomaly_ratio=0.77)
    fooled = outcome(lied_to, scrambled(prepared.task, rng), prepared.weights)
    same = all(torch.equal(honest[name], fooled[name]) for name in honest)
    assert same != config.oracle


def test_scrambling_is_felt_where_labels_are_read():
    """The guard of the test above: labels really are permuted, and pictures are not."""
    task = prepare(configure("digits", "type", "optdigits", "3", anomaly_ratio=0.3)).task
    other = scrambled(task, np.random.default_rng(0))
    assert (task.target_train_labels != other.target_train_labels).any()
    assert torch.equal(task.target_train.images([0, 1], 8), other.target_train.images([0, 1], 8))
    assert load_digits_domain("optdigits").class_names[0] == "0"
