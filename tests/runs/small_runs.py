"""Small tasks and small folders of pictures for the tests of runs."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from twofold.runs.config import configure

TASK = {"dataset": "digits", "source": "type", "target": "optdigits", "normal": "3"}
TINY = {"steps": 2, "batch_size": 8}
THEN = 1_700_000_000  # when every picture of every tree was written


def draw(kind, rng):
    """32 x 32 pixels of a disc or of stripes; never twice the same."""
    y, x = np.mgrid[:32, :32]
    if kind == "disc":
        shape = (x - rng.integers(12, 20)) ** 2 + (y - rng.integers(12, 20)) ** 2 < rng.integers(40, 120)
    else:
        shape = (x + rng.integers(8) + y * rng.integers(1, 3)) % 8 < 4
    picture = 40 + 150 * shape[..., None] + rng.normal(0, 10, (32, 32, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


def plant(root, drawn, n=16, seed=0):
    """A tree <root>/<domain>/<class>/NNN.bmp; ``drawn`` says what pictures of a class show. All sizes and times are equal."""
    rng = np.random.default_rng(seed)
    for domain, classes in drawn.items():
        for name, kind in classes.items():
            for i in range(n):
                path = Path(root, domain, name, f"{i:03d}.bmp")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(draw(kind, rng)).save(path)
                os.utime(path, (THEN, THEN))
    return str(root)


AS_NAMED = {"day": {"cup": "disc"}, "night": {"cup": "disc", "pen": "stripes"}}
EXCHANGED = {"day": {"cup": "disc"}, "night": {"cup": "stripes", "pen": "disc"}}


def folder_config(method="zero_shot", **fields):
    """A run on such a tree."""
    sizes = {"zero_shot": {"encoder_size_px": 32}, "source_only": {"backbone_size_px": 32, **TINY}}
    return configure("folder", "day", "night", "cup", method, **{**sizes[method], **fields})
