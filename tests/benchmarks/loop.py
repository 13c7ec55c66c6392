"""What the training loop costs over the bare network, what a second run encodes, what two jobs bring over one.

Run with ``make benchmark``. Every figure is a ratio of two measurements in one process on one machine.
"""

import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from twofold.compute import single_thread
from twofold.methods.training import row_stream
from twofold.networks.cache import EmbeddingCache
from twofold.parts.alignment import contrastive_loss
from twofold.parts.one_class import dsvdd_loss
from twofold.runs.config import configure
from twofold.runs.run import build, prepare, run
from twofold.runs.sweeps import expand, sweep

TASK = {"dataset": "digits", "source": "type", "target": "optdigits"}
ROUNDS = 5


def bare_seconds(backbone, batches, recipe, loss) -> float:
    """Seconds of forward, backward and step on ready batches."""
    optimizer = torch.optim.SGD(
        [p for p in backbone.tail.parameters() if p.requires_grad],
        lr=1e-9,
        momentum=recipe.momentum,
        nesterov=True,
        weight_decay=recipe.weight_decay,
    )
    start = time.process_time()
    for batch in batches:
        optimizer.zero_grad()
        loss(backbone(batch)).backward()
        optimizer.step()
    return time.process_time() - start


def loop_over_bare(cache: EmbeddingCache) -> tuple[float, float]:
    """Median over rounds of the loop's seconds over the bare ones: with a trivial loss, and with the run's own losses."""
    config = configure(**TASK, normal="3", method="oracle")
    prepared = prepare(config)
    task, recipe, settings = prepared.task, config.recipe, config.settings
    ratios = []
    for _ in range(ROUNDS):
        method = build(config, prepared.device, cache)
        inputs = [method.inputs(view) for view in (task.source_train, task.target_train)]
        rng, n = np.random.default_rng(0), recipe.batch_size
        streams = [row_stream(len(rows), n, rng) for rows in inputs]
        batches = [torch.cat([x.batch(next(s)) for x, s in zip(inputs, streams, strict=True)]) for _ in range(recipe.steps)]
        batches = [batch.to(memory_format=torch.channels_last) for batch in batches]
        start = time.process_time()
        method.fit(task.source_train, task.target_train, task.target_train_labels)
        looped = time.process_time() - start

        def losses(features, center=method.center, n=n):
            z = torch.nn.functional.normalize(features, dim=1)
            align = contrastive_loss(z[:n], z[n:-3], z[-3:], settings.temperature, False)  # a tenth is repelled
            return dsvdd_loss(z[:n], center) + settings.lambda_alignment * align

        trivial, same = (
            bare_seconds(method.backbone, batches, recipe, loss) for loss in (lambda features: features.square().mean(), losses)
        )
        ratios.append((looped / trivial, looped / same))
    return tuple(statistics.median(column) for column in zip(*ratios, strict=True))


def seconds_with_jobs(jobs: int, out: Path) -> float:
    """Wall seconds of twenty runs with warm workers and a warm cache."""
    configs = expand({**TASK, "normal": "all", "method": "twofold", "seed": [0, 1]})
    sweep(configs[:jobs], out / f"warm{jobs}", jobs, log=lambda _: None)
    start = time.perf_counter()
    sweep(configs, out / f"jobs{jobs}", jobs, log=lambda _: None)
    return time.perf_counter() - start


def main() -> None:
    """Print the three figures."""
    out = Path(tempfile.mkdtemp())
    try:
        with single_thread():
            cache = EmbeddingCache()
            trivial, same = loop_over_bare(cache)
            print(f"loop over bare forward, backward and step: {same:.2f} with the run's losses (goal 1.10 or less),")
            print(f"  {trivial:.2f} with a trivial loss")
        second = EmbeddingCache()
        run(prepare(configure(**TASK, normal="3", method="twofold")), cache=second)
        print(f"pictures encoded by the second run: {second.encoded} (goal 0)")
        one, two = seconds_with_jobs(1, out), seconds_with_jobs(2, out)
        print(f"throughput of 2 jobs over 1: {one / two:.2f} (goal 1.8 or more); {one / 20:.1f} s a run with 1 job")
    finally:
        shutil.rmtree(out)


if __name__ == "__main__":
    main()
