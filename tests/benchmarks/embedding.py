"""What embedding picture files through the cache costs over the bare networks, and what a second worker brings.

Run with ``make benchmark``. Every figure is a ratio of measurements in one process on one machine, taken in turns.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from twofold.compute import cores, single_thread
from twofold.data.domains import Domain, FilePictures, View
from twofold.networks.backbones import Extractor, load_layers
from twofold.networks.cache import BATCH, EmbeddingCache
from twofold.networks.weights import WHEELS, resolve_weights

N, SIZE_PX, ROUNDS = 8 * BATCH, 128, 3


def picture_files(folder: Path) -> View:
    """JPEG files of the size of PACS, smooth enough to be as large as photographs are."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{i:04d}.jpg" for i in range(N)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).resize((227, 227), Image.Resampling.BICUBIC).save(path)
    return View(Domain("benchmark", "files", FilePictures(paths), ["a"] * N, [path.name for path in paths]), np.arange(N))


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare(networks: list[Extractor], batches: list[torch.Tensor], workers: int) -> None:
    """The networks on ready batches, one thread a worker."""
    with single_thread(), ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for network in networks:
            list(pool.map(network, batches))


def main() -> None:
    """Print the figures."""
    workers = min(2, cores())
    networks = [load_layers(name, resolve_weights(name), SIZE_PX)[0] for name in WHEELS]
    with tempfile.TemporaryDirectory() as folder:
        view = picture_files(Path(folder))
        batches = list(view.images(range(N), SIZE_PX).split(BATCH))
        bare(networks, batches[:workers], workers)  # the first call pays for what is set up once

        def embed(workers: int, place: str) -> None:
            for network in networks:
                EmbeddingCache(f"{folder}/{place}", workers).embed(network, view)

        rounds = [
            (
                seconds(lambda: bare(networks, batches, workers)),
                seconds(lambda i=i: embed(workers, f"{i}")),
                seconds(lambda i=i: embed(1, f"{i}-one")),
                seconds(lambda i=i: embed(workers, f"{i}")),
            )
            for i in range(ROUNDS)
        ]
    alone, cold, one, warm = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"embedding {N} files over the bare networks, {workers} workers each: {cold / alone:.2f} (goal 1.25 or less)")
    print(f"throughput of {workers} workers over 1: {one / cold:.2f}; a second look takes {warm / cold:.3f} of the first")


if __name__ == "__main__":
    main()
