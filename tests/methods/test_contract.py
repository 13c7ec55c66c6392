"""What every method promises, tried on every entry of METHODS: one that is added is tested by being there."""

import inspect
import json
import math
import typing

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from toy_task import sealed

from twofold.data.domains import View
from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.methods import base as contract
from twofold.methods.base import Method, Settings
from twofold.networks import backbones
from twofold.networks.cache import EmbeddingCache
from twofold.networks.weights import Weights
from twofold.plots.style import Look
from twofold.results.statistics import look_of
from twofold.runs.config import UnreadError

# the batch that a picture goes through a network with moves its features by the last bits alone
COMPANY = 1e-4  # of the scores' spread
ORACLE_VALUES = ("oracle", "target_normals")


def spread(scores):
    return float(scores.max() - scores.min())


def settings_values():
    """(method, field, value) for every value of every setting that is one of a few, once a class."""
    names = {}
    for name, (cls, changed) in METHODS.items():
        if cls not in names or not changed:
            names[cls] = name
    for cls, name in names.items():
        for field, info in cls.Settings.__pydantic_fields__.items():
            kinds = typing.get_args(info.annotation)
            values = [False, True] if info.annotation is bool else [value for value in kinds if isinstance(value, str)]
            yield from ((name, field, value) for value in values if value != info.default)


CHOICES = list(settings_values())


def pytest_generate_tests(metafunc):
    """A test that asks for a name, and says no names, is tried on every method there is."""
    said = {name for mark in metafunc.definition.iter_markers("parametrize") for name in mark.args[0]}
    if "name" in metafunc.fixturenames and "name" not in said:
        metafunc.parametrize("name", METHODS)


def varied(toy, name, field, value):
    """The fields that give a setting another value, with what it asks of others; None where this run does not read it."""
    for more in ({}, {"alignment": "none"}):
        try:
            toy.config(name, **{field: value, **more})
        except UnreadError:
            return None
        except InputError:
            continue
        return {field: value, **more}
    raise AssertionError(f"{field} {value} of {name} cannot be had")


# scores -------------------------------------------------------------------------------------------------------------


def test_scores_are_finite_and_the_same_bit_for_bit_when_all_is_done_again(toy, name):
    first, again = toy.fitted(name), toy.watched(name).method
    scores = toy.scores(first)
    assert scores.shape == (len(toy.test),)
    assert scores.dtype in (np.float32, np.float64)
    assert np.isfinite(scores).all()
    assert np.array_equal(toy.scores(again), scores)
    assert np.array_equal(toy.scores(first), scores)
    states = first.state(), again.state()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert np.array_equal(first.seen_, again.seen_)
    assert first.notes_ == again.notes_


def test_a_stranger_scores_higher_than_a_normal_picture(toy, name):
    assert roc_auc_score(toy.test_labels, toy.scores(toy.fitted(name))) > 0.9


def test_a_score_does_not_depend_on_the_order_and_company_of_the_pictures(toy, name):
    method = toy.fitted(name)
    scores = toy.scores(method)
    order = np.random.default_rng(1).permutation(len(toy.test))
    tolerance = COMPANY * spread(scores)
    np.testing.assert_allclose(toy.scores(method, toy.test.subset(order)), scores[order], rtol=0, atol=tolerance)
    few = [3, 17, 17, 5]
    np.testing.assert_allclose(toy.scores(method, toy.test.subset(few)), scores[few], rtol=0, atol=tolerance)
    alone = toy.scores(method, toy.test.subset([11]))
    np.testing.assert_allclose(alone, scores[[11]], rtol=0, atol=tolerance)


def test_a_picture_of_the_target_is_no_judge_of_itself(toy, name):
    """Where fitting keeps pictures to compare with, each knows itself again by its content, and copies score alike."""
    method = toy.fitted(name)
    assert set(method.seen_) <= {*toy.source.contents, *toy.target.contents}
    twice = toy.target.subset([4, 9, 4])
    scores = toy.scores(method, twice)
    assert scores[0] == pytest.approx(scores[2], abs=COMPANY * spread(toy.scores(method)))
    assert np.isfinite(scores).all()


def test_features_and_scores_have_their_shapes(toy, name):
    method = toy.fitted(name)
    n = len(toy.test)
    z = method.embed(toy.test)
    assert z.ndim == 2
    assert len(z) == n
    assert z.dtype == torch.float32
    with torch.no_grad():
        assert method.score(z[:5]).shape == (5,)
        assert method.features(toy.test.images([0, 1, 2], method.size_px)).shape == (3, z.shape[1])
    np.testing.assert_array_equal(method.anomaly_score(toy.test, z), method.anomaly_score(toy.test))


