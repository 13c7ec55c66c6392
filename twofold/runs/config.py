"""What a run is: its task, its method's settings, its networks and its recipe, every field resolved and checked."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass as checked
from pydantic.fields import FieldInfo

from twofold.data import DATASETS
from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.methods.base import STRICT, Networks, Settings, ShotSettings
from twofold.methods.training import Recipe
from twofold.runs.presets import PRESETS, preset_values

__all__ = ["RunConfig", "TaskConfig", "UnreadError", "configure", "known", "run_fields", "words"]


class UnreadError(InputError):
    """A field was given that the run does not read."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@checked(frozen=True, config=STRICT)
class TaskConfig:
    """Which normal class of which domains, and how the target is split."""

    dataset: str = Field(description=", ".join(DATASETS))
    source: str = Field(description="domain of the normal pictures")
    target: str = Field(description="domain it meets, unlabelled")
    normal: str = Field(description="normal class, several joined by +")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of split and training")
    anomaly_ratio: float = Field(0.1, ge=0, lt=1, description="share of anomalies in the unlabelled target")
    anomaly_classes: str | None = Field(None, description="classes they come from, joined by +; none is all others")
    transductive: bool = Field(False, description="train on and test the same target pictures")
    paired: bool = Field(False, description="emoji: let source training keep concepts that the target test holds")
    n_target: int | None = Field(None, ge=2, le=10**9, description="unlabelled target pictures; none is all")


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """One run, every field resolved; build it with ``configure``. What a run does not read is None, or as its class has it."""

    task: TaskConfig
    method: str
    preset: str
    settings: Settings
    networks: Networks
    recipe: Recipe | None

    @cached_property
    def flat(self) -> dict[str, Any]:
        """Every field by its own name."""
        recipe = dict.fromkeys(_fields(Recipe)) if self.recipe is None else dataclasses.asdict(self.recipe)
        parts = (self.task, self.settings, self.networks)
        flat = {"method": self.method, "preset": self.preset}
        return flat | {k: v for part in parts for k, v in dataclasses.asdict(part).items()} | recipe

    @cached_property
    def changed(self) -> dict[str, Any]:
        """What differs from the method under its preset, without the task."""
        fields = {**_fields(Recipe), **_fields(Networks), **_fields(type(self.settings))}
        plain = {k: field.default for k, field in fields.items()} | _plain(self.method, self.preset, self.task.dataset)
        return {k: self.flat[k] for k in self.flat if k in fields.keys() - _unread(self.settings) and self.flat[k] != plain[k]}

    @property
    def told(self) -> str:
        """What of the target's answers steers this run: nothing, labels or shots."""
        return self.settings.told

    @property
    def oracle(self) -> bool:
        """Whether target labels steer this run."""
        return self.told == "labels"

    @property
    def shots(self) -> int | None:
        """How many labelled normal pictures of the target this run is told; None where it is told none."""
        return self.settings.shots if isinstance(self.settings, ShotSettings) else None

    @property
    def trains(self) -> bool:
        """Whether a network is trained at all."""
        return self.settings.trains

    @property
    def name(self) -> str:
        """The method and what was overridden, such as ``twofold[selection=gmm]``; oracles say so, and shots how many."""
        said = self.changed if self.shots is None else {"shots": self.shots} | self.changed
        name = f"{self.method}[{words(said)}]" if said else self.method
        return f"{name} (oracle)" if self.oracle and "oracle" not in name else name


def words(changed: Mapping[str, Any]) -> str:
    """Changed fields in short.

    >>> words({"selection": "gmm", "clip_norm": 5.0, "encoder_weights": "some/place/clip.safetensors"})
    'selection=gmm,clip_norm=5,encoder_weights=clip.safetensors'
    """
    short = {k: Path(v).name if k.endswith("_weights") else v for k, v in changed.items()}  # where a file lies is no name
    return ",".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in short.items())


def _fields(kind: type) -> dict[str, FieldInfo]:
    return kind.__pydantic_fields__


def run_fields() -> dict[str, FieldInfo]:
    """Every field that a run of any method may have, in order; of those that share a name the first, which are of one kind.

    >>> run_fields()["kept_share"].description
    'of the target that is taken for normal (trimmed)'
    """
    kinds = [TaskConfig, *dict.fromkeys(cls.Settings for cls, _ in METHODS.values()), Networks, Recipe]
    found = {"method": FieldInfo(annotation=str, default="twofold", description=", ".join(METHODS))}
    found["preset"] = FieldInfo(annotation=str, default="embedded", description=", ".join(PRESETS))
    for kind in kinds:
        found |= {name: field for name, field in _fields(kind).items() if name not in found}
    order = ["dataset", "source", "target", "normal"]
    return {name: found[name] for name in order} | found


