"""One file scores everywhere alike: saved, opened, exported and run by onnxruntime, on every data set that is at hand."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from sklearn.metrics import roc_auc_score

import twofold
from twofold import InputError, TwoFoldDetector
from twofold.cli import main
from twofold.data import load_pair
from twofold.data.reading import square
from twofold.data.tasks import build_task
from twofold.deploy.export import export_onnx
from twofold.runs.presets import preset_values
from twofold.runs.search import some_classes

ROOT = Path(os.environ.get("TWOFOLD_DATA") or Path(twofold.__file__).parents[2] / "shared" / "data")
TOLERANCE = 1e-4  # of the spread of the scores
FEW, MANY = 40, 200  # tested pictures of what pip brings, and of what lies in folders; all are 200 where TWOFOLD_DATA is set
PAIRS = {
    "digits": ("type", "optdigits", MANY),
    "emoji": ("windows", "apple", FEW),
    "elpv": ("mono", "poly", FEW),
    "pacs": ("photo", "cartoon", MANY),
    "office_caltech": ("webcam", "amazon", MANY),
    "piped": ("GLA01_TL", "BTN01_RL", MANY),
}


def of_folders(dataset, source, target):
    """The two domains, or a skip where they are not here."""
    try:
        return load_pair(dataset, source, target, ROOT)
    except InputError as error:
        pytest.skip(str(error))


def by_onnx(path, pictures):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    chunks = np.array_split(pictures, -(-len(pictures) // 50))
    return np.concatenate([session.run(["anomaly_score"], {"pictures": chunk})[0] for chunk in chunks])


@pytest.mark.parametrize("dataset", PAIRS)
def test_a_saved_and_exported_detector_scores_as_the_fitted_one(dataset, tmp_path, record_property):
    source, target, n = PAIRS[dataset]
    n = MANY if "TWOFOLD_DATA" in os.environ else n
    domains = of_folders(dataset, source, target)
    task = build_task(*domains, some_classes((dataset, source, target), 1, ROOT)[0])
    size_px = preset_values("embedded", dataset).get("encoder_size_px", 128)
    views = (task.source_train, task.target_train, task.target_test)
    kept = [
        np.linspace(0, len(view) - 1, min(most, len(view))).astype(int) for view, most in zip(views, (40, 40, n), strict=True)
    ]
    arrays = [view.images(rows, size_px) for view, rows in zip(views, kept, strict=True)]
    normals, unlabelled, new = (array.permute(0, 2, 3, 1).contiguous().numpy() for array in arrays)

    fitted = TwoFoldDetector(settings={"encoder_size_px": size_px}, device="cpu").fit(normals, unlabelled)
    expected = fitted.anomaly_score(new)
    fitted.save(tmp_path / "detector.twofold")
    opened = TwoFoldDetector.load(tmp_path / "detector.twofold", device="cpu")
    np.testing.assert_array_equal(opened.anomaly_score(new), expected)
    np.testing.assert_array_equal(opened.predict(new), fitted.predict(new))
    scores = by_onnx(export_onnx(opened, tmp_path / "detector.onnx"), arrays[2].numpy())
    apart = float(abs(scores - expected).max() / expected.std())
    record_property(f"{dataset}: greatest difference of {len(scores)} scores, of their spread", apart)
    assert apart < TOLERANCE


def test_from_two_folders_of_paper_to_scores_that_are_the_librarys(tmp_path, capsys):
    """The good crops of one paper, 24 good and 3 faulty ones of another without labels, and its other crops scored."""
    old, new = of_folders("piped", "GLA01_TL", "BTN01_RL")
    good, faulty = (np.flatnonzero((new.class_names == "good") == wanted) for wanted in (True, False))
    unlabelled = [*good[:24], *faulty[:3]]
    places = {
        "normals": (old, np.flatnonzero(old.class_names == "good")),
        "unlabelled": (new, unlabelled),
        "later": (new, np.setdiff1d(np.arange(len(new)), unlabelled)),
    }
    for place, (domain, rows) in places.items():
        (tmp_path / place).mkdir()
        for row in rows:
            path = Path(domain.pictures.paths[row])
            (tmp_path / place / f"{row:04d}{path.suffix}").symlink_to(path)
    normals, unlabelled, later = (str(tmp_path / place) for place in places)
    detector, table, graph = (str(tmp_path / name) for name in ("detector.twofold", "scores.csv", "detector.onnx"))
    assert main(["fit", normals, unlabelled, "--out", detector, "--report", str(tmp_path / "report.html")]) == 0
    assert main(["score", detector, later, "--out", table]) == 0
    assert main(["export", detector, "--out", graph]) == 0
    assert "27 target pictures" in capsys.readouterr().out

    rows = [line.split(",") for line in (tmp_path / "scores.csv").read_text("utf-8").splitlines()[1:]]
    numbers = np.array([int(Path(row[0]).stem) for row in rows])
    labels, scores = (new.class_names[numbers] != "good").astype(int), np.array([float(row[1]) for row in rows])
    library = TwoFoldDetector(device="cpu").fit(normals, unlabelled)
    expected = library.anomaly_score(later)
    by_number = expected[np.argsort(np.argsort(numbers))]  # the library goes by name too
    np.testing.assert_array_equal(scores, by_number)
    assert roc_auc_score(labels, scores) == roc_auc_score(labels, by_number) > 0.9
    np.testing.assert_array_equal([int(row[3]) for row in rows], (scores > library.threshold_).astype(int))
    size_px = library.fitted().size_px
    pictures = np.stack([square(new.pictures[number], size_px) for number in numbers])
    assert abs(by_onnx(graph, pictures) - scores).max() < TOLERANCE * scores.std()
