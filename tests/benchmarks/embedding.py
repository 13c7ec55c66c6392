"""What embedding picture files through the cache costs over the bare networks, and what a second worker brings.

Run with ``make benchmark``. Every figure is a ratio of measurements in one process on one machine, taken in turns.
"""

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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


def bare(networks: list[Extractor], batches: list[Callable[[], torch.Tensor]], workers: int) -> None:
    """The networks on batches, one thread a worker."""
    with single_thread(), ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for network in networks:
            list(pool.map(lambda batch, network=network: network(batch()), batches))


def seconds(work: Callable[[], object]) -> np.ndarray:
    """Processor and wall seconds of a call."""
    start = np.array([time.process_time(), time.perf_counter()])
    work()
    return np.array([time.process_time(), time.perf_counter()]) - start


def main() -> None:
    """Print the figures."""
    workers = min(2, cores())
    networks = [load_layers(name, resolve_weights(name), SIZE_PX)[0] for name in WHEELS]
    with tempfile.TemporaryDirectory() as folder:
        view = picture_files(Path(folder))
        read = [partial(view.images, range(start, start + BATCH), SIZE_PX) for start in range(0, N, BATCH)]
        ready = [partial(torch.clone, batch()) for batch in read]
        bare(networks, ready[:workers], workers)  # the first call pays for what is set up once

        def embed(place: str, workers: int) -> None:
            for network in networks:
                EmbeddingCache(f"{folder}/{place}", workers).embed(network, view)

        rounds = []
        for i in range(ROUNDS):
            work = [
                partial(bare, networks, ready, workers),
                partial(bare, networks, read, workers),
                partial(embed, f"{i}", workers),
                partial(embed, f"{i}-one", 1),
                partial(embed, f"{i}", workers),
            ]
            rounds.append([seconds(each) for each in work])
    alone, reading, cold, one, warm = np.median(rounds, axis=0)
    print(
        f"processor time of embedding {N} files over bare reading and networks: {cold[0] / reading[0]:.2f} (goal 1.25 or less)"
    )
    print(f"  over the networks alone: {cold[0] / alone[0]:.2f}; a second look takes {warm[1] / cold[1]:.3f} of the first")
    print(f"throughput of {workers} workers over 1: {one[1] / cold[1]:.2f} (goal 1.6 or more where nothing else runs)")


if __name__ == "__main__":
    main()
