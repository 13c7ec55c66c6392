"""THE loop, by hand-computed steps: who moves when, by how much, on which rows; and nothing drawn is left behind."""

import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.methods.training import Draw, Inputs, Recipe, row_stream, seeded, train, unfreeze


class Rows:
    """A view of numbers that remembers which rows were asked for."""

    in_memory = True

    def __init__(self, n):
        self.n, self.asked = n, []

    def __len__(self):
        return self.n

    def batch(self, rows):
        self.asked.append(rows)
        return torch.as_tensor(rows, dtype=torch.float32)[:, None]


class Number(nn.Module):
    """One number that learns."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(value), dtype=torch.float64))


def recipe(steps, **fields):
    plain = {"batch_size": 2, "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0, "clip_norm": 0.0}
    return Recipe(steps=steps, **{**plain, **fields})


def cosine(step, steps, rate=0.1):
    return rate * (1 + math.cos(math.pi * step / steps)) / 2


def test_a_part_has_moved_before_the_step_goes_on_and_only_that_part():
    """Discriminator and generator in turn: each reads the other as it is now, by an optimiser of its own."""
    g, d, seen = Number(2), Number(-1), []

    def step(batch):
        yield "d", {"tell": (g.value * d.value - 1) ** 2}
        seen.append((g.value.item(), d.value.item()))
        yield "g", {"fool": (g.value * d.value) ** 2, "stay": g.value**2}

    losses = train(step, {"g": g, "d": d}, Rows(4), None, recipe(5))
    at_g, at_d, expected = 2.0, -1.0, {"tell": [], "fool": [], "stay": []}
    for t in range(5):
        expected["tell"].append((at_g * at_d - 1) ** 2)
        at_d -= cosine(t, 5) * 2 * (at_g * at_d - 1) * at_g
        assert seen[t] == pytest.approx((at_g, at_d), rel=1e-12)
        expected["fool"].append((at_g * at_d) ** 2)
        expected["stay"].append(at_g**2)
        at_g -= cosine(t, 5) * (2 * at_g * at_d**2 + 2 * at_g)
    assert (g.value.item(), d.value.item()) == pytest.approx((at_g, at_d), rel=1e-12)
    for name, values in expected.items():
        np.testing.assert_allclose(losses[name], values, rtol=1e-6)


def test_what_one_part_lessens_leaves_no_gradient_for_the_other():
    """The generator's loss reaches the discriminator's number; its next step must not feel it."""
    g, d = Number(1), Number(1)

    def step(batch):
        yield "g", {"all": 100 * (g.value + d.value)}
        yield "d", {"own": d.value}

    train(step, {"g": g, "d": d}, Rows(2), None, recipe(1))
    assert d.value.item() == pytest.approx(1 - 0.1)


def test_momentum_is_nesterov_s_and_decays_weights_as_sgd_does():
    x = Number(3)

    def step(batch):
        yield "x", {"square": x.value**2}

    train(step, {"x": x}, Rows(2), None, recipe(4, momentum=0.9, weight_decay=0.1))
    value, velocity = 3.0, None
    for t in range(4):
        gradient = 2 * value + 0.1 * value
        velocity = gradient if velocity is None else 0.9 * velocity + gradient
        value -= cosine(t, 4) * (gradient + 0.9 * velocity)
    assert x.value.item() == pytest.approx(value, rel=1e-12)


def test_the_rate_falls_by_a_cosine_from_the_first_step_to_nothing():
    x, path = Number(0), []

    def step(batch):
        path.append(x.value.item())
        yield "x", {"slope": -x.value}

    train(step, {"x": x}, Rows(2), None, recipe(20))
    moved = np.diff([*path, x.value.item()])
    np.testing.assert_allclose(moved, [cosine(t, 20) for t in range(20)], rtol=1e-9)
    assert moved[0] == pytest.approx(0.1)
    assert moved[-1] < 0.01 * moved[0]


@pytest.mark.parametrize(("clip", "moved"), [(0.0, 50.0), (5.0, 5.0), (80.0, 50.0)])
def test_a_gradient_is_clipped_by_its_norm_over_the_whole_part(clip, moved):
    pair = nn.ParameterList([nn.Parameter(torch.zeros((), dtype=torch.float64)) for _ in range(2)])

    def step(batch):
        yield "pair", {"slope": 30 * pair[0] + 40 * pair[1]}

    train(step, {"pair": pair}, Rows(2), None, recipe(1, learning_rate=1.0, clip_norm=clip))
    np.testing.assert_allclose([-p.item() for p in pair], np.array([0.6, 0.8]) * moved, rtol=1e-6)


def test_a_part_that_a_step_leaves_alone_stays_where_it_is_and_its_term_is_not_a_number():
    x, y = Number(1), Number(1)

    def step(batch):
        yield "x", {"always": x.value**2}
        if batch.progress >= 0.5:
            yield "y", {"late": y.value**2}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a schedule that goes on before its optimiser's first step
        losses = train(step, {"x": x, "y": y}, Rows(2), None, recipe(4))
    assert losses["always"].shape == losses["late"].shape == (4,)
    assert np.isfinite(losses["always"]).all()
    assert np.isnan(losses["late"]).tolist() == [True, True, False, False]
    assert losses["late"][2] == 1


def test_a_step_that_moves_nothing_is_a_step():
    x = Number(1)

    def step(batch):
        if batch.progress > 0:
            yield "x", {"square": x.value**2}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(train(step, {"x": x}, Rows(2), None, recipe(2))["square"]).tolist() == [True, False]


# rows ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "batch"), [(5, 12), (7, 3), (4, 4), (1, 3), (9, 2)])
def test_every_row_comes_once_before_any_comes_again(n, batch):
    stream = row_stream(n, batch, np.random.default_rng(0))
    rows = np.concatenate([next(stream) for _ in range(3 * n)])
    for turn in range(len(rows) // n):
        assert sorted(rows[turn * n : (turn + 1) * n]) == list(range(n))


def idle(x):
    def step(batch):
        yield "x", {"zero": 0 * x.value}

    return step


def test_source_rows_come_round_over_the_whole_run_whatever_is_selected_again():
    source, target = Rows(5), Rows(6)
    x = Number(0)
    train(idle(x), {"x": x}, source, target, recipe(10), lambda: [Draw(np.arange(6), 2)], again=3)
    rows = np.concatenate(source.asked)
    assert all(sorted(rows[i : i + 5]) == list(range(5)) for i in range(0, 20, 5))


@pytest.mark.parametrize(("steps", "again"), [(10, 1), (10, 3), (7, 7), (4, 10)])
def test_rows_are_asked_for_as_often_as_is_said_and_no_oftener_than_there_are_steps(steps, again):
    source, target, x = Rows(3), Rows(20), Number(0)
    answers = []

    def draws():
        answers.append(len(target.asked))
        return [Draw(np.array([len(answers), 10 + len(answers)]), 2)]

    batches = []

    def step(batch):
        batches.append(batch)
        yield "x", {"zero": 0 * x.value}

    train(step, {"x": x}, source, target, recipe(steps), draws, again)
    assert len(answers) == min(again, steps)
    asked = [set(rows.tolist()) for rows in target.asked]
    segments = [part for part in np.array_split(np.arange(steps), again) if len(part)]
    assert asked == [{i + 1, i + 11} for i, part in enumerate(segments) for _ in part]
    assert answers == [part[0] for part in segments]  # when the segment before has been trained on, and no sooner
    assert all(np.array_equal(b.target_rows, b.target[:, 0].numpy()) for b in batches)
    assert [b.progress for b in batches] == [t / steps for t in range(steps)]


def test_each_draw_has_turns_of_its_own_and_what_is_empty_is_left_out():
    source, target, x = Rows(4), Rows(20), Number(0)
    draws = [Draw(np.array([3, 5, 7]), 4), Draw(np.array([], int), 9), Draw(np.array([11, 12]), 2)]
    train(idle(x), {"x": x}, source, target, recipe(6), lambda: draws)
    asked = np.stack(target.asked)
    assert asked.shape == (6, 6)
    assert sorted(asked[:, :4].ravel()) == sorted([3, 5, 7] * 8)
    assert all(sorted(rows) == [11, 12] for rows in asked[:, 4:])


def test_without_a_selection_every_target_row_plays_and_without_a_target_none():
    x, source, target, batches = Number(0), Rows(4), Rows(6), []

    def step(batch):
        batches.append(batch)
        yield "x", {"zero": 0 * x.value}

    train(step, {"x": x}, source, target, recipe(3))
    assert sorted(np.concatenate(target.asked)) == list(range(6))
    train(step, {"x": x}, source, None, recipe(1))
    assert batches[-1].target is batches[-1].target_rows is None


def test_batches_follow_the_seed_alone():
    def asked(seed, noise):
        torch.manual_seed(noise)
        np.random.seed(noise)  # noqa: NPY002
        x, source, target = Number(0), Rows(9), Rows(8)
        train(idle(x), {"x": x}, source, target, recipe(6), seed=seed)
        return np.concatenate([*source.asked, *target.asked])

    assert np.array_equal(asked(3, 0), asked(3, 1))
    assert not np.array_equal(asked(3, 0), asked(4, 0))


def test_an_error_of_the_input_comes_through_as_it_is():
    class Broken(Rows):
        def batch(self, rows):
            raise InputError("wanted a readable picture, got none")

    x = Number(0)
    with pytest.raises(InputError, match="wanted a readable picture, got none"):
        train(idle(x), {"x": x}, Broken(4), None, recipe(2))


# what is drawn and what may move ------------------------------------------------------------------------------------


def test_random_numbers_follow_the_seed_inside_and_are_as_before_afterwards():
    drawn = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        before = torch.get_rng_state()
        with seeded(5, torch.device("cpu")):
            drawn.append(torch.rand(3))
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*drawn)


def test_random_numbers_are_as_before_where_what_they_were_for_fails():
    def fail():
        with seeded(5, torch.device("cpu")):
            torch.rand(1)
            raise ZeroDivisionError

    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", METHODS)
def test_fitting_leaves_the_random_numbers_of_the_caller_alone(toy, name):
    method = toy.build(name)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    toy.fit(method)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_may_learn_is_all_but_batch_norm_unless_that_is_asked_for():
    part = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Linear(4, 2)).requires_grad_(False).eval()
    for learns in (False, True):
        unfreeze(part, recipe(1, train_batch_norm=learns))
        assert part[1].training == learns
        assert [p.requires_grad for p in part[1].parameters()] == [learns, learns]
        assert all(p.requires_grad for i in (0, 2) for p in part[i].parameters())
        optimizer = recipe(1).optimizer(part)
        assert sum(len(group["params"]) for group in optimizer.param_groups) == (6 if learns else 4)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [({"steps": 0}, "steps"), ({"batch_size": 1}, "batch_size"), ({"learning_rate": 0.0}, "learning_rate"), ({"lr": 1}, "lr")],
)
def test_a_recipe_refuses_what_cannot_be(fields, wrong):
    with pytest.raises(ValueError, match=wrong):
        Recipe(**fields)


# inputs -------------------------------------------------------------------------------------------------------------


def test_inputs_are_stem_features_where_a_stem_is_frozen_and_pictures_where_none_is(toy, monkeypatch):
    tuned, whole = toy.build("source_only"), toy.build("source_only", frozen_stages=0)
    stem = Inputs(toy.source, tuned.backbone, toy.cache)
    rows = np.array([3, 1])
    torch.testing.assert_close(stem.batch(rows), tuned.backbone.stem(toy.source.images(rows, 32)), rtol=0, atol=1e-4)
    for backbone, cache in ((tuned.backbone, None), (whole.backbone, toy.cache)):
        pictures = Inputs(toy.source, backbone, cache)
        assert pictures.in_memory
        assert torch.equal(pictures.batch(rows), toy.source.images(rows, 32))
        assert pictures.batch(rows).dtype == torch.uint8
    assert torch.equal(Inputs(toy.source, tuned.backbone, None, 37).batch(rows), toy.source.images(rows, 37))
    monkeypatch.setattr("twofold.methods.training.IN_MEMORY_BYTES", 0)
    far = Inputs(toy.source, whole.backbone, None)
    assert not far.in_memory
    assert torch.equal(far.batch(rows), toy.source.images(rows, 32))