def test_pictures_go_through_one_graph_to_the_scores_of_the_run(toy, name):
    """``forward`` is what is exported; where networks want other sizes than it is given, it resizes."""
    method = toy.fitted(name)
    scores = toy.scores(method)
    with torch.no_grad():
        found = method(toy.test.images(range(len(toy.test)), method.size_px)).numpy()
        larger = method(toy.test.images(range(8), 2 * method.size_px))
    np.testing.assert_allclose(found, scores, rtol=0, atol=COMPANY * spread(scores))
    assert larger.shape == (8,)
    assert larger.isfinite().all()
    assert isinstance(method.no_graph, str)


# what is kept -------------------------------------------------------------------------------------------------------


def restored(toy, method, name, **fields):
    fresh = toy.build(name, **fields)
    return fresh.restore({key: value.clone() for key, value in method.state().items()}, list(method.seen_))


def test_a_restored_method_scores_to_the_last_bit(toy, name):
    method = toy.fitted(name)
    other = restored(toy, method, name)
    for view in (toy.test, toy.target):
        assert np.array_equal(toy.scores(other, view), toy.scores(method, view))


@pytest.mark.parametrize(("name", "field", "value"), CHOICES, ids=str)
def test_every_choice_of_every_setting_fits_scores_and_is_restored(toy, name, field, value):
    fields = varied(toy, name, field, value)
    if fields is None:
        return
    method = toy.fitted(name, **fields)
    scores = toy.scores(method)
    assert np.isfinite(scores).all()
    assert np.array_equal(toy.scores(restored(toy, method, name, **fields)), scores)


def test_the_state_holds_what_was_learned_and_no_frozen_network(toy, name):
    method = toy.fitted(name)
    state = method.state()
    assert state
    assert all(isinstance(value, torch.Tensor) and value.is_contiguous() for value in state.values())
    assert not [key for key in state if key.startswith(method.frozen)]
    assert {*state} | {key for key in method.state_dict() if key.startswith(method.frozen)} == {*method.state_dict()}


def test_what_a_method_notes_is_plain_numbers(toy, name):
    method = toy.fitted(name)
    assert all(type(key) is str and type(value) in (int, float) for key, value in method.notes_.items())
    assert all(math.isfinite(value) for value in method.notes_.values())
    assert json.loads(json.dumps(method.notes_)) == method.notes_


def test_a_selection_is_a_mask_over_the_target(toy, name):
    selected = toy.fitted(name).selected_
    if selected is not None:
        assert selected.shape == (len(toy.target),)
        assert selected.dtype == bool
        assert selected.any()


def test_losses_are_told_by_step_where_something_is_trained(toy, name):
    method = toy.fitted(name)
    assert bool(method.losses_) == method.settings.trains
    for values in method.losses_.values():
        assert values.shape == (method.recipe.steps,)


# what is told -------------------------------------------------------------------------------------------------------


def test_a_view_has_neither_labels_nor_ids_nor_any_way_to_them():
    assert {name for name in dir(View) if not name.startswith("_")} == {"contents", "images", "subset"}
    told = inspect.signature(Method.fit).parameters
    assert list(told) == ["self", "source", "target", "told"]


def test_fitting_asks_a_view_for_nothing_but_pictures_and_their_contents(toy, name):
    scores = toy.scores(toy.watched(name).method, sealed(toy.test))
    assert np.array_equal(scores, toy.scores(toy.fitted(name)))


def test_labels_are_read_where_the_settings_say_so_and_nowhere_else(toy, name):
    """Handed all the labels, a method that is told nothing stays the same to the last bit; one that is told moves."""
    method = toy.build(name)
    assert method.settings.told in ("", "labels", "shots")
    method.fit(toy.source, toy.target, np.random.default_rng(5).permutation(toy.labels))
    same = np.array_equal(toy.scores(method), toy.scores(toy.fitted(name)))
    assert same == (method.settings.told == "")


@pytest.mark.parametrize(("name", "field", "value"), CHOICES, ids=str)
def test_told_follows_the_settings(toy, name, field, value):
    fields = varied(toy, name, field, value)
    if fields is not None:
        config = toy.config(name, **fields)
        assert (config.told == "labels") == config.oracle == ("oracle" in config.name) == (value in ORACLE_VALUES)


def test_a_method_that_is_told_refuses_to_do_without(toy, name):
    method = toy.build(name)
    if method.settings.told:
        with pytest.raises(ValueError, match=r"wants? .*\(n,\).*got None"):
            method.fit(toy.source, toy.target)


