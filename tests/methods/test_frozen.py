"""The controls that train nothing, against distances by hand; the same eyes for all; the pooled Gaussian as a method."""

from itertools import count

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.preprocessing import normalize
from torch.nn import functional

from twofold.compute import single_thread
from twofold.data.background import load_background
from twofold.data.domains import ArrayPictures, Domain, View
from twofold.errors import InputError
from twofold.methods import background as methods_background
from twofold.methods import pooled_gaussian as methods_pooled
from twofold.parts.fusion import fused, spread
from twofold.parts.gaussians import fit_pooled

LAYERS = ["encoder_hidden", "encoder_last", "backbone_hidden", "backbone_last"]


def unit(method, view):
    return functional.normalize(method.embed(view).double(), dim=1)


def distances(z, memory, k, skip=False):
    """Mean distance to the k nearest rows, by sorting; ``skip`` leaves the row itself out."""
    found = torch.cdist(z, memory, compute_mode="donot_use_mm_for_euclid_dist")
    if skip:
        found.fill_diagonal_(torch.inf)
    return found.sort(dim=1).values[:, :k].mean(dim=1).numpy()


@pytest.mark.parametrize("features", ["encoder", "backbone"])
def test_source_mean_is_the_squared_distance_to_the_mean_of_the_source(toy, features):
    method = toy.fitted("zero_shot", features=features)
    expected = ((unit(method, toy.test) - unit(method, toy.source).mean(dim=0)) ** 2).sum(dim=1)
    np.testing.assert_allclose(toy.scores(method), expected.numpy(), rtol=1e-3)
    bare = toy.fitted("zero_shot", features=features, normalize_features=False)
    expected = ((bare.embed(toy.test) - bare.embed(toy.source).mean(dim=0)) ** 2).sum(dim=1)
    np.testing.assert_allclose(toy.scores(bare), expected.numpy(), rtol=1e-3)


@pytest.mark.parametrize(("name", "k"), [("source_knn", 2), ("target_only", 7)])
def test_neighbours_are_those_of_the_memory_and_never_the_picture_itself(toy, name, k):
    method = toy.fitted(name)
    memory = toy.source if name == "source_knn" else toy.target
    np.testing.assert_allclose(toy.scores(method), distances(unit(method, toy.test), unit(method, memory), k), rtol=1e-5)
    z = unit(method, memory)
    np.testing.assert_allclose(toy.scores(method, memory), distances(z, z, k, skip=True), rtol=1e-5)


@pytest.mark.parametrize("features", LAYERS)
def test_any_single_layer_can_be_looked_at(toy, features):
    """Each is one of the four spaces of the pooled Gaussian, bit for bit."""
    method, pooled = toy.fitted("target_only", features=features), toy.fitted("pooled_gaussian")
    place = LAYERS.index(features)
    assert torch.equal(method.units(method.embed(toy.test))[0], pooled.units(pooled.embed(toy.test))[place])
    assert len(method.spaces(method.embed(toy.test))) == 1
    z, kept = method.units(method.embed(toy.test))[0], method.units(method.embed(toy.target))[0]
    np.testing.assert_allclose(toy.scores(method), distances(z, kept, method.k), rtol=1e-5)  # as it is, on no scale


@pytest.mark.parametrize("name", ["source_knn", "target_only"])
def test_all_layers_are_fused_as_the_pooled_gaussian_fuses_them(toy, name):
    method = toy.fitted(name, features="layers")
    memory = toy.source if name == "source_knn" else toy.target
    parts = []
    for z, kept in zip(method.units(method.embed(toy.test)), method.units(method.embed(memory)), strict=True):
        levels, own = (np.log(d**2) for d in (distances(z, kept, method.k), distances(kept, kept, method.k, skip=True)))
        low, middle, high = np.quantile(own, [0.25, 0.5, 0.75])
        parts.append((levels - middle) / (high - low))
    assert len(parts) == 4
    np.testing.assert_allclose(toy.scores(method), np.mean(parts, axis=0), rtol=1e-4, atol=1e-6)


def test_a_control_s_eyes_are_the_pooled_gaussian_s(toy):
    control, pooled = toy.fitted("target_only", features="layers"), toy.fitted("pooled_gaussian")
    assert torch.equal(control.embed(toy.test), pooled.embed(toy.test))
    assert control.settings.networks == pooled.settings.networks


def test_two_spaces_where_all_pictures_are_alike_divide_by_no_zero(toy):
    same = ArrayPictures(np.full((20, 32, 32, 3), 128, np.uint8))
    grey = Domain("toy", "grey", same, ["x"] * 20, [str(i) for i in range(20)])
    view = View(grey, np.arange(20))
    for name, fields in (("target_only", {"features": "layers"}), ("pooled_gaussian", {}), ("zero_shot", {})):
        method = toy.build(name, **fields).fit(view, view)
        assert np.isfinite(method.anomaly_score(toy.test)).all()


