"""Target labels judge, never steer: scrambling them moves no weight and no score of any run that is told nothing."""

import dataclasses
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from toy_task import LARGER

import twofold
from twofold.data.domains import View
from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.runs.config import UnreadError, configure
from twofold.runs.run import Prepared, prepare, run

ROOT = Path(os.environ.get("TWOFOLD_DATA") or Path(twofold.__file__).parents[2] / "shared" / "data")
PAIRS = {
    "digits": ("type", "optdigits", "3"),
    "emoji": ("windows", "apple", "animal"),
    "pacs": ("photo", "cartoon", "dog"),
}
CHEAP = {"steps": 3, "batch_size": 8, "reclusterings": 2, "backbone_size_px": 32, "encoder_size_px": 32}
KEPT = 40  # pictures of each role: nothing here is about how good a score is

# every method on every data set, and on digits every road that target pictures can take into training
RUNS = [(dataset, method, {}) for dataset in PAIRS for method in METHODS]
RUNS += [("digits", method, {"transductive": True}) for method in METHODS]
RUNS += [
    ("digits", method, fields)
    for method, fields in [
        ("twofold", {"selection": "gmm", "negatives": "both"}),
        ("twofold", {"selection": "meanshift"}),
        ("twofold", {"alignment": "mmd"}),
        ("twofold", {"alignment": "grl", "transductive": True}),
        ("cluster_backbone", {"selection": "knn", "negatives": "sparse_tail"}),
        ("density", {"one_class": "msc", "transductive": True}),
        ("oracle", {"alignment": "mmd", "transductive": True}),
        ("target_only", {"features": "layers", "transductive": True}),
        ("pooled_gaussian", {"selection": "all"}),
        ("pooled_gaussian", {"selection": "oracle"}),
        ("target_gaussian", {"selection": "oracle", "transductive": True}),
        ("msra", {"stopping": "oracle"}),
    ]
]


def cheap(dataset, method, **fields):
    """A small run; what it does not read is left out."""
    given = {**CHEAP, **LARGER.get(method, {}), **fields}
    while True:
        try:
            return configure(dataset, *PAIRS[dataset], method, anomaly_ratio=0.3, **given)
        except UnreadError as error:
            del given[error.field]


@cache
def prepared(dataset, method, fields):
    """A run on the first pictures of each role; the target's normals and anomalies are both among them."""
    ready = prepare(cheap(dataset, method, **dict(fields)), str(ROOT))
    task = ready.task
    few = [View(view._domain, view._indices[:KEPT]) for view in (task.source_train, task.target_train)]
    test = np.sort(np.random.default_rng(0).permutation(len(task.target_test))[:KEPT])
    if dict(fields).get("transductive"):
        test = np.flatnonzero(np.isin(task.target_test._indices, few[1]._indices))
    return dataclasses.replace(
        ready,
        task=dataclasses.replace(
            task,
            source_train=few[0],
            target_train=few[1],
            target_test=task.target_test.subset(test),
            target_train_labels=task.target_train_labels[:KEPT],
            target_test_labels=task.target_test_labels[test],
            target_test_ids=task.target_test_ids[test],
        ),
    )


def fooled(ready):
    """The same pictures under other names, of classes at random, with labels at random and a false share of anomalies."""
    rng, others = np.random.default_rng(1), {}

    def renamed(view):
        domain = view._domain
        if id(domain) not in others:
            ids = [f"x{i}" for i in rng.permutation(len(domain))]
            names = rng.permutation(domain.class_names)
            others[id(domain)] = dataclasses.replace(domain, name="elsewhere", class_names=names, ids=ids, groups=ids)
        return View(others[id(domain)], view._indices)

    task, config = ready.task, ready.config
    task = dataclasses.replace(
        task,
        **{name: renamed(getattr(task, name)) for name in ("source_train", "target_train", "target_test")},
        target_train_labels=rng.permutation(task.target_train_labels),
        target_test_labels=rng.permutation(task.target_test_labels),
        target_test_ids=rng.permutation(task.target_test_ids),
        target_normals=renamed(task.target_train.subset(rng.permutation(len(task.target_train)))),
        split_hash="scrambled",
    )
    lie = dataclasses.replace(config.task, anomaly_ratio=0.77, normal="another", anomaly_classes="none of these")
    return Prepared(dataclasses.replace(config, task=lie), task, ready.weights, ready.device, "another hash")


def outcome(ready):
    """Everything that a run learns and says of its pictures, as bytes."""
    _, finished = run(ready)
    method = finished.method
    found = {**method.state(), "scores": torch.as_tensor(finished.scores), "features": finished.features}
    found |= {f"loss {name}": torch.as_tensor(values) for name, values in method.losses_.items()}
    if method.selected_ is not None:
        found["selected"] = torch.as_tensor(method.selected_)
    return found, method.notes_, method.seen_.tolist()


