"""A run's configuration: what is not read cannot be given, every refusal says what was wanted, overrides show in the name."""

import dataclasses
import inspect
import itertools
import math
import typing
from functools import cache
from typing import ClassVar

import numpy as np
import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass as checked

from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.methods.base import STRICT, FrozenMethod, Networks, Settings
from twofold.methods.training import Recipe
from twofold.runs.config import RunConfig, TaskConfig, UnreadError, configure, run_fields
from twofold.runs.presets import PRESETS
from twofold.runs.run import prepare

TASK = {"dataset": "digits", "source": "type", "target": "optdigits", "normal": "3"}
RANDOM = {"backbone_weights": "random", "encoder_weights": "random"}
FIELDS = run_fields()
OTHERS = {  # of fields whose other values cannot be told from their type
    **{"method": None, "preset": "paper", "dataset": None, "source": "optdigits", "target": "mnist", "normal": "4"},
    **{"backbone": "resnet18", "encoder": "resnet18", "anomaly_classes": "5", "n_target": 20, "background": "letters"},
}


def fields_of(kind):
    return set(kind.__pydantic_fields__)


def field_of(method, name):
    """A field as a method's own settings have it: a name may offer other choices elsewhere."""
    return METHODS[method][0].Settings.__pydantic_fields__.get(name, FIELDS[name])


def other_value(method, field, value):
    """Another legal value of a field."""
    kinds = typing.get_args(field_of(method, field).annotation)
    if field in OTHERS:
        return OTHERS[field]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if isinstance(value, int) else value / 2 if value else 0.25
    choices = [choice for choice in kinds if isinstance(choice, str) and choice != value]
    if choices:
        return choices[0]
    if field.endswith("_weights"):
        return "random" if value == "pretrained" else "pretrained"
    return 0.3 if float in kinds else f"{value}x"


def refusal(call, *args, **fields):
    """What a call gives, and the error where it is refused."""
    try:
        return call(*args, **fields), None
    except InputError as error:
        return None, error


# what is resolved ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_configures_in_every_preset_and_bears_its_name(method, preset):
    config = configure(**TASK, method=method, preset=preset)
    assert config.name.split(" ")[0] == (method if config.shots is None else f"{method}[shots={config.shots}]")
    assert config.method == method
    assert config.oracle == ("oracle" in config.name)
    assert config.changed == {}
    assert METHODS[method][1].items() <= config.flat.items()
    assert (config.recipe is not None) == config.trains


@pytest.mark.parametrize("method", METHODS)
def test_a_run_holds_the_fields_of_its_own_method_and_of_no_other(method):
    config = configure(**TASK, method=method)
    kinds = [TaskConfig, METHODS[method][0].Settings, Networks, Recipe]
    assert config.flat.keys() == {"method", "preset"}.union(*map(fields_of, kinds))
    assert config.flat.keys() <= FIELDS.keys()


def test_a_name_means_one_field_in_a_run():
    """Task, settings, networks and recipe share a flat space of names."""
    kinds = [TaskConfig, Networks, Recipe]
    for cls, _ in METHODS.values():
        for first, second in itertools.combinations([*kinds, cls.Settings], 2):
            assert not fields_of(first) & fields_of(second)
    assert not {"method", "preset"} & set().union(*map(fields_of, kinds))


def test_every_field_of_a_run_has_its_help_and_no_preset_sets_a_field_that_there_is_not():
    assert all(info.description for info in FIELDS.values())
    for changed, by_dataset in PRESETS.values():
        for values in (changed, *by_dataset.values()):
            assert values.keys() <= FIELDS.keys() - fields_of(TaskConfig)


def test_the_arguments_of_configure_default_to_the_papers_method_in_the_embedded_preset():
    defaults = {k: p.default for k, p in inspect.signature(configure).parameters.items()}
    assert (defaults["method"], defaults["preset"]) == ("twofold", "embedded")
    assert configure(**TASK) == configure(**TASK, method="twofold", preset="embedded", seed=0, anomaly_ratio=0.1)


def test_a_method_beats_the_preset_and_an_override_beats_both():
    assert configure(**TASK, method="random_init").networks.backbone_weights == "random"
    assert configure(**TASK, method="random_init", preset="paper").networks.backbone_weights == "random"
    assert configure(**TASK, method="twofold").networks.backbone_weights == "pretrained"
    assert configure(**TASK, method="random_init", backbone_weights="pretrained").networks.backbone_weights == "pretrained"


