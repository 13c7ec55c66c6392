"""The split of the contract: halves, a fixed test set, nested contamination, concepts that never straddle."""

from itertools import pairwise

import numpy as np
import pytest

from twofold.data import load_pair
from twofold.data.digits import load_digits_domain
from twofold.data.domains import ArrayPictures, Domain
from twofold.data.emoji import load_emoji_domain
from twofold.data.tasks import build_task
from twofold.errors import InputError

RATIOS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9)


def distinct(n, first=0):
    """Pictures of which no two are equal."""
    return ArrayPictures((np.arange(n) + first).astype("<u4").view(np.uint8).reshape(n, 2, 2).copy())


def toy(name="toy", counts=None, groups=None, dataset="toys"):
    counts = counts or {"a": 40, "b": 31, "c": 22}
    names = [c for c, n in counts.items() for _ in range(n)]
    ids = [f"{c}/{i}" for c, n in counts.items() for i in range(n)]
    return Domain(dataset, name, distinct(len(ids), first=1000 * ord(name[0])), names, ids, groups)


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


def test_fewer_unlabelled_pictures_hold_the_same_share_and_leave_the_test_set_alone():
    tasks = [build_task(toy("s"), toy("t"), "a", anomaly_ratio=0.3, n_target=n) for n in (5, 10, 20)]
    assert [len(task.target_train) for task in tasks] == [5, 10, 20]
    assert [task.target_train_labels.sum() for task in tasks] == [2, 3, 6]
    whole = build_task(toy("s"), toy("t"), "a", anomaly_ratio=0.3)
    assert {tuple(task.target_test_ids) for task in tasks} == {tuple(whole.target_test_ids)}
    assert whole.split_hash == tasks[-1].split_hash != tasks[0].split_hash
    for smaller, larger in pairwise(tasks):
        assert set(rows(smaller.target_train)) < set(rows(larger.target_train))


@pytest.mark.parametrize("n", [0, 1, 21])
def test_more_unlabelled_pictures_than_there_are_or_hardly_any_are_refused(n):
    with pytest.raises(InputError, match="n_target from 2 to the 20 pictures"):
        build_task(toy("s"), toy("t"), "a", n_target=n)


def test_the_normals_that_shots_are_taken_from_are_the_train_pool_s_at_every_ratio():
    """All normals that are not tested, in an order that is the seed's: the first of them stay in the unlabelled set longest."""
    tasks = [build_task(toy("s"), toy("t"), "a", anomaly_ratio=r) for r in (0.0, 0.3)]
    pool = rows(tasks[0].target_normals)
    assert np.array_equal(pool, rows(tasks[1].target_normals))
    assert set(pool) == set(range(40)) - set(rows(tasks[0].target_test))
    normals = rows(tasks[1].target_train)[tasks[1].target_train_labels == 0]
    assert set(pool[: len(normals)]) == set(normals)
    assert not np.array_equal(pool, rows(build_task(toy("s"), toy("t"), "a", seed=1).target_normals))


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
        ({"normal": "a+a"}, "wanted a normal class once, got 'a' 2 times"),
        ({"normal": "a", "anomaly_classes": "b+c+b"}, "wanted anomaly_classes once, got 'b' 2 times"),
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
    source, target = load_pair("emoji", "windows", "apple")
    assert len(set(target.groups)) < len(set(load_emoji_domain("apple").groups)), "look-alikes are joined"
    for normal in ("person", "face", "hand"):
        task = build_task(source, target, normal, seed)
        assert abs(len(task.target_train) - (task.target_test_labels == 0).sum()) <= 1
        tested = set(target.groups[rows(task.target_test)])
        assert not tested & set(target.groups[rows(task.target_train)])
        assert not tested & set(source.groups[rows(task.source_train)])


# --- copies ----------------------------------------------------------------------------------------------------------


def with_copies(domain, rows_of_one_picture, of=None):
    """The domain with some of its pictures replaced by one and the same."""
    array = domain.pictures.array.copy()
    array[rows_of_one_picture] = array[rows_of_one_picture[0]] if of is None else of
    return Domain(domain.dataset, domain.name, ArrayPictures(array), domain.class_names, domain.ids, domain.groups)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("copies", [[0, 7, 21], [3, 45, 80]], ids=["in one class", "across classes"])
