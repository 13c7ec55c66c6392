"""The named methods and presets: the only home of defaults, and what each field may hold."""

from __future__ import annotations

from typing import Any

__all__ = ["CHOICES", "EMBEDDED", "METHODS", "PAIRS", "PRESETS", "RANGES", "RECIPE_VERSION", "TASK"]

RECIPE_VERSION = 2  # raised by every commit that moves a number

CHOICES = {
    "one_class": ("dsvdd", "msc", "frozen"),
    "one_class_on": ("source", "target_normals"),
    "alignment": ("contrastive", "mmd", "grl", "none"),
    "selection": ("kmeans", "gmm", "meanshift", "knn", "all", "oracle", "trimmed"),
    "selection_space": ("encoder", "backbone"),
    "negatives": ("non_dominant", "sparse_tail", "in_batch", "both"),
    "features": ("encoder", "backbone", "both"),
    "frozen_score": ("source_mean", "source_knn", "target_knn", "pooled_gaussian"),
    "center": ("fixed", "batch"),
}

_AXES = {
    "one_class": "dsvdd",
    "one_class_on": "source",
    "alignment": "none",
    "selection": "all",
    "selection_space": "encoder",
    "negatives": "non_dominant",
    "features": "encoder",
    "frozen_score": "source_mean",
}
_FROZEN = {**_AXES, "one_class": "frozen"}
_ALIGNED = {**_AXES, "alignment": "contrastive", "selection": "kmeans"}

METHODS: dict[str, dict[str, Any]] = {
    "random_init": {**_FROZEN, "features": "backbone", "backbone_weights": "random"},
    "zero_shot": _FROZEN,
    "source_knn": {**_FROZEN, "frozen_score": "source_knn"},
    "target_only": {**_FROZEN, "frozen_score": "target_knn"},
    "source_only": _AXES,
    "align_all": {**_ALIGNED, "selection": "all", "negatives": "in_batch"},
    "cluster_backbone": {**_ALIGNED, "selection_space": "backbone"},
    "twofold": _ALIGNED,
    "density": {**_ALIGNED, "selection": "knn", "negatives": "sparse_tail"},
    "oracle": {**_ALIGNED, "selection": "oracle"},
    "in_domain": {**_AXES, "one_class_on": "target_normals"},
    "pooled_gaussian": {**_FROZEN, "frozen_score": "pooled_gaussian", "selection": "trimmed", "features": "both"},
}

# what each pair of domains may be used for: choosing defaults, looking, or one confirmation after all choices are made
PAIRS = {
    "dev": [("digits", "type", "optdigits"), ("emoji", "windows", "apple"), ("pacs", "photo", "cartoon")],
    "seen": [
        ("pacs", "photo", "sketch"),
        ("emoji", "google", "twitter"),
        ("digits", "type", "mnist"),
        ("digits", "mnist", "optdigits"),
    ],
    "confirmation": [("pacs", "sketch", "photo"), ("emoji", "samsung", "joypixels"), ("digits", "optdigits", "mnist")],
}

TASK = {"seed": 0, "anomaly_ratio": 0.1, "anomaly_classes": None, "transductive": False, "paired": False}

EMBEDDED = {
    "backbone": "tf_efficientnet_lite0",
    "backbone_weights": "pretrained",
    "backbone_size_px": 96,
    "frozen_stages": 7,
    "encoder": "tf_efficientnet_lite2",
    "encoder_weights": "pretrained",
    "encoder_size_px": 128,
    "normalize_features": True,
    "steps": 100,
    "batch_size": 32,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "clip_norm": 5.0,
    "temperature": 1.0,
    "lambda_one_class": 1.0,
    "lambda_alignment": 0.4,
    "center": "fixed",
    "train_batch_norm": False,
    "n_clusters": 2,
    "whiten_dims": 8,
    "reclusterings": 10,
    "dense_share": 0.6,
    "sparse_share": 0.1,
    "density_neighbors": 7,
    "source_neighbors": 2,
    "target_neighbors": 7,
    "msc_temperature": 0.25,
    "kept_share": 0.85,
    "source_weight": None,
    "hidden_layer": True,
}

# preset -> its values, then what a data set changes
PRESETS: dict[str, dict[str, Any]] = {
    "embedded": {
        **EMBEDDED,
        "by_dataset": {
            "digits": {"backbone_size_px": 32, "encoder_size_px": 64},
            "emoji": {"backbone_size_px": 64, "encoder_size_px": 128},
        },
    },
    "paper": {
        **EMBEDDED,
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
        "by_dataset": {"visda2017": {"n_clusters": 10}, "pacs": {"n_clusters": 5}},
    },
}

# field -> (lowest, highest, whether the lowest itself is allowed)
RANGES = {
    "seed": (0, 2**32 - 1, True),
    "backbone_size_px": (8, 4096, True),
    "encoder_size_px": (8, 4096, True),
    "frozen_stages": (0, 100, True),
    "steps": (1, 10**9, True),
    "batch_size": (2, 10**6, True),
    "learning_rate": (0, 1e3, False),
    "momentum": (0, 1, True),
    "weight_decay": (0, 1e3, True),
    "clip_norm": (0, 1e9, True),
    "temperature": (0, 1e3, False),
    "msc_temperature": (0, 1e3, False),
    "lambda_one_class": (0, 1e9, True),
    "lambda_alignment": (0, 1e9, True),
    "n_clusters": (1, 10**6, True),
    "whiten_dims": (0, 10**6, True),
    "reclusterings": (1, 10**6, True),
    "dense_share": (0, 1, False),
    "sparse_share": (0, 1, False),
    "density_neighbors": (1, 10**6, True),
    "kept_share": (0, 1, False),
    "source_weight": (0, 1e6, True),
    "source_neighbors": (1, 10**6, True),
    "target_neighbors": (1, 10**6, True),
}
