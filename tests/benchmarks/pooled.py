"""What the pooled Gaussian costs over the embedding of its pictures, on one core.

Run with ``make benchmark``. Every figure is a ratio of two measurements in one process on one machine.
"""

import time

import numpy as np
import torch

from twofold.compute import single_thread
from twofold.methods.base import Networks
from twofold.methods.pooled_gaussian import PooledGaussian
from twofold.networks.backbones import load_layers
from twofold.networks.weights import resolve_weights
from twofold.parts.gaussians import fit_pooled

BATCH = 64


def cost(n: int, size_px: int, n_source: int = 200) -> float:
    """Processor seconds of embedding and fitting over those of embedding alone: n target pictures, none cached."""
    networks, settings = Networks(), PooledGaussian.Settings()
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (n_source + n, 3, size_px, size_px), np.uint8))
    spaces, seconds = [], 0.0
    with single_thread():
        for role in ("encoder", "backbone"):
            name = getattr(networks, role)
            extractor, widths = load_layers(name, resolve_weights(name), size_px)
            extractor(images[:BATCH])  # the first call pays for what is set up once
            start = time.process_time()
            features = torch.cat([extractor(images[i : i + BATCH]) for i in range(0, len(images), BATCH)])
            seconds += time.process_time() - start
            spaces += np.split(features.numpy(), np.cumsum(widths)[:-1], axis=1)
        start = time.process_time()
        parts = [space[:n_source] for space in spaces], [space[n_source:] for space in spaces]
        fit_pooled(*parts, settings.kept_share, settings.source_weight)
        fitting = time.process_time() - start
    return (seconds + fitting) / seconds


if __name__ == "__main__":
    for size_px in (64, 128):
        for n in (20, 200, 1000, 2000):
            print(f"{n} target pictures of {size_px} px: {cost(n, size_px):.2f} of the embedding's time")
