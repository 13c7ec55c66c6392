"""The split of the contract: halves, a fixed test set, nested contamination, concepts that never straddle."""

from itertools import pairwise

import numpy as np
import pytest

from twofold.data.digits import load_digits_domain
from twofold.data.domains import ArrayPictures, Domain
from twofold.data.emoji import load_emoji_domain
from twofold.data.tasks import build_task
from twofold.errors import InputError
from twofold.runs.config import configure
from twofold.runs.run import prepare

RATIOS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9)


def toy(name="toy", counts=None, groups=None, dataset="toys"):
    counts = counts or {"a": 40, "b": 31, "c": 22}
    names = [c for c, n in counts.items() for _ in range(n)]
    ids = [f"{c}/{i}" for c, n in counts.items() for i in range(n)]
    pictures = ArrayPictures(np.zeros((len(ids), 4, 4), np.uint8))
    return Domain(dataset, name, pictures, names, ids, ids, groups)


def rows(view):
    return view._indices


def test_each_class_is_halved_and_the_test_set_is_the_other_half_of_all_classes():
    task = build_task(toy("s"), toy("t"), "a")
    assert len(task.target_test) == 20 + 15 + 11
    assert (task.target_test_labels == 0).sum() == 20


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_target_set_keeps_its_size_and_holds_the_share_of_anomalies(ratio):
    domain = toy("t", {"a": 40, "b": 100, "c": 100})
    task = build_task(toy("s"), domain, "a", anomaly_ratio=ratio)
    assert len(task.target_train) == 20
    assert task.target_train_labels.sum() == round(ratio * 20)


def test_the_test_set_is_the_same_for_all_ratios_and_growing_ratios_are_nested():
    tasks = [build_task(toy("s"), toy("t"), "a", anomaly_ratio=r) for r in (0.1, 0.3, 0.5)]
    assert len({tuple(task.target_test_ids) for task in tasks}) == 1
    for smaller, larger in pairwise(tasks):
        anomalies = [set(rows(t.target_train)[t.target_train_labels == 1]) for t in (smaller, larger)]
        normals = [set(rows(t.target_train)[t.target_train_labels == 0]) for t in (smaller, larger)]
        assert anomalies[0] < anomalies[1]
        assert normals[1] < normals[0]


def test_anomalies_are_spread_evenly_over_the_other_classes():
    domain = load_digits_domain("mnist")
    task = build_task(load_digits_domain("type"), domain, "3", anomaly_ratio=0.3)
    chosen = domain.class_names[rows(task.target_train)[task.target_train_labels == 1]]
    _, counts = np.unique(chosen, return_counts=True)
    assert len(counts) == 9
    assert counts.max() - counts.min() <= 1


def test_train_and_test_share_no_picture():
    task = build_task(toy("s"), toy("t"), "a", anomaly_ratio=0.5)
    assert not set(rows(task.target_train)) & set(rows(task.target_test))


def test_source_training_is_all_normal_source_pictures():
    source = toy("s")
    task = build_task(source, toy("t"), "b")
    assert sorted(rows(task.source_train)) == np.flatnonzero(source.class_names == "b").tolist()


def test_the_split_is_the_seed_s_and_the_order_is_shuffled():
    first, again, other = (build_task(toy("s"), toy("t"), "a", seed=seed) for seed in (0, 0, 1))
    assert first.split_hash == again.split_hash != other.split_hash
    assert rows(first.target_train).tolist() == rows(again.target_train).tolist() != sorted(rows(first.target_train))


def test_several_normal_classes_are_joined_by_plus():
    task = build_task(toy("s"), toy("t"), "a+b")
    assert (task.target_test_labels == 0).sum() == 20 + 15


