"""A fitted method as an ONNX graph: uint8 pictures in, scores out, wherever onnxruntime runs."""

from __future__ import annotations

import os
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch

from twofold.compute import single_thread
from twofold.deploy.detector import TwoFoldDetector
from twofold.errors import InputError
from twofold.files import whole
from twofold.methods.base import Method

__all__ = ["export_onnx"]

OPSET = 18  # of ONNX; onnxruntime 1.14 and later


def export_onnx(fitted: TwoFoldDetector | Method, path: str | os.PathLike[str]) -> Path:
    """Write the graph of ``Method.forward``: networks, fitted numbers and the score's arithmetic, float64 where it is.

    Parameters
    ----------
    fitted : a fitted detector or method.
    path : the file; all weights are in it.

    Returns
    -------
    The path. Input ``pictures``: uint8 (n, 3, s, s) RGB, any n, s being the method's ``size_px``; make them by
    ``data.reading.square``, as the detector does. Output ``anomaly_score``: (n,), higher is more anomalous.

    Raises
    ------
    InputError : the method cannot be a graph, it is not fitted, onnx is not installed, or the place cannot be written to.

    The graph knows no picture again: one that was fitted is judged like any other. The exporter is torch's older one, by
    tracing: the newer takes at least fifteen times as long for the same graph. What tracing could get wrong, the parity
    test finds.
    """
    method = fitted.fitted() if isinstance(fitted, TwoFoldDetector) else fitted
    if method.no_graph:
        raise InputError(f"wanted a method that can be a graph, got {type(method).__name__}; {method.no_graph}")
    if find_spec("onnx") is None:
        raise InputError("wanted the package onnx, got none; install it with: pip install 'twofold[export]'")
    pictures = torch.zeros(2, 3, method.size_px, method.size_px, dtype=torch.uint8, device=method.device)
    with whole(path) as aside, warnings.catch_warnings(), single_thread(), torch.no_grad():
        warnings.simplefilter("ignore")  # deprecated, and traced values that are constants of a fitted method indeed
        method.eval()(pictures)  # a network is built when it is first looked through, and that is not to be traced
        torch.onnx.export(
            method.eval(),
            (pictures,),
            str(aside),
            input_names=["pictures"],
            output_names=["anomaly_score"],
            dynamic_axes={"pictures": {0: "n"}, "anomaly_score": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return Path(path)