# the pooled Gaussian --------------------------------------------------------------------------------------------------


def spaces(method, view):
    return [space.numpy() for space in method.embed(view).double().split(method._widths, dim=1)]


def oddness(method, view):
    """By distances to the pile's features, sorted, in each layer: the logarithm of the square of the mean of seven."""
    pile = method.embed(all_of(load_background(chosen(method))))
    pairs = zip(method.units(method.embed(view)), method.units(pile), strict=True)
    return [2 * np.log(distances(z, p, 7)) for z, p in pairs]


def all_of(domain):
    return View(domain, np.arange(len(domain)))


def chosen(method):
    far = {name.removeprefix("background_"): far for name, far in method.notes_.items() if name.startswith("background_")}
    return min(far, key=far.__getitem__)


def held_out_levels(method, fitted, target):
    return [level - odd for level, odd in zip(fitted.levels, oddness(method, target), strict=True)]


@pytest.mark.parametrize("name", ["pooled_gaussian", "target_gaussian"])
def test_the_method_scores_as_the_parts_say(toy, name):
    """Distances by triangular solving, where the method multiplies by a solved map: an independent way to the score."""
    method = toy.fitted(name, background="letters")
    weight = {"pooled_gaussian": None, "target_gaussian": 0.0}[name]
    fitted = fit_pooled(spaces(method, toy.source), spaces(method, toy.target), method.settings.kept_share, weight)
    parts = zip(fitted.gaussians, spaces(method, toy.test), strict=True)
    levels = [np.log(1 + g.distance(normalize(z))) for g, z in parts]
    levels = [level - odd for level, odd in zip(levels, oddness(method, toy.test), strict=True)]
    expected = fused(levels, [spread(level[fitted.kept]) for level in held_out_levels(method, fitted, toy.target)])
    np.testing.assert_allclose(toy.scores(method), expected, rtol=1e-6, atol=1e-6)
    assert np.array_equal(method.selected_, fitted.kept)
    assert method.notes_["contrast"] == pytest.approx(fitted.contrast)
    assert [method.notes_[f"source_weight_{i}"] for i in range(4)] == fitted.source_weights


def test_what_is_kept_of_each_gaussian_has_its_shape(toy):
    method = toy.fitted("pooled_gaussian")
    for i, width in enumerate(method._widths):
        assert getattr(method, f"mean_{i}").shape == (width,)
        assert getattr(method, f"map_{i}").shape[1] == width
        assert getattr(method, f"sphere_{i}").shape == ()


def test_the_source_left_out_moves_nothing(toy):
    other = toy.build("target_gaussian").fit(toy.test, toy.target)
    assert np.array_equal(toy.scores(other), toy.scores(toy.fitted("target_gaussian")))


def test_a_picture_of_the_target_has_its_held_out_score_and_copies_their_mean(toy):
    method = toy.build("pooled_gaussian", background="letters")
    rows = np.r_[0:36, 5]  # one picture twice
    target = toy.target.subset(rows)
    method.fit(toy.source, target)
    fitted = fit_pooled(spaces(method, toy.source), spaces(method, target), method.settings.kept_share, None)
    levels = held_out_levels(method, fitted, target)
    expected = fused(levels, [spread(level[fitted.kept]) for level in levels])
    expected[[5, 36]] = expected[[5, 36]].mean()
    np.testing.assert_allclose(method.anomaly_score(target), expected, rtol=1e-6)


@pytest.mark.parametrize(("selection", "kept"), [("all", np.ones(36, bool)), ("oracle", None)])
def test_what_is_kept_follows_the_selection(toy, selection, kept):
    method = toy.fitted("pooled_gaussian", selection=selection)
    assert np.array_equal(method.selected_, toy.labels == 0 if kept is None else kept)


def test_a_copy_of_a_picture_scores_as_its_original_however_narrow_the_gaussian(toy):
    """A camera that never moves: single precision would tell a copy in another batch from its original."""
    rng = np.random.default_rng(0)
    still = np.clip(128 + rng.integers(-1, 2, (40, 32, 32, 3)), 0, 255).astype(np.uint8)
    domain = Domain("toy", "still", ArrayPictures(still), ["x"] * 40, [str(i) for i in range(40)])
    method = toy.build("pooled_gaussian").fit(View(domain, np.arange(20)), View(domain, np.arange(10, 35)))
    once, twice = method.anomaly_score(View(domain, [38])), method.anomaly_score(View(domain, [38, 39, 38]))
    assert twice[0] == twice[2]
    assert once[0] == pytest.approx(twice[0], rel=1e-6)


# generic pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["target_only", "source_knn", "pooled_gaussian", "target_gaussian"])
def test_a_weight_of_nothing_is_no_pile(toy, name):
    fields = {} if "gaussian" in name else {"features": "layers"}
    plain = toy.fitted(name, **fields, background="none")
    weightless = toy.fitted(name, **fields, background="letters", background_weight=0.0)
    np.testing.assert_allclose(toy.scores(weightless), toy.scores(plain), rtol=1e-12)
    assert not np.allclose(toy.scores(toy.fitted(name, **fields, background="letters")), toy.scores(plain))