def test_anomalies_can_come_from_one_class_alone_without_moving_the_test_set():
    domain = toy("t")
    task = build_task(toy("s"), domain, "a", anomaly_ratio=0.3, anomaly_classes="c")
    assert set(domain.class_names[rows(task.target_train)[task.target_train_labels == 1]]) == {"c"}
    assert task.target_test_ids.tolist() == build_task(toy("s"), domain, "a").target_test_ids.tolist()


def test_transductive_tests_all_target_pictures():
    task = build_task(toy("s"), toy("t"), "a", transductive=True)
    assert len(task.target_test) == 93
    assert len(task.target_train) == 40


@pytest.mark.parametrize("normal", ["animal", "person"])
def test_concepts_of_the_target_test_are_in_neither_training_set(normal):
    source, target = load_emoji_domain("windows"), load_emoji_domain("apple")
    task = build_task(source, target, normal)
    tested = set(target.groups[rows(task.target_test)])
    assert not tested & set(source.groups[rows(task.source_train)])
    assert not tested & set(target.groups[rows(task.target_train)])
    paired = build_task(source, target, normal, paired=True)
    assert tested & set(source.groups[rows(paired.source_train)])
    assert paired.target_test_ids.tolist() == task.target_test_ids.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"normal": "z"}, "wanted a normal class among a, b, c, got 'z'"),
        ({"normal": "a+b+c"}, "wanted a test set of normals and anomalies"),
        ({"normal": "a", "anomaly_ratio": 1.0}, r"anomaly_ratio in \[0, 1\), got 1.0"),
        ({"normal": "a", "anomaly_ratio": -0.1}, "anomaly_ratio"),
        ({"normal": "a", "anomaly_ratio": 0.9, "anomaly_classes": "c"}, "wanted 18 anomalies .* got 11 in c"),
        ({"normal": "a", "anomaly_classes": "a"}, "anomaly_classes among b, c, got 'a'"),
    ],
)
def test_an_impossible_task_is_refused_with_words_to_act_on(arguments, message):
    with pytest.raises(InputError, match=message):
        build_task(toy("s"), toy("t"), **arguments)


def test_groups_are_halved_as_evenly_as_they_allow():
    groups = ["big"] * 30 + ["middle"] * 9 + [f"single{i}" for i in range(20)]
    domain = toy("t", {"a": 59, "b": 10}, groups=[*groups, *(f"b{i}" for i in range(10))])
    for seed in range(6):
        task = build_task(toy("s"), domain, "a", seed=seed, paired=True)
        assert abs(len(task.target_train) - 29.5) <= 1
        tested = set(domain.groups[rows(task.target_test)])
        assert not tested & set(domain.groups[rows(task.target_train)])


def test_either_half_gets_the_largest_group():
    domain = toy("t", {"a": 20, "b": 10}, groups=["big"] * 12 + [f"g{i}" for i in range(18)])
    homes = {"big" in domain.groups[rows(build_task(toy("s"), domain, "a", seed=s).target_train)] for s in range(12)}
    assert homes == {True, False}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_emoji_s_joined_concepts_still_halve_every_class(seed):
    for normal in ("person", "face", "hand"):
        task = prepare(configure("emoji", "windows", "apple", normal, seed=seed)).task
        assert abs(len(task.target_train) - (task.target_test_labels == 0).sum()) <= 1
        domain = task.target_test._domain
        assert len(set(domain.groups)) < len(set(load_emoji_domain("apple").groups)), "look-alikes are joined"
        tested = set(domain.groups[rows(task.target_test)])
        assert not tested & set(task.source_train._domain.groups[rows(task.source_train)])


def test_a_view_knows_its_pictures_in_another_view():
    task = build_task(toy("s"), toy("t"), "a", transductive=True)
    own = task.target_test.rows_in(task.target_train)
    for row, there in enumerate(own):
        assert there == -1 or rows(task.target_train)[there] == rows(task.target_test)[row]
    assert (own >= 0).sum() == len(task.target_train)
    assert build_task(toy("s"), toy("t"), "a").target_test.rows_in(task.target_train) is None
