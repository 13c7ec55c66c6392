"""A run's configuration: every refusal says what was wanted, every override shows in the name."""

import dataclasses
import inspect
import math
from dataclasses import asdict

import pytest

from twofold.runs.config import RunConfig, configure
from twofold.errors import InputError
from twofold.runs.presets import CHOICES, METHODS, PRESETS

TASK = {"dataset": "digits", "source": "type", "target": "optdigits", "normal": "3"}
ORACLES = {"oracle", "in_domain"}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_configures_in_every_preset_and_bears_its_name(method, preset):
    config = configure(**TASK, method=method, preset=preset)
    assert config.name.split(" ")[0] == method
    assert config.oracle == (method in ORACLES)
    assert ("oracle" in config.name) == (method in ORACLES)
    assert {field: getattr(config, field) for field in METHODS[method]} == METHODS[method]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_field_is_given_by_the_task_the_method_or_the_preset_and_nowhere_else(preset):
    fields = dataclasses.fields(RunConfig)
    assert {field.default for field in fields} == {field.default_factory for field in fields} == {dataclasses.MISSING}
    task = {*TASK, "method", "preset", "seed", "anomaly_ratio", "anomaly_classes", "transductive", "paired"}
    axes = set(CHOICES) - {"center"}
    recipe = set(PRESETS[preset]) - {"by_dataset"}
    assert {field.name for field in fields} == task | axes | recipe
    assert not task & (axes | recipe)
    assert not axes & recipe
    for changed in PRESETS[preset]["by_dataset"].values():
        assert set(changed) <= recipe


def test_the_arguments_of_configure_default_to_the_papers_method_in_the_embedded_preset():
    defaults = {k: p.default for k, p in inspect.signature(configure).parameters.items()}
    assert (defaults["method"], defaults["preset"]) == ("twofold", "embedded")
    assert configure(**TASK) == configure(**TASK, method="twofold", preset="embedded", seed=0, anomaly_ratio=0.1)


def test_a_method_beats_the_preset_and_an_override_beats_both():
    assert configure(**TASK, method="random_init").backbone_weights == "random"
    assert configure(**TASK, method="random_init", preset="paper").backbone_weights == "random"
    assert configure(**TASK, method="twofold").backbone_weights == "pretrained"
    assert configure(**TASK, method="random_init", backbone_weights="pretrained").backbone_weights == "pretrained"


def test_a_data_set_changes_what_its_preset_says():
    assert configure(**TASK).backbone_size_px == 32
    assert configure("emoji", "windows", "apple", "face").backbone_size_px == 64
    assert configure("pacs", "photo", "cartoon", "dog").backbone_size_px == 96
    for name, n_clusters in {"office31": 2, "pacs": 5, "visda2017": 10}.items():
        assert configure(name, "a", "b", "c", preset="paper").n_clusters == n_clusters


@pytest.mark.parametrize("method", METHODS)
def test_what_the_paper_states_stands_in_its_preset(method):
    config = configure(**TASK, method=method, preset="paper")
    assert (config.backbone, config.encoder) == ("resnet50.tv_in1k", "open_clip:ViT-B-32-quickgelu/openai")
    assert (config.batch_size, config.lambda_one_class, config.lambda_alignment) == (256, 1.0, 1.0)
    assert config.normalize_features is False


@pytest.mark.parametrize(
    ("method", "overrides", "name"),
    [
        ("twofold", {}, "twofold"),
        ("twofold", {"seed": 5, "anomaly_ratio": 0.4, "paired": True}, "twofold"),  # the task is no part of the method
        ("twofold", {"selection": "kmeans"}, "twofold"),
        ("twofold", {"selection": "gmm"}, "twofold[selection=gmm]"),
        ("align_all", {"alignment": "mmd"}, "align_all[alignment=mmd]"),
        ("twofold", {"steps": 7, "n_clusters": 5}, "twofold[steps=7,n_clusters=5]"),
        ("twofold", {"learning_rate": 1e-5}, "twofold[learning_rate=1e-05]"),
        ("source_only", {"selection": "oracle"}, "source_only[selection=oracle]"),
        ("source_only", {"one_class_on": "target_normals"}, "source_only[one_class_on=target_normals] (oracle)"),
        ("in_domain", {}, "in_domain (oracle)"),
        ("oracle", {}, "oracle"),
    ],
)
def test_the_name_tells_what_was_overridden_and_whether_labels_steer(method, overrides, name):
    assert configure(**TASK, method=method, **overrides).name == name