def test_auto_takes_the_nearest_pile_and_says_how_far_each_lies(toy, monkeypatch):
    monkeypatch.setattr(methods_background, "FARTHEST", np.inf)
    auto = toy.build("target_only", background="auto").fit(toy.source, toy.target)
    named = toy.fitted("target_only", background=chosen(auto))
    np.testing.assert_array_equal(toy.scores(auto), toy.scores(named))
    assert {"background_emoji", "background_letters"} == set(auto.notes_)
    assert set(named.notes_) == {f"background_{chosen(auto)}"}


def test_auto_takes_no_pile_where_all_are_far(toy):
    auto = toy.fitted("target_only", features="layers", background="auto")
    assert min(value for name, value in auto.notes_.items() if name.startswith("background_")) > methods_background.FARTHEST
    np.testing.assert_array_equal(toy.scores(auto), toy.scores(toy.fitted("target_only", features="layers", background="none")))


def test_a_folder_is_a_pile_and_its_content_moves_the_hash(toy, tmp_path):
    for i, picture in enumerate(toy.test.images(range(8), 32)):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(tmp_path / f"{i}.png")
    method = toy.fitted("target_only", background=str(tmp_path))
    assert len(method.pile_0) == 8
    assert list(method.notes_) == ["background_own"]
    before = method.settings.content()
    (tmp_path / "0.png").rename(tmp_path / "z.png")
    assert method.settings.content() == before
    (tmp_path / "z.png").unlink()
    assert method.settings.content() != before
    assert toy.fitted("target_only", background="letters").settings.content() is None


def test_what_is_held_of_a_view_is_found_once_and_serves_every_part_of_it(toy):
    method, asked = toy.build("pooled_gaussian"), []
    held = method.hold(toy.target)
    assert method.hold(held) is held

    def lengths(view):
        asked.append(len(view))
        return method.embed(view).norm(dim=1)

    def sums(view):
        asked.append(len(view))
        return (lengths_of := method.embed(view).norm(dim=1))[:, None] + lengths_of

    rows = np.array([5, 0, 9])
    part = held.subset(np.arange(len(held)) < 20).subset(rows)  # by mask, then by number
    z = method.embed(toy.target.subset(rows))
    assert torch.equal(part.of_each("lengths", lengths), z.norm(dim=1))
    assert torch.equal(part.of_pairs("sums", sums), z.norm(dim=1)[:, None] + z.norm(dim=1))
    assert torch.equal(held.of_each("lengths", lengths)[rows], z.norm(dim=1))
    assert asked == [len(held)] * 2
    assert part.whole is held
    assert torch.equal(method.embed(part), z)
    assert part.contents.tolist() == toy.target.contents[rows].tolist()
    other = toy.build("target_only", features="encoder_last")
    assert torch.equal(other.embed(part), other.embed(toy.target.subset(rows))), "another method's eyes are its own"
    assert torch.equal(part.images([1], 16), toy.target.images([0], 16))
    assert len(held.subset([])) == 0


def test_a_fit_to_a_part_of_a_held_view_is_the_fit_to_these_pictures(toy):
    source, target, part, some = toy.source, toy.target, np.arange(25), np.arange(3, 20)
    for name in ("pooled_gaussian", "target_gaussian", "target_only"):
        method = toy.build(name)
        held = [method.hold(view) for view in (source, target)]
        with single_thread():
            method.twin().fit(*held)  # what is found of the whole
            shared = method.twin().fit(held[0].subset(some), held[1].subset(part))
            alone = method.twin().fit(source.subset(some), target.subset(part))
        np.testing.assert_allclose(toy.scores(shared), toy.scores(alone), rtol=0, atol=1e-9 * toy.scores(alone).std())


def test_a_picture_that_changes_while_it_is_looked_at_is_refused(toy):
    class Changing(View):
        contents = property(lambda self: np.array([f"{next(turns)}{content}" for content in super().contents]))

    turns, view = count(), Changing(toy.night, np.arange(3))
    method = toy.build("target_only")
    method.inputs = lambda view: torch.zeros(3, 2)
    with pytest.raises(InputError, match="wanted pictures that stay as they are, got some that changed"):
        method.hold(view)


def test_products_are_held_as_long_as_both_domains_together_are_few(toy, monkeypatch):
    method = toy.build("pooled_gaussian")
    source, target = (method.hold(view) for view in (toy.source, toy.target))
    monkeypatch.setattr(methods_pooled, "FEW", len(source) + len(target))
    assert method._products(source, target.subset([0, 1])).across.shape == (4, 2, len(source))
    monkeypatch.setattr(methods_pooled, "FEW", len(source) + len(target) - 1)
    assert method._products(source, target.subset([0, 1])) is None, "the whole counts, as it is what they are made of"