def test_fitting_again_forgets_the_first_time(toy, name):
    method = toy.build(name)
    toy.fit(method)
    toy.fit(method)
    assert np.array_equal(toy.scores(method), toy.scores(toy.fitted(name)))


# networks -----------------------------------------------------------------------------------------------------------


def test_the_networks_that_are_read_are_named_and_the_others_are_not_there(toy, name):
    method = toy.fitted(name)
    assert method.settings.networks <= {"backbone", "encoder"}
    for role in ("backbone", "encoder"):
        assert (getattr(method.networks, role) is not None) == (role in method.settings.networks)
        assert (getattr(method.networks, f"{role}_weights") is not None) == (role in method.settings.networks)


def test_a_method_loads_the_networks_that_it_names_and_no_other(toy, monkeypatch, name):
    """What is hashed is what is loaded: no score follows a network that the hash leaves out."""
    backbones._untouched.cache_clear()
    asked = set()
    real = Weights.state_dict
    monkeypatch.setattr(Weights, "state_dict", lambda self: asked.add(self.model) or real(self))
    pretrained = {f"{role}_weights": "pretrained" for role in toy.config(name).settings.networks}
    method = toy.fit(toy.build(name, **pretrained))
    method.features(torch.zeros(1, 3, method.size_px, method.size_px, dtype=torch.uint8))  # what is cached needs no network
    assert asked == {getattr(method.networks, role) for role in method.settings.networks}


def test_training_moves_no_value_of_the_frozen_part(toy, name):
    """Values, parameters and buffers alike: a flag that forbids learning does not stop a BatchNorm's statistics."""
    method, before = toy.watched(name).method, toy.watched(name).before
    toy.scores(method)
    after = method.state_dict()
    frozen = [key for key in before if key.startswith(method.frozen)]
    assert any("running_mean" in key for key in frozen)
    assert all(torch.equal(before[key], after[key]) for key in frozen)
    learned = [key for key in before if key not in frozen]
    assert any(not torch.equal(before[key], after[key]) for key in learned) == method.settings.trains


def moved_batch_norm(method, before):
    """The names of the tensors of BatchNorm layers that fitting moved."""
    norms = {name for name, module in method.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}
    after = {key: value for key, value in method.state_dict().items() if key.rsplit(".", 1)[0] in norms}
    assert after
    return {key for key in after if not torch.equal(before[key], after[key])}


def test_batch_norm_moves_only_where_it_is_told_to_learn(toy, name):
    if not METHODS[name][0].Settings.trains:
        with pytest.raises(InputError, match="got train_batch_norm; it trains nothing"):
            toy.config(name, train_batch_norm=True)
        return
    watched = toy.watched(name)
    usual = watched.method.recipe.train_batch_norm
    other = toy.build(name, train_batch_norm=not usual)
    before = {key: value.clone() for key, value in other.state_dict().items()}
    moved = {usual: moved_batch_norm(watched.method, watched.before), not usual: moved_batch_norm(toy.fit(other), before)}
    assert not moved[False]
    assert any(key.endswith("running_mean") for key in moved[True])
    assert any(key.endswith("weight") for key in moved[True])


def test_what_trains_nothing_calls_no_optimiser(toy, name):
    watched = toy.watched(name)
    assert (watched.steps > 0) == watched.method.settings.trains == (toy.config(name).recipe is not None)


# its looks and words ------------------------------------------------------------------------------------------------


def test_looks_belong_to_methods_that_there_are():
    for cls, _ in METHODS.values():
        assert cls.looks.keys() <= METHODS.keys()
        assert all(isinstance(look, Look) for look in cls.looks.values())


def test_every_method_is_drawn_even_one_that_brings_no_look(name):
    cls, _ = METHODS[name]
    look = look_of(name)
    assert isinstance(look, Look)
    if name in cls.looks:
        assert look == cls.looks[name]


def test_a_class_says_what_it_is_and_where_it_comes_from(name):
    cls, changed = METHODS[name]
    assert issubclass(cls, Method)
    assert issubclass(cls.Settings, Settings)
    assert inspect.getdoc(cls)
    fields = {*cls.Settings.__pydantic_fields__, *contract.Networks.__pydantic_fields__, *contract.Recipe.__pydantic_fields__}
    assert changed.keys() <= fields
    assert all(info.description for info in cls.Settings.__pydantic_fields__.values())


def test_a_method_without_a_cache_of_its_own_takes_the_person_s(toy, name):
    cls, _ = METHODS[name]
    config = toy.config(name)
    assert isinstance(cls(config.settings, config.networks, config.recipe).cache, EmbeddingCache)
