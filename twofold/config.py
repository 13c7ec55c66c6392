"""What a run is: its task, its method's axes and its recipe. The presets below are the only home of defaults."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from twofold.errors import InputError

__all__ = ["CHOICES", "METHODS", "PRESETS", "RECIPE_VERSION", "RunConfig", "configure"]

RECIPE_VERSION = 1  # raised by every commit that moves a number


@dataclass(frozen=True)
class RunConfig:
    """One run, every field resolved; build it with ``configure``.

    The method's axes come first, then the networks, then the recipe. ``oracle`` and ``name`` are derived.
    """

    # the task
    dataset: str
    source: str
    target: str
    normal: str  # class names joined by +
    method: str
    preset: str
    seed: int
    anomaly_ratio: float  # share of anomalies in the unlabelled target, in [0, 1)
    anomaly_classes: str | None  # classes they come from, joined by +; None is all others
    transductive: bool  # train on and test the same target pictures
    paired: bool  # emoji: let source training keep concepts that the target test holds

    # the method's axes
    one_class: str
    one_class_on: str  # source, or the true target normals (oracle)
    alignment: str
    selection: str
    selection_space: str
    negatives: str
    features: str  # which network a frozen detector scores with
    frozen_score: str

    # the networks
    backbone: str
    backbone_weights: str  # pretrained, random, or a file
    backbone_size_px: int
    frozen_stages: int  # first stages of the backbone that never train
    encoder: str
    encoder_weights: str
    encoder_size_px: int
    normalize_features: bool  # L2-normalise in the one-class loss, the centre and the score

    # the recipe
    steps: int
    batch_size: int  # per domain
    learning_rate: float
    momentum: float
    weight_decay: float
    clip_norm: float  # largest gradient norm; 0 is no clipping
    temperature: float
    lambda_one_class: float
    lambda_alignment: float
    center: str  # fixed before training, or re-estimated in every batch
    train_batch_norm: bool  # False keeps the statistics of pre-training
    n_clusters: int
    standardize: bool  # unit variance a dimension before clustering
    reclusterings: int  # selections in one run where the backbone's own space selects
    dense_share: float  # of the knn selection
    sparse_share: float  # of the sparse_tail negatives
    density_neighbors: int
    source_neighbors: int  # of source_knn and msc
    target_neighbors: int  # of target_only
    msc_temperature: float

    @property
    def oracle(self) -> bool:
        """Whether target labels steer this run."""
        return self.selection == "oracle" or self.one_class_on == "target_normals"

    @property
    def name(self) -> str:
        """The method and what was overridden, such as ``twofold[selection=gmm]``; oracles say so."""
        plain = _defaults(self.preset, self.dataset, self.method)
        changed = {k: getattr(self, k) for k, v in plain.items() if getattr(self, k) != v}
        inside = ",".join(f"{k}={_short(v)}" for k, v in changed.items())
        name = f"{self.method}[{inside}]" if inside else self.method
        return f"{name} (oracle)" if self.oracle and "oracle" not in name else name

    @property
    def trains(self) -> bool:
        """Whether a backbone is trained at all."""
        return self.one_class != "frozen"

    @property
    def aligns(self) -> bool:
        """Whether target pictures play a part in training."""
        return self.trains and self.alignment != "none"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


CHOICES = {
    "one_class": ("dsvdd", "msc", "frozen"),
    "one_class_on": ("source", "target_normals"),
    "alignment": ("contrastive", "mmd", "grl", "none"),
    "selection": ("kmeans", "gmm", "meanshift", "knn", "all", "oracle"),
    "selection_space": ("encoder", "backbone"),
    "negatives": ("non_dominant", "sparse_tail", "in_batch", "both"),
    "features": ("encoder", "backbone"),
    "frozen_score": ("source_mean", "source_knn", "target_knn"),
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
}

_TASK = {"seed": 0, "anomaly_ratio": 0.1, "anomaly_classes": None, "transductive": False, "paired": False}

_EMBEDDED = {
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
    "learning_rate": 0.02,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "clip_norm": 5.0,
    "temperature": 0.2,
    "lambda_one_class": 1.0,
    "lambda_alignment": 1.0,
    "center": "fixed",
    "train_batch_norm": False,
    "n_clusters": 2,
    "standardize": True,
    "reclusterings": 10,
    "dense_share": 0.6,
    "sparse_share": 0.1,
    "density_neighbors": 7,
    "source_neighbors": 2,
    "target_neighbors": 7,
    "msc_temperature": 0.25,
}

# preset -> its values, then what a data set changes
PRESETS: dict[str, dict[str, Any]] = {
    "embedded": {
        **_EMBEDDED,
        "by_dataset": {
            "digits": {"backbone_size_px": 32, "encoder_size_px": 64},
            "emoji": {"backbone_size_px": 64, "encoder_size_px": 128},
        },
    },
    "paper": {
        **_EMBEDDED,
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
        "by_dataset": {"visda2017": {"n_clusters": 10}, "pacs": {"n_clusters": 5}},
    },
}


def _known(wanted: str, value: str, known: Mapping | tuple) -> None:
    if value not in known:
        close = difflib.get_close_matches(str(value), list(known), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise InputError(f"wanted {wanted}, got {value!r}; {hint}choose one of: {', '.join(known)}")


def _defaults(preset: str, dataset: str, method: str) -> dict[str, Any]:
    _known("a preset", preset, PRESETS)
    _known("a method", method, METHODS)
    values = {k: v for k, v in PRESETS[preset].items() if k != "by_dataset"}
    return {**METHODS[method], **values, **PRESETS[preset]["by_dataset"].get(dataset, {}), **METHODS[method]}


def _checked_type(field: str, value: Any, hint: Any) -> Any:
    kinds = get_args(hint) or (hint,)
    if float in kinds and type(value) is int:
        return float(value)
    if type(value) not in kinds:
        wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
        raise InputError(
            f"wanted {field} of type {wanted}, got {value!r} ({type(value).__name__}); write it without quotes or fix it"
        )
    return value


# field -> (lowest, highest, whether the lowest itself is allowed)
_RANGES = {
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
    "reclusterings": (1, 10**6, True),
    "dense_share": (0, 1, False),
    "sparse_share": (0, 1, False),
    "density_neighbors": (1, 10**6, True),
    "source_neighbors": (1, 10**6, True),
    "target_neighbors": (1, 10**6, True),
}


def configure(
    dataset: str,
    source: str,
    target: str,
    normal: str,
    method: str = "twofold",
    preset: str = "embedded",
    **overrides: Any,
) -> RunConfig:
    """Resolve a run: the preset's values, then the method's axes, then what you say.

    Parameters
    ----------
    dataset, source, target, normal : which task.
    method : one of ``METHODS``.
    preset : one of ``PRESETS``.
    overrides : any other field of ``RunConfig``; they show in the name.

    Returns
    -------
    RunConfig.

    Raises
    ------
    InputError : unknown field or value, wrong type, out of range, axes that contradict each other.

    >>> configure("digits", "type", "optdigits", "3", selection="gmm").name
    'twofold[selection=gmm]'
    """
    hints = get_type_hints(RunConfig)
    task = {
        "dataset": dataset,
        "source": source,
        "target": target,
        "normal": normal,
        "method": method,
        "preset": preset,
    }
    for field in overrides:
        _known("a field of a run", field, tuple(hints))
    values = {**_TASK, **_defaults(preset, dataset, method), **task, **overrides}
    values = {field: _checked_type(field, value, hints[field]) for field, value in values.items()}
    for field, choices in CHOICES.items():
        _known(field, values[field], choices)
    for field, (lowest, highest, closed) in _RANGES.items():
        value = values[field]
        if not (lowest <= value <= highest and (closed or value > lowest)):
            raise InputError(f"wanted {field} in {'[' if closed else '('}{lowest}, {highest}], got {value}; correct it")
    if not 0 <= values["anomaly_ratio"] < 1:
        raise InputError(
            f"wanted anomaly_ratio in [0, 1), got {values['anomaly_ratio']}; 0.1 is one anomaly in ten pictures"
        )
    if values["one_class"] == "frozen" and values["alignment"] != "none":
        raise InputError(
            f"wanted alignment none with one_class frozen, got {values['alignment']!r}; nothing is trained that could align"
        )
    if values["one_class_on"] == "target_normals" and values["alignment"] != "none":
        raise InputError(
            "wanted alignment none with one_class_on target_normals, got an alignment; the target is the source there"
        )
    return RunConfig(**values)


def as_dict(config: RunConfig) -> dict[str, Any]:
    """Fields of a run in their order."""
    return dataclasses.asdict(config)