def equal(one, other):
    tensors = one[0].keys() == other[0].keys() and all(torch.equal(one[0][name], other[0][name]) for name in one[0])
    return tensors and one[1:] == other[1:]


@pytest.mark.parametrize(("dataset", "method", "fields"), RUNS, ids=lambda value: str(value))
def test_scrambled_answers_move_only_what_says_that_it_is_told(dataset, method, fields):
    try:
        ready = prepared(dataset, method, tuple(fields.items()))
    except InputError as error:
        pytest.skip(f"{dataset} is not here: {error}")
    assert 0 < ready.task.target_train_labels.mean() < 1
    assert equal(outcome(ready), outcome(fooled(ready))) == (ready.config.told == "")


@pytest.mark.parametrize("method", [name for name in METHODS if cheap("digits", name).told == "shots"])
def test_a_run_that_is_told_shots_changes_with_its_shots_alone(method):
    """All other answers are scrambled and all other target pictures taken away: to the last bit it stays what it was."""
    ready = prepared("digits", method, ())
    as_target = dataclasses.replace(ready, task=dataclasses.replace(ready.task, target_train=ready.task.target_normals))
    shots = fooled(as_target).task.target_train  # the same pictures under other names
    task = dataclasses.replace(fooled(ready).task, target_normals=shots, target_train=ready.task.source_train)
    assert equal(outcome(ready), outcome(dataclasses.replace(ready, task=task)))


def test_the_scrambling_is_felt_where_labels_are_read():
    """The guard of the test above: labels really are permuted, and pictures are not."""
    ready = prepared("digits", "twofold", ())
    other = fooled(ready).task
    assert (ready.task.target_train_labels != other.target_train_labels).any()
    assert (ready.task.target_test_labels != other.target_test_labels).any()
    for name in ("source_train", "target_train", "target_test"):
        one, two = getattr(ready.task, name), getattr(other, name)
        assert np.array_equal(one.contents, two.contents)
        assert torch.equal(one.images([0, 1], 8), two.images([0, 1], 8))
        assert (one._domain.class_names != two._domain.class_names).any()


def test_a_leak_is_felt(monkeypatch):
    """The test above would fail: a method that reads a class name through the back door is caught."""
    kind, real = METHODS["target_only"][0], METHODS["target_only"][0].fit

    def leaking(self, source, target, told=None):
        return real(self, source, target.subset(np.flatnonzero(target._domain.class_names[target._indices] == "3")), told)

    monkeypatch.setattr(kind, "fit", leaking)
    ready = prepared("digits", "target_only", ())
    assert not equal(outcome(ready), outcome(fooled(ready)))


# pictures of one's own -------------------------------------------------------------------------------------------------


def lay(root, view, names):
    """The pictures of a view as files, each in the folder of its class: the names decide the order in which they are listed."""
    for i, (picture, name) in enumerate(zip(view.images(range(len(view)), 32), names, strict=True)):
        path = root / str(name) / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(path)
    return root


@pytest.mark.parametrize("method", METHODS)
def test_the_practitioner_s_detector_looks_at_no_name_of_a_folder(toy, tmp_path, method, few_parts):
    from twofold.data.folders import load_pictures
    from twofold.deploy.detector import TwoFoldDetector

    config = toy.config(method)
    if config.told:
        with pytest.raises(InputError, match="told no answers"):
            _ = TwoFoldDetector(method, config.changed).config
        return
    names, rng, found = np.array(["disc", "stripes"])[toy.labels], np.random.default_rng(0), []
    for place, named in (("honest", names), ("scrambled", rng.permutation(names))):
        source = lay(tmp_path / place / "source", toy.source, rng.permutation(["disc", "stripes"] * 12))
        target = lay(tmp_path / place / "target", toy.target, named)
        with few_parts():
            detector = TwoFoldDetector(method, config.changed, device="cpu").fit(source, target)
        order = np.argsort(load_pictures(target).contents)  # the same picture has the same place in both
        scores, selected = detector.anomaly_score(target)[order], detector.fitted().selected_
        found.append((scores, None if selected is None else selected[order], detector.fitted().state()))
    (scores, selected, state), (other_scores, other_selected, other_state) = found
    np.testing.assert_allclose(scores, other_scores, rtol=1e-5)  # a batch of another order has other last bits
    assert np.array_equal(selected, other_selected)
    assert state.keys() == other_state.keys()
    assert all(torch.equal(state[name], other_state[name]) for name in state)
