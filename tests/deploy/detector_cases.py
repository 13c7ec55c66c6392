"""Every detector that there can be, small: a module of its own, since tests are parametrised over it."""

from PIL import Image

from twofold import TwoFoldDetector, configure
from twofold.methods import METHODS
from twofold.runs.config import UnreadError

SMALL = {"encoder_size_px": 64, "backbone_size_px": 32, "steps": 3, "batch_size": 8}


def of_two_folders(method):
    return configure("folder", "source", "target", "normal", method)


# every method that is told no answers, and axes that leave other tensors behind
CASES = {name: (name, {}) for name in METHODS if not of_two_folders(name).told}
CASES |= {
    "two layers": ("pooled_gaussian", {"features": "encoder", "selection": "all"}),
    "last layer": ("target_gaussian", {"features": "backbone", "hidden_layer": False}),
    "same eyes": ("target_only", {"features": "layers"}),
    "one hidden layer": ("source_knn", {"features": "backbone_hidden"}),
    "msc": ("source_only", {"one_class": "msc"}),
    "grl": ("twofold", {"alignment": "grl"}),
    "batch norm": ("twofold", {"train_batch_norm": True}),
    "nothing frozen": ("align_all", {"frozen_stages": 0}),
}


def small(method, **settings):
    """A detector of small pictures and few steps, as far as its method reads such fields."""
    fields = {**SMALL, **settings}
    while True:
        try:
            detector = TwoFoldDetector(method, fields, device="cpu")
            _ = detector.config
            return detector
        except UnreadError as error:
            del fields[error.field]


def write(domain, rows, folder):
    folder.mkdir(parents=True)
    for row in rows:
        Image.fromarray(domain.images([row], 32)[0].permute(1, 2, 0).numpy()).save(folder / f"{row:04d}.png")