def test_a_data_set_changes_what_its_preset_says():
    assert configure(**TASK).networks.backbone_size_px == 32
    assert configure("emoji", "windows", "apple", "face").networks.backbone_size_px == 64
    assert configure("pacs", "photo", "cartoon", "dog").networks.backbone_size_px == 96
    for name, n_clusters in {"office31": 2, "pacs": 5, "visda2017": 10}.items():
        assert configure(name, "a", "b", "c", preset="paper").settings.n_clusters == n_clusters
    for name, n_clusters in {"digits": 2, "office31": 2, "pacs": 5}.items():
        assert configure(name, "a", "b", "c").settings.n_clusters == n_clusters


@pytest.mark.parametrize("method", METHODS)
def test_what_the_paper_states_stands_in_its_preset(method):
    config = configure(**TASK, method=method, preset="paper")
    stated = {"backbone": "resnet50.tv_in1k", "encoder": "open_clip:ViT-B-32-quickgelu/openai", "batch_size": 256}
    stated |= {"lambda_one_class": 1.0, "lambda_alignment": 1.0, "normalize_features": False}
    stated |= METHODS[method][0].published
    unread = config.settings.unread() | (set() if config.trains else fields_of(Recipe))
    for field in stated.keys() & config.flat.keys() - unread:
        assert config.flat[field] == stated[field], field


# names --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "overrides", "name"),
    [
        ("twofold", {}, "twofold"),
        ("twofold", {"seed": 5, "anomaly_ratio": 0.4, "paired": True}, "twofold"),  # the task is no part of the method
        ("twofold", {"selection": "kmeans"}, "twofold"),
        ("twofold", {"selection": "gmm"}, "twofold[selection=gmm]"),
        ("align_all", {"alignment": "mmd"}, "align_all[alignment=mmd]"),
        ("twofold", {"steps": 7, "n_clusters": 5}, "twofold[n_clusters=5,steps=7]"),
        ("twofold", {"learning_rate": 1e-5}, "twofold[learning_rate=1e-05]"),
        ("source_only", {"one_class_on": "target_normals"}, "source_only[one_class_on=target_normals] (oracle)"),
        ("zero_shot", {"features": "backbone"}, "zero_shot[features=backbone]"),
        ("target_only", {"features": "layers"}, "target_only[features=layers]"),
        ("cluster_backbone", {"selection_space": "encoder"}, "cluster_backbone[selection_space=encoder]"),
        ("pooled_gaussian", {"source_weight": 0.0}, "pooled_gaussian[source_weight=0]"),
        ("pooled_gaussian", {"selection": "oracle"}, "pooled_gaussian[selection=oracle]"),
        ("in_domain", {}, "in_domain (oracle)"),
        ("oracle", {}, "oracle"),
    ],
)
@pytest.mark.parametrize("preset", PRESETS)
def test_the_name_tells_what_was_overridden_and_whether_labels_steer(method, overrides, name, preset):
    config = configure(**TASK, method=method, preset=preset, **overrides)
    assert config.name.split("[")[0].split(" ")[0] == method
    assert config.changed.keys() <= overrides.keys()
    if preset == "embedded":
        assert config.name == name


@pytest.mark.parametrize("method", METHODS)
def test_one_changed_field_is_all_that_a_name_tells(method):
    """A field whose change brings others along, such as a network that is looked at now, tells itself alone."""
    plain = configure(**TASK, method=method)
    for field in FIELDS.keys() - fields_of(TaskConfig) - {"method", "preset"}:
        value = other_value(method, field, plain.flat.get(field))
        config, error = refusal(configure, **TASK, method=method, **{field: value})
        assert error or config.changed == {field: value}


def test_equal_configurations_bear_equal_names_whatever_the_order_of_overrides():
    first = configure(**TASK, steps=7, temperature=0.5)
    second = configure(**TASK, temperature=0.5, steps=7)
    assert first == second
    assert hash(first) == hash(second)
    assert first.name == second.name


# what is read -------------------------------------------------------------------------------------------------------


@cache
def hash_of(method, **fields):
    """Hash of a run whose networks are random, so that no file has to be there."""
    config = configure(**{**TASK, "method": method, **fields})
    rest = {k: v for k, v in RANDOM.items() if config.flat[k] is not None and k not in fields}
    return prepare(dataclasses.replace(config, networks=dataclasses.replace(config.networks, **rest))).config_hash


