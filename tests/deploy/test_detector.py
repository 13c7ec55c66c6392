"""The practitioner's path: folders in, scores out, the same after saving, and clear words at the door."""

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from sklearn.metrics import roc_auc_score

from twofold import TwoFoldDetector, load_domain
from twofold.cli import main
from twofold.data.listing import load_pictures
from twofold.errors import InputError

SMALL = {"encoder_size_px": 64}


def write(domain, rows, folder):
    folder.mkdir(parents=True)
    for row in rows:
        Image.fromarray(domain.images([row], 32)[0].permute(1, 2, 0).numpy()).save(folder / f"{row:04d}.png")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Printed threes; written threes with four other digits among 44; the other digits' names."""
    place = tmp_path_factory.mktemp("own")
    source, target = load_domain("digits", "type"), load_domain("digits", "optdigits")
    threes = np.flatnonzero(target.class_names == "3")
    others = np.concatenate([np.flatnonzero(target.class_names == name)[:1] for name in "0479"])
    write(source, np.flatnonzero(source.class_names == "3")[:60], place / "source")
    write(target, [*threes[:40], *others], place / "target")
    write(target, [*threes[40:60], *np.flatnonzero(target.class_names == "6")[:20]], place / "new")
    return place, {f"{row:04d}" for row in others}


@pytest.fixture(scope="module")
def detector(folders):
    place, _ = folders
    return TwoFoldDetector(device="cpu", **SMALL).fit(place / "source", place / "target")


def test_the_strangers_of_the_target_and_of_a_new_folder_score_highest(folders, detector):
    place, others = folders
    ids = load_pictures(place / "target").ids
    labels = np.isin(ids, list(others)).astype(int)
    assert roc_auc_score(labels, detector.fitted.train_scores) > 0.95
    new = load_pictures(place / "new")
    known = load_domain("digits", "optdigits").class_names
    labels = np.array([known[int(name)] == "6" for name in new.ids], int)
    assert roc_auc_score(labels, detector.anomaly_score(place / "new")) > 0.95


def test_a_saved_detector_scores_the_same(folders, detector, tmp_path):
    place, _ = folders
    detector.save(tmp_path / "d.safetensors")
    again = TwoFoldDetector.load(tmp_path / "d.safetensors", "cpu")
    np.testing.assert_array_equal(again.anomaly_score(place / "new"), detector.anomaly_score(place / "new"))
    assert again.config == detector.config
    assert again.fitted.source_weights == detector.fitted.source_weights
    assert again.fitted.contrast == detector.fitted.contrast
    assert [path.name for path in tmp_path.iterdir()] == ["d.safetensors"]


def test_pictures_that_were_fitted_are_judged_by_gaussians_without_them(folders, detector, tmp_path):
    place, _ = folders
    np.testing.assert_array_equal(detector.anomaly_score(place / "target"), detector.fitted.train_scores)
    above = load_pictures(place)
    rows = [i for i, name in enumerate(above.ids) if name.startswith("target/")]
    np.testing.assert_array_equal(detector.anomaly_score(above)[rows], detector.fitted.train_scores)
    detector.save(tmp_path / "d.safetensors")
    again = TwoFoldDetector.load(tmp_path / "d.safetensors", "cpu")
    np.testing.assert_array_equal(again.anomaly_score(place / "target"), detector.fitted.train_scores)


def test_a_picture_is_known_again_by_its_content_alone(folders, detector, tmp_path):
    place, _ = folders
    first, other = sorted((place / "target").iterdir())[:2]
    copied = tmp_path / "pictures" / "other name.png"
    copied.parent.mkdir()
    copied.write_bytes(first.read_bytes())
    assert detector.anomaly_score(copied.parent)[0] == detector.fitted.train_scores[0]
    stranger = copied.with_name(other.name)  # a name of the target's, but another picture
    Image.open(sorted((place / "new").iterdir())[0]).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(stranger)
    alone = detector.anomaly_score(copied.parent)[sorted(["other name", stranger.stem]).index(stranger.stem)]
    assert alone not in detector.fitted.train_scores


def test_a_frame_of_a_camera_that_never_moves_scores_like_the_others_and_a_stranger_does_not(folders, tmp_path):
    place, _ = folders
    source, target = load_pictures(place / "source"), load_domain("digits", "optdigits")
    still, stranger = np.flatnonzero(target.class_names == "3")[0], np.flatnonzero(target.class_names == "6")[:1]
    write(target, [still], tmp_path / "one")
    (tmp_path / "target").mkdir()
    frame = Image.open(next((tmp_path / "one").iterdir()))
    for i in range(20):
        frame.save(tmp_path / "target" / f"{i}.png", compress_level=i % 10)  # the same pixels
    write(target, stranger, tmp_path / "new")
    frame.save(tmp_path / "new" / "0000 again.bmp")
    same, strange = TwoFoldDetector(device="cpu", **SMALL).fit(source, tmp_path / "target").anomaly_score(tmp_path / "new")
    assert abs(same) < 1 < strange