@pytest.mark.parametrize("method", METHODS)
def test_equal_configurations_bear_equal_names_whatever_the_order_of_overrides(method):
    first = configure(**TASK, method=method, steps=7, temperature=0.5)
    second = configure(**TASK, method=method, temperature=0.5, steps=7)
    assert first == second
    assert first.name == second.name


@pytest.mark.parametrize(
    ("method", "trains", "aligns"),
    [("zero_shot", False, False), ("target_only", False, False), ("source_only", True, False), ("twofold", True, True),
     ("align_all", True, True), ("in_domain", True, False), ("oracle", True, True)],
)  # fmt: skip
def test_a_method_trains_and_aligns_as_it_says(method, trains, aligns):
    config = configure(**TASK, method=method)
    assert (config.trains, config.aligns) == (trains, aligns)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"selektion": "gmm"}, "wanted a field of a run, got 'selektion'; did you mean 'selection'[?] choose one of: "),
        ({"zzz": 1}, "wanted a field of a run, got 'zzz'; choose one of: dataset,"),
        ({"oracle": True}, "wanted a field of a run, got 'oracle'"),  # derived, never claimed
        ({"method": "twofould"}, "wanted a method, got 'twofould'; did you mean 'twofold'[?] choose one of: "),
        ({"preset": "papers"}, "wanted a preset, got 'papers'; did you mean 'paper'[?] choose one of: embedded, paper"),
        ({"alignment": "coral"}, "wanted alignment, got 'coral'; choose one of: contrastive, mmd, grl, none"),
        ({"selection": "k-means"}, "wanted selection, got 'k-means'; did you mean 'kmeans'[?]"),
        ({"steps": "100"}, r"wanted steps of type int, got '100' \(str\); write it without quotes"),
        ({"steps": 10.0}, r"wanted steps of type int, got 10.0 \(float\)"),
        ({"steps": True}, r"wanted steps of type int, got True \(bool\)"),
        ({"transductive": 1}, r"wanted transductive of type bool, got 1 \(int\)"),
        ({"temperature": "0.2"}, r"wanted temperature of type float, got '0.2' \(str\)"),
        ({"temperature": True}, r"wanted temperature of type float, got True \(bool\)"),
        ({"anomaly_classes": 3}, r"wanted anomaly_classes of type str or null, got 3 \(int\)"),
        ({"normal": None}, r"wanted normal of type str, got None \(NoneType\)"),
        ({"steps": 0}, r"wanted steps in \[1, 1000000000\], got 0; correct it"),
        ({"temperature": 0.0}, r"wanted temperature in \(0, 1000.0\], got 0.0; correct it"),
        ({"temperature": math.nan}, "wanted temperature in .*, got nan"),
        ({"learning_rate": -1e-3}, r"wanted learning_rate in \(0, .*, got -0.001"),
        ({"batch_size": 1}, r"wanted batch_size in \[2, .*, got 1;"),
        ({"dense_share": 1.1}, r"wanted dense_share in \(0, 1\], got 1.1"),
        ({"seed": -1}, r"wanted seed in \[0, 4294967295\], got -1"),
        ({"n_clusters": 0}, r"wanted n_clusters in \[1, .*, got 0"),
        ({"anomaly_ratio": 1.0}, r"wanted anomaly_ratio in \[0, 1\), got 1.0; 0.1 is one anomaly in ten"),
        ({"anomaly_ratio": -0.1}, r"wanted anomaly_ratio in \[0, 1\), got -0.1"),
        ({"anomaly_ratio": math.nan}, r"wanted anomaly_ratio in \[0, 1\), got nan"),
        ({"one_class": "frozen"}, "wanted alignment none with one_class frozen, got 'contrastive'; nothing is trained"),
        ({"method": "zero_shot", "alignment": "mmd"}, "wanted alignment none with one_class frozen, got 'mmd'"),
        ({"one_class_on": "target_normals"}, "wanted alignment none with one_class_on target_normals, got an"),
    ],
)  # fmt: skip
def test_what_cannot_be_met_is_refused_with_what_to_do(overrides, message):
    with pytest.raises(InputError, match=message):
        configure(**{**TASK, **overrides})


def test_whole_numbers_stand_for_floats():
    config = configure(**TASK, temperature=1, anomaly_ratio=0)
    assert type(config.temperature) is float
    assert (config.temperature, config.anomaly_ratio) == (1.0, 0.0)


def test_a_configuration_comes_back_from_its_fields():
    config = configure(**TASK, method="density", steps=7, anomaly_classes="1+2", preset="paper")
    assert configure(**asdict(config)) == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.steps = 8