@pytest.mark.parametrize("method", METHODS)
def test_a_field_moves_the_hash_or_cannot_be_given(method):
    """Every field there is, at every method: read means hashed, unread means refused, and nothing is in between."""
    plain, before = configure(**TASK, method=method), hash_of(method)
    refused, moved = set(), set()
    for field in FIELDS.keys() - {"method", "dataset"}:
        value = other_value(method, field, plain.flat.get(field))
        after, error = refusal(hash_of, method, **{field: value})
        if error is None:
            moved.add(field)
            assert after != before or (field.endswith("_weights") and value == "random"), field
        else:
            refused.add(field)
            assert isinstance(error, UnreadError) or "wanted alignment none" in str(error), field
            assert getattr(error, "field", field) == field
    own = {"preset"} | fields_of(METHODS[method][0].Settings) | fields_of(TaskConfig) | fields_of(Networks)
    assert moved <= own | (fields_of(Recipe) if plain.trains else set())
    assert fields_of(TaskConfig) - {"dataset"} <= moved
    assert (fields_of(Recipe) <= moved) == plain.trains


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_read_stands_at_its_default_whatever_was_chosen(method):
    """Random settings, several at once: no field is held that another choice leaves unread, and none that was given is."""
    rng, plain = np.random.default_rng(0), configure(**TASK, method=method)
    own = METHODS[method][0].Settings.__pydantic_fields__
    met = 0
    for _ in range(200):
        names = rng.choice(sorted(own), size=min(len(own), int(rng.integers(1, 5))), replace=False).tolist()
        given = {}
        for name in names:
            choices = [choice for choice in typing.get_args(own[name].annotation) if isinstance(choice, str)]
            given[name] = str(rng.choice(choices)) if choices else other_value(method, name, plain.flat[name])
        config, error = refusal(configure, **TASK, method=method, **given)
        if error is not None:
            continue
        met += 1
        unread = config.settings.unread()
        assert not unread & given.keys(), given
        for name in unread:
            assert config.flat[name] == (own[name].default if name in own else None), given
    assert met


def test_no_two_configurations_share_a_hash():
    """Of all that the tests above have hashed; by construction: the hash is over every field."""
    found = {}
    for method in METHODS:
        plain = configure(**TASK, method=method)
        for field in sorted(FIELDS.keys() - {"method", "dataset", "preset", *RANDOM}):
            fields = {"method": method, field: other_value(method, field, plain.flat.get(field))}
            config, error = refusal(configure, **{**TASK, **fields})
            if error is None:
                assert found.setdefault(hash_of(**fields), config) == config
    assert len(found) > 10 * len(METHODS)


def test_a_new_method_and_its_fields_move_no_other_hash(monkeypatch):
    before = {method: hash_of(method) for method in METHODS}
    hash_of.cache_clear()

    @checked(frozen=True, config=STRICT)
    class NewSettings(Settings):
        trains: ClassVar[bool] = True
        guesses: int = Field(3, ge=1, description="made")

    class New(FrozenMethod):
        """New."""

        Settings = NewSettings

    monkeypatch.setitem(METHODS, "new", (New, {}))
    assert {method: hash_of(method) for method in before} == before
    assert configure(**TASK, method="new", guesses=5).name == "new[guesses=5]"
    with pytest.raises(InputError, match="wanted a field that twofold reads, got guesses; it belongs to new: leave it out"):
        configure(**TASK, guesses=5)


# refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"selektion": "gmm"}, "wanted a field of a run, got 'selektion'; did you mean 'selection'[?] choose one of: "),
        ({"zzz": 1}, "wanted a field of a run, got 'zzz'; choose one of: dataset,"),
        ({"oracle": True}, "wanted a field of a run, got 'oracle'"),  # derived, never claimed
        ({"told": "labels"}, "wanted a field of a run, got 'told'"),
        ({"method": "twofould"}, "wanted a method, got 'twofould'; did you mean 'twofold'[?] choose one of: "),
        ({"method": {}}, "wanted a method, got {}"),
        ({"preset": "papers"}, "wanted a preset, got 'papers'; did you mean 'paper'[?] choose one of: embedded, paper"),
        ({"preset": []}, r"wanted a preset, got \[\]"),
        ({"dataset": [1]}, r"wanted dataset to be a valid string, got \[1\]"),
        ({"alignment": "coral"}, "wanted alignment, got 'coral'; choose one of: contrastive, mmd, grl, none"),
        ({"selection": "k-means"}, "wanted selection, got 'k-means'; did you mean 'kmeans'[?]"),
        ({"selection": "trimmed"}, "wanted selection, got 'trimmed'"),  # another method's
        ({"steps": "100"}, "wanted steps to be a valid integer, got '100'; training steps"),
        ({"steps": 10.0}, "wanted steps to be a valid integer, got 10.0"),
        ({"steps": True}, "wanted steps to be a valid integer, got True"),
        ({"transductive": 1}, "wanted transductive to be a valid boolean, got 1"),
        ({"temperature": "0.2"}, "wanted temperature to be a valid number, got '0.2'"),
        ({"temperature": True}, "wanted temperature to be a valid number, got True"),
        ({"anomaly_classes": 3}, "wanted anomaly_classes to be a valid string, got 3"),
        ({"normal": None}, "wanted normal to be a valid string, got None"),
        ({"steps": 0}, "wanted steps to be greater than or equal to 1, got 0"),
        ({"temperature": 0.0}, "wanted temperature to be greater than 0, got 0.0"),
        ({"temperature": math.nan}, "wanted temperature to be .*, got nan"),
        ({"temperature": math.inf}, "wanted temperature to be .*, got inf"),
        ({"learning_rate": -1e-3}, "wanted learning_rate to be greater than 0, got -0.001"),
        ({"batch_size": 1}, "wanted batch_size to be greater than or equal to 2, got 1;"),
        ({"dense_share": 1.1, "selection": "knn"}, "wanted dense_share to be less than or equal to 1, got 1.1"),
        ({"seed": -1}, "wanted seed to be greater than or equal to 0, got -1"),
        ({"seed": 2**32}, "wanted seed to be less than or equal to 4294967295"),
        ({"n_clusters": 0}, "wanted n_clusters to be greater than or equal to 1, got 0"),
        ({"anomaly_ratio": 1.0}, "wanted anomaly_ratio to be less than 1, got 1.0; share of anomalies"),
        ({"anomaly_ratio": -0.1}, "wanted anomaly_ratio to be greater than or equal to 0, got -0.1"),
        ({"anomaly_ratio": math.nan}, "wanted anomaly_ratio to be .*, got nan"),
        ({"one_class_on": "target_normals"}, "wanted alignment none with one_class_on target_normals, got an"),
        ({"method": "zero_shot", "alignment": "mmd"}, "that zero_shot reads, got alignment; it belongs to .*source_only"),
        ({"method": "target_only", "steps": 7}, "that target_only reads, got steps; it trains nothing: leave it out"),
        ({"selection": "gmm", "dense_share": 0.5}, "wanted a field that twofold reads, got dense_share; with .*selection=gmm"),
        ({"method": "cluster_backbone", "selection": "all", "reclusterings": 3}, "got reclusterings; with .*selection=all"),
        ({"method": "source_only", "selection": "oracle"}, "wanted a field that source_only reads, got selection"),
        ({"method": "twofold", "kept_share": 0.5}, "got kept_share; it belongs to .*pooled_gaussian: leave it out"),
        ({"method": "pooled_gaussian", "backbone_size_px": 64}, "got backbone_size_px; with .*features=both"),
    ],
)  # fmt: skip
def test_what_cannot_be_met_is_refused_with_what_to_do(overrides, message):
    with pytest.raises(InputError, match=message) as caught:
        configure(**{**TASK, **overrides})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", sorted(FIELDS.keys() - {"method", "preset"}))
@pytest.mark.parametrize(
    "junk", [object(), [], {}, b"x", math.nan, -(10**30), 1e400, "\0", ()], ids=lambda junk: repr(junk).split(" at ")[0]
)
def test_junk_in_any_field_is_one_line_or_a_configuration(field, junk):
    _, error = refusal(configure, **{**TASK, field: junk})
    assert "\n" not in str(error)


def test_whole_numbers_stand_for_floats():
    config = configure(**TASK, temperature=1, anomaly_ratio=0)
    assert type(config.settings.temperature) is float
    assert (config.settings.temperature, config.task.anomaly_ratio) == (1.0, 0.0)
    assert config.changed == {}


def test_numbers_of_numpy_are_numbers():
    numbers = {"seed": np.int64(3), "steps": np.int32(7), "train_batch_norm": np.bool_(True), "clip_norm": np.float32(0.5)}
    plain = {"seed": 3, "steps": 7, "train_batch_norm": True, "clip_norm": 0.5}
    one, other = configure(**TASK, **numbers), configure(**TASK, **plain)
    assert one == other
    assert {name: type(value) for name, value in one.flat.items()} == {name: type(value) for name, value in other.flat.items()}


@pytest.mark.parametrize("method", METHODS)
def test_a_configuration_comes_back_from_its_read_fields(method):
    config = configure(**TASK, method=method, anomaly_classes="1+2", seed=4, preset="paper")
    unread = config.settings.unread() | (set() if config.trains else fields_of(Recipe))
    assert configure(**{k: v for k, v in config.flat.items() if k not in unread}) == config
    for part in (config, config.task, config.settings, config.networks):
        with pytest.raises(dataclasses.FrozenInstanceError):
            part.seed = 8


def test_a_run_config_is_five_small_parts():
    assert [field.name for field in dataclasses.fields(RunConfig)] == [
        *("task", "method", "preset", "settings", "networks", "recipe"),
    ]