def test_equal_pictures_stay_on_one_side(copies, seed):
    target = with_copies(toy("t"), copies)
    task = build_task(toy("s"), target, "a", seed, anomaly_ratio=0.5)
    assert len({row in set(rows(task.target_test)) for row in copies}) == 1
    assert not set(task.target_test.contents) & set(task.target_train.contents)


def test_copies_fall_on_either_side_by_the_seed():
    target = with_copies(toy("t"), [3, 45, 80])
    assert {3 in rows(build_task(toy("s"), target, "a", seed).target_test) for seed in range(8)} == {True, False}


def test_a_source_picture_that_is_tested_in_the_target_is_not_trained_on_nor_what_shows_the_same_thing():
    target = toy("t")
    tested = rows(build_task(toy("s"), target, "a").target_test)[0]
    groups = ["twins", "twins", *(f"s{i}" for i in range(91))]
    source = with_copies(toy("s", groups=groups), [0], of=target.pictures.array[tested])
    task = build_task(source, target, "a")
    assert target.contents[tested] in task.target_test.contents
    assert not {0, 1} & set(rows(task.source_train))
    assert len(task.source_train) == 38
    assert {0, 1} <= set(rows(build_task(source, target, "a", transductive=True).source_train))


def test_without_copies_no_draw_depends_on_the_contents():
    first = build_task(toy("s"), toy("t"), "a", anomaly_ratio=0.3)
    other = toy("t")
    other = Domain("toys", "t", distinct(93, first=7), other.class_names, other.ids)
    second = build_task(toy("s"), other, "a", anomaly_ratio=0.3)
    for one, two in zip(*((t.source_train, t.target_train, t.target_test) for t in (first, second)), strict=True):
        assert rows(one).tolist() == rows(two).tolist()
    assert first.split_hash != second.split_hash


# --- the hash of a split ---------------------------------------------------------------------------------------------


def changed(domain, **columns):
    return Domain(**{**{f: getattr(domain, f) for f in ("dataset", "name", "pictures", "class_names", "ids")}, **columns})


def test_the_hash_knows_pictures_and_labels_and_neither_ids_nor_names():
    source, target = toy("s"), toy("t")
    expected = build_task(source, target, "a").split_hash
    renamed = changed(target, ids=[f"renamed {i}" for i in range(93)], name="elsewhere")
    assert build_task(changed(source, name="u"), renamed, "a").split_hash == expected
    for row in range(0, 93, 7):  # every row of the target is tested, trained on, or left over
        array = target.pictures.array.copy()
        array[row] += 101
        task = build_task(source, changed(target, pictures=ArrayPictures(array)), "a")
        used = row in rows(task.target_train) or row in rows(task.target_test)
        assert (task.split_hash != expected) == used
    array = source.pictures.array.copy()
    array[5] += 101
    assert build_task(changed(source, pictures=ArrayPictures(array)), target, "a").split_hash != expected


def test_pictures_that_change_places_between_training_and_test_change_the_hash():
    source, target = toy("s"), toy("t")
    task = build_task(source, target, "a")
    array = target.pictures.array.copy()
    one, other = rows(task.target_train)[0], rows(task.target_test)[0]
    array[[one, other]] = array[[other, one]]
    assert build_task(source, changed(target, pictures=ArrayPictures(array)), "a").split_hash != task.split_hash


def test_the_order_counts_in_training_and_not_in_the_test_set():
    source, target = toy("s"), toy("t")
    task = build_task(source, target, "a")
    for view, labels, counts in (
        (task.source_train, np.zeros(len(task.source_train)), True),
        (task.target_train, task.target_train_labels, True),
        (task.target_test, task.target_test_labels, False),
    ):
        domain = source if view is task.source_train else target
        one, other = rows(view)[labels == 0][:2]
        array = domain.pictures.array.copy()
        array[[one, other]] = array[[other, one]]
        pair = [changed(d, pictures=ArrayPictures(array)) if d is domain else d for d in (source, target)]
        assert (build_task(*pair, "a").split_hash != task.split_hash) == counts
