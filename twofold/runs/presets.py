"""What differs by preset and data set, and what each pair of domains may be used for; defaults stand at their fields."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from twofold.data.piped import PIPED_DOMAINS

__all__ = ["PAIRS", "PRESETS", "RECIPE_VERSION", "preset_values"]

RECIPE_VERSION = 5  # raised by every commit that moves a number

# choosing defaults, looking, or one confirmation after all choices are made
PAIRS = {
    "dev": [("digits", "type", "optdigits"), ("emoji", "windows", "apple"), ("pacs", "photo", "cartoon")],
    "seen": [
        ("pacs", "photo", "sketch"),
        ("emoji", "google", "twitter"),
        ("digits", "type", "mnist"),
        ("digits", "mnist", "optdigits"),
        # the confirmation of the first pooled_gaussian, looked at since
        ("pacs", "sketch", "photo"),
        ("emoji", "samsung", "joypixels"),
        ("digits", "optdigits", "mnist"),
        ("office_caltech", "webcam", "amazon"),
        ("office_caltech", "amazon", "webcam"),
        ("elpv", "mono", "poly"),
        *(("piped", source, target) for source, target in permutations(PIPED_DOMAINS, 2) if target != "BDP01_TL"),
    ],
    "confirmation": [  # run once, with pooled_gaussian and its controls frozen as recipe 5 has them
        ("emoji", "twitter", "samsung"),
        ("office_caltech", "dslr", "caltech10"),
        ("elpv", "poly", "mono"),
        ("piped", "FVN02_RL", "BDP01_TL"),
    ],
}

# preset -> what it changes, then what a data set changes in it
PRESETS: dict[str, tuple[dict[str, Any], dict[str, dict[str, Any]]]] = {
    "embedded": (
        {},
        {
            "digits": {"backbone_size_px": 32, "encoder_size_px": 64},
            "emoji": {"backbone_size_px": 64},
            "pacs": {"n_clusters": 5},
        },
    ),
    "paper": (
        {
            "backbone": "resnet50.tv_in1k",
            "backbone_size_px": 224,
            "frozen_stages": 0,
            "encoder": "open_clip:ViT-B-32-quickgelu/openai",
            "encoder_size_px": 224,
            "normalize_features": False,
            "steps": 1000,
            "batch_size": 256,
            "learning_rate": 1e-4,
            "weight_decay": 5e-7,
            "clip_norm": 0.0,
            "temperature": 0.1,
            "lambda_alignment": 1.0,
            "whiten_dims": 0,
        },
        {"visda2017": {"n_clusters": 10, "shots": 100}, "pacs": {"n_clusters": 5}},
    ),
}


def preset_values(preset: str, dataset: str) -> dict[str, Any]:
    """The fields that a preset sets for a data set, by their flat names.

    >>> preset_values("embedded", "digits")
    {'backbone_size_px': 32, 'encoder_size_px': 64}
    """
    changed, by_dataset = PRESETS[preset]
    return {**changed, **by_dataset.get(dataset, {})}
