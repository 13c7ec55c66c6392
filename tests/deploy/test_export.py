"""The exported graph scores as torch does, and the resize inside it moves a score by little."""

import numpy as np
import onnxruntime
import pytest
import torch
from detector_cases import CASES
from torchvision.transforms.v2.functional import to_pil_image

from twofold import InputError, TwoFoldDetector, load_domain
from twofold.data.folders import load_pictures
from twofold.data.reading import square
from twofold.deploy import export
from twofold.deploy.export import export_onnx
from twofold.methods import METHODS
from twofold.methods.frozen import SourceMean

TOLERANCE = 1e-4  # of the spread of the scores
RESIZED = 0.15  # of it: Pillow rounds and clips between columns and rows, which hard edges of 64 px and less show


def by_onnx(path, pictures):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["anomaly_score"], {"pictures": pictures.numpy()})[0]


@pytest.mark.parametrize("case", [case for case, (name, _) in CASES.items() if not METHODS[name][0].no_graph])
def test_the_graph_scores_as_torch_does(case, folders, fitted, tmp_path):
    method = fitted(case).method_
    path = export_onnx(fitted(case), tmp_path / "graph.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["graph.onnx"]
    domains = [load_pictures(folders[0] / name) for name in ("source", "target", "new")]
    pictures = torch.cat([domain.images(range(len(domain)), method.size_px) for domain in domains])
    with torch.no_grad():
        expected = method(pictures).numpy()
    scores, tolerance = by_onnx(path, pictures), TOLERANCE * expected.std()
    assert scores.dtype == expected.dtype  # float64 stays float64
    np.testing.assert_allclose(scores, expected, rtol=0, atol=tolerance)
    apart = expected[:, None] - expected > 2 * tolerance
    assert apart.any()
    assert (scores[:, None] > scores)[apart].all()
    for rows in ([0], [140], range(7), range(137, 144)):  # one and seven, fitted and new
        np.testing.assert_allclose(by_onnx(path, pictures[rows]), expected[rows], rtol=0, atol=tolerance)


def test_a_method_that_is_no_graph_says_why(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(SourceMean, "no_graph", "its trees are no tensors: use the detector itself")
    with pytest.raises(InputError, match="wanted a method that can be a graph, got SourceMean; its trees"):
        export_onnx(fitted("zero_shot"), tmp_path / "graph.onnx")
    assert not list(tmp_path.iterdir())


def test_what_export_wants_it_says(fitted, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="call fit first"):
        export_onnx(TwoFoldDetector(device="cpu"), tmp_path / "graph.onnx")
    with pytest.raises(InputError, match="choose another place"):
        export_onnx(fitted("zero_shot"), tmp_path)
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"wanted the package onnx, got none; .*twofold\[export\]"):
        export_onnx(fitted("zero_shot"), tmp_path / "graph.onnx")


@pytest.mark.parametrize("case", ["zero_shot", "target_only", "pooled_gaussian", "twofold"])
def test_pictures_of_twice_the_size_score_nearly_as_when_pillow_resizes_them(case, fitted):
    method, emoji = fitted(case).method_, load_domain("emoji", "apple")
    large = emoji.images(range(0, 300, 10), 2 * method.size_px)
    resized = [square(to_pil_image(picture), method.size_px) for picture in large]
    with torch.no_grad():
        inside, before = method(large).numpy(), method(torch.from_numpy(np.stack(resized))).numpy()
    assert abs(inside - before).max() < RESIZED * before.std()