def test_twenty_pictures_are_enough_and_nineteen_are_not(folders):
    place, _ = folders
    target, source = load_domain("digits", "optdigits"), load_pictures(place / "source")
    rows = np.flatnonzero(target.class_names == "3")
    write(target, rows[:19], place / "few")
    detector = TwoFoldDetector(device="cpu", **SMALL)
    with pytest.raises(InputError, match="at least 20 target pictures, got 19"):
        detector.fit(source, place / "few")
    assert detector.fitted is None
    write(target, rows[19:20], place / "few" / "inner")
    assert np.isfinite(detector.fit(source, place / "few").anomaly_score(place / "new")).all()


def test_names_are_the_paths_in_the_folder(folders):
    domain = load_pictures(folders[0])
    assert "source/0000" not in load_pictures(folders[0] / "source").ids
    assert {name.split("/")[0] for name in domain.ids} >= {"source", "target", "new"}
    assert list(domain.ids) == sorted(domain.ids)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"selection": "oracle"}, "reads no label"),
        ({"one_class_on": "target_normals"}, "reads no label"),
        ({"frozen_score": "target_knn", "selection": "all", "features": "encoder"}, "wanted a detector"),
        ({"kept_shares": 0.5}, "did you mean 'kept_share'"),
        ({"source_weight": -1.0}, "wanted source_weight in"),
        ({"preset": "paper2"}, "wanted a preset"),
    ],
)
def test_a_detector_that_cannot_be_is_refused_at_the_door(changes, words):
    with pytest.raises(InputError, match=words):
        TwoFoldDetector(device="cpu", **changes)


def test_what_was_not_fitted_or_not_saved_by_us_is_refused(folders, detector, tmp_path):
    with pytest.raises(InputError, match="call fit first"):
        TwoFoldDetector(device="cpu").anomaly_score(folders[0] / "new")
    with pytest.raises(InputError, match="saved by twofold"):
        TwoFoldDetector.load(tmp_path / "none.safetensors")
    save_file({"x": np.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="saved by twofold"):
        TwoFoldDetector.load(tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="choose another place"):
        detector.save(tmp_path / "no" / "folder.safetensors")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="got none"):
        load_pictures(tmp_path / "empty")


def test_other_networks_of_the_same_names_are_refused(detector, tmp_path, monkeypatch):
    detector.save(tmp_path / "d.safetensors")
    changed = dict(detector._weights)
    changed["encoder"] = changed["backbone"]
    monkeypatch.setattr(detector, "_weights", changed)
    detector.save(tmp_path / "e.safetensors")
    with pytest.raises(InputError, match="got others of the same names"):
        TwoFoldDetector.load(tmp_path / "e.safetensors", "cpu")


def test_the_command_line_fits_and_scores(folders, tmp_path, capsys):
    place, others = folders
    out, scores = tmp_path / "d.safetensors", tmp_path / "s.csv"
    assert main(["fit", str(place / "source"), str(place / "target"), "--out", str(out), "--scores", str(scores)]) == 0
    text = capsys.readouterr().out
    assert "60 source pictures, 44 target pictures" in text
    assert "contrast" in text
    lines = scores.read_text().splitlines()
    assert lines[0] == "picture,anomaly_score"
    assert len(lines) == 45
    assert len({line.split(",")[0] for line in lines[1:7]} & others) >= 3
    assert main(["score", str(out), str(place / "new")]) == 0
    lines = capsys.readouterr().out.splitlines()
    values = [float(line.split(",")[1]) for line in lines[1:]]
    assert len(values) == 40
    assert values == sorted(values, reverse=True)
    assert main(["score", str(scores), str(place / "new")]) == 2
    assert "saved by twofold" in capsys.readouterr().err
    assert main(["fit", str(place / "source"), str(place / "target"), "--out", str(tmp_path / "no" / "d")]) == 2
    assert "in a folder that is there" in capsys.readouterr().err
    assert main(["fit", str(place / "source"), str(place / "target"), "--out", str(tmp_path)]) == 2
    same = ["--out", str(tmp_path / "x"), "--scores", str(tmp_path / "x")]
    assert main(["fit", str(place / "source"), str(place / "target"), *same]) == 2
    assert not (tmp_path / "x").exists()
