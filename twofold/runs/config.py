"""What a run is: its task, its method's axes, its networks and its recipe, every field resolved and checked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from twofold.errors import InputError
from twofold.runs.presets import CHOICES, METHODS, PRESETS, RANGES, TASK

__all__ = ["RunConfig", "configure"]


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
    train_batch_norm: bool  # False keeps statistics, scale and shift of pre-training
    n_clusters: int
    whiten_dims: int  # whitened principal components that are clustered; 0 clusters the unit features
    reclusterings: int  # selections in one run where the backbone's own space selects
    dense_share: float  # of the knn selection
    sparse_share: float  # of the sparse_tail negatives
    density_neighbors: int
    source_neighbors: int  # of source_knn and msc
    target_neighbors: int  # of target_only
    msc_temperature: float
    kept_share: float  # of the target, by pooled_gaussian
    source_weight: float | None  # of a source picture in the pooled covariance; None: by held-out likelihood
    hidden_layer: bool  # pooled_gaussian looks at a hidden layer beside the last

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
    values = {**TASK, **_defaults(preset, dataset, method), **task, **overrides}
    values = {field: _checked_type(field, value, hints[field]) for field, value in values.items()}
    for field, choices in CHOICES.items():
        _known(field, values[field], choices)
    for field, (lowest, highest, closed) in RANGES.items():
        value = values[field]
        if value is not None and not (lowest <= value <= highest and (closed or value > lowest)):
            raise InputError(f"wanted {field} in {'[' if closed else '('}{lowest}, {highest}], got {value}; correct it")
    if not 0 <= values["anomaly_ratio"] < 1:
        raise InputError(f"wanted anomaly_ratio in [0, 1), got {values['anomaly_ratio']}; 0.1 is one anomaly in ten pictures")
    if values["one_class"] == "frozen" and values["alignment"] != "none":
        raise InputError(
            f"wanted alignment none with one_class frozen, got {values['alignment']!r}; nothing is trained that could align"
        )
    pooled = values["one_class"] == "frozen" and values["frozen_score"] == "pooled_gaussian"
    if not pooled and (values["selection"] == "trimmed" or values["features"] == "both"):
        raise InputError(
            f"wanted frozen_score pooled_gaussian with selection trimmed or features both, got {values['frozen_score']!r}; "
            "choose others, or --method pooled_gaussian"
        )
    if pooled and values["selection"] not in ("trimmed", "all", "oracle"):
        raise InputError(
            f"wanted selection trimmed, all or oracle with pooled_gaussian, got {values['selection']!r}; choose one"
        )
    if values["one_class_on"] == "target_normals" and values["alignment"] != "none":
        raise InputError(
            "wanted alignment none with one_class_on target_normals, got an alignment; the target is the source there"
        )
    return RunConfig(**values)