def known(wanted: str, value: Any, among: Collection[str]) -> None:
    """Refuse a name that is none of these, with the nearest that is.

    Raises
    ------
    InputError : it is not among them.
    """
    if not isinstance(value, str) or value not in among:
        close = difflib.get_close_matches(str(value), list(among), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise InputError(f"wanted {wanted}, got {value!r}; {hint}choose one of: {', '.join(among)}")


def _built(kind: type, values: Mapping[str, Any]) -> Any:
    """A dataclass of these values, or one line in house words."""
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        field, value = _fields(kind)[name], values.get(name)
        if first["type"] == "literal_error":
            known(name, value, [str(choice) for choice in field.annotation.__args__])
        reason = first["msg"].removeprefix("Input should be ")
        raise InputError(f"wanted {name} to be {reason}, got {value!r}; {field.description}") from None


def _plain(method: str, preset: str, dataset: str) -> dict[str, Any]:
    """What the preset and the method set, by flat name, before anything is overridden; all else is at its field."""
    cls, changed = METHODS[method]
    return {**preset_values(preset, dataset), **cls.published, **changed}


def _unread(settings: Settings) -> frozenset[str]:
    """Fields that a run with these settings does not look at."""
    return settings.unread() | (frozenset() if settings.trains else frozenset(_fields(Recipe)))


def configure(
    dataset: str,
    source: str,
    target: str,
    normal: str,
    method: str = "twofold",
    preset: str = "embedded",
    **overrides: Any,
) -> RunConfig:
    """Resolve a run: the fields' own defaults, the preset's values, the method's, then what you say.

    Parameters
    ----------
    dataset, source, target, normal : which task.
    method : one of ``METHODS``.
    preset : one of ``PRESETS``.
    overrides : any other field that this run reads; they show in the name.

    Returns
    -------
    RunConfig.

    Raises
    ------
    InputError : unknown field or value, wrong type, out of range, a field that this run does not read, fields that contradict
        each other.

    >>> configure("digits", "type", "optdigits", "3", selection="gmm").name
    'twofold[selection=gmm]'
    >>> configure("digits", "type", "optdigits", "3", method="target_only", steps=7)
    Traceback (most recent call last):
    twofold.runs.config.UnreadError: wanted a field that target_only reads, got steps; it trains nothing: leave it out
    """
    known("a preset", preset, PRESETS)
    known("a method", method, METHODS)
    kind = METHODS[method][0].Settings
    every = run_fields()
    for name in overrides:
        known("a field of a run", name, every)
    overrides = {name: value.item() if isinstance(value, np.generic) else value for name, value in overrides.items()}
    task = _built(TaskConfig, {
        **{"dataset": dataset, "source": source, "target": target, "normal": normal},
        **{name: value for name, value in overrides.items() if name in _fields(TaskConfig)},
    })  # fmt: skip
    given = {name: value for name, value in overrides.items() if name not in _fields(TaskConfig)}
    values = {**_plain(method, preset, dataset), **given}

    def of(part: type) -> dict[str, Any]:
        return {name: value for name, value in values.items() if name in _fields(part)}

    settings = _built(kind, of(kind))
    if reason := settings.contradictions():
        raise InputError(reason)
    unread = frozenset(every) - {*_fields(kind), *_fields(Networks), *_fields(Recipe)}
    while not _unread(settings) <= unread:  # what is not read falls back to its default, which may leave more unread
        unread |= _unread(settings)
        for name in given:
            if name in unread:
                raise UnreadError(name, f"wanted a field that {method} reads, got {name}; {_why(name, settings)}: leave it out")
        settings = _built(kind, {name: value for name, value in of(kind).items() if name not in unread})
    networks = _built(Networks, {**of(Networks), **dict.fromkeys(unread & set(_fields(Networks)))})
    return RunConfig(task, method, preset, settings, networks, _built(Recipe, of(Recipe)) if settings.trains else None)


def _why(name: str, settings: Settings) -> str:
    if name in _fields(Recipe):
        return "it trains nothing"
    if name in _fields(type(settings)) or name in _fields(Networks):
        named = {k: v for k, v in dataclasses.asdict(settings).items() if isinstance(v, str) and k not in settings.unread()}
        return f"with {words(named)} it is not looked at"
    owners = [method for method, (cls, _) in METHODS.items() if name in _fields(cls.Settings)]
    return f"it belongs to {', '.join(owners)}"
