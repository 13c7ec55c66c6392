"""The one-class adaptation task: who is normal, who trains, who is tested, and the firewall between labels and training."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twofold.data.domains import Domain, View, join_groups
from twofold.errors import InputError

__all__ = ["Task", "build_task"]


@dataclass(frozen=True, eq=False)
class Task:
    """One normal class, source to target. Training receives the views; the labels judge, or make an oracle.

    Attributes
    ----------
    source_train : normal pictures of the source.
    target_train : unlabelled pictures of the target.
    target_test : held-out pictures of the target.
    target_train_labels, target_test_labels : (n,) 0 normal, 1 anomalous.
    target_test_ids : (n,) ids of the tested pictures.
    target_normals : normal pictures of the target that may be trained on, in random order: shots are the first of them.
    split_hash : changes with any picture, label or role that can change a score; never with names, places or times of
        files, nor with the order of the test set.
    """

    source_train: View
    target_train: View
    target_test: View
    target_train_labels: np.ndarray
    target_test_labels: np.ndarray
    target_test_ids: np.ndarray
    target_normals: View
    split_hash: str


def _rng(seed: int, *purpose: str) -> np.random.Generator:
    """A stream of its own for each purpose: drawing more in one moves no other."""
    return np.random.default_rng([seed, zlib.crc32("/".join(purpose).encode())])


def _train_groups(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mask (n,) of the train pool: half of the pictures, no group on both sides.

    Groups of several pictures are dealt first, the largest first, each to the emptier side; single ones fill up the half.
    """
    names, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(names))
    in_train, taken = np.zeros(len(names), bool), [0, 0]  # pictures in train, in test
    for group in sorted(order[counts[order] > 1], key=lambda group: -counts[group]):
        side = rng.integers(2) if taken[0] == taken[1] else int(taken[1] < taken[0])
        in_train[group] = side == 0
        taken[side] += counts[group]
    singles = order[counts[order] == 1]
    in_train[singles[: max(0, -(-len(groups) // 2) - taken[0])]] = True
    return in_train[codes]


def _spread(pools: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Rows of several pools in turn, one from each, in random order: every beginning is spread evenly."""
    shuffled = [rng.permutation(pool) for pool in pools]
    shuffled = [shuffled[i] for i in rng.permutation(len(shuffled))]
    longest = max((len(pool) for pool in shuffled), default=0)
    turns = [pool[turn] for turn in range(longest) for pool in shuffled if turn < len(pool)]
    return np.asarray(turns, dtype=int)


def _classes_named(names: str, known: Sequence[str], wanted: str) -> list[str]:
    chosen = [part.replace(r"\+", "+") for part in re.split(r"(?<!\\)\+", names)]
    for name in chosen:
        if name not in known:
            raise InputError(
                f"wanted {wanted} among {', '.join(known)}, got {name!r}; join several with +, and write a + in a name as \\+"
            )
        if chosen.count(name) > 1:
            raise InputError(f"wanted {wanted} once, got {name!r} {chosen.count(name)} times in {names!r}; name it once")
    return chosen


def _classes(
    source: Domain, target: Domain, normal: str, anomaly_ratio: float, anomaly_classes: str | None
) -> tuple[list[str], list[str]]:
    """Normal classes, and the classes the anomalies come from."""
    if not 0 <= anomaly_ratio < 1:
        raise InputError(f"wanted anomaly_ratio in [0, 1), got {anomaly_ratio}; 0.1 is one anomaly in ten pictures")
    normals = _classes_named(normal, [c for c in target.classes if c in source.classes], "a normal class")
    others = [c for c in target.classes if c not in normals]
    if not others:
        raise InputError(
            f"wanted a test set of normals and anomalies, got {normal!r} as all classes of {target.name!r}; "
            "name fewer normal classes, or add a folder of another class"
        )
    return normals, _classes_named(anomaly_classes, others, "anomaly_classes") if anomaly_classes else others


def _with_copies(groups: tuple[np.ndarray, np.ndarray], contents: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
    """Groups of source and target, joined where they hold pictures of equal content."""
    first: dict[str, str] = {}  # content -> group of the first picture that has it
    everything = zip(np.concatenate(contents).tolist(), np.concatenate(groups).tolist(), strict=True)
    links = [(first.setdefault(content, group), group) for content, group in everything]
    joined = join_groups(np.concatenate(groups), (link for link in links if link[0] != link[1]))
    return np.split(joined, [len(groups[0])])


def _halves(target: Domain, groups: np.ndarray, seed: int) -> np.ndarray:
    """Mask (n,) of the train pool: half of every class, each drawn by itself; a group goes with its first class."""
    in_train = np.zeros(len(target), bool)
    side: dict[str, bool] = {}
    for name in target.classes:
        rows = np.flatnonzero(target.class_names == name)
        drawn = _train_groups(groups[rows], _rng(seed, "split", target.dataset, name))
        in_train[rows] = [side.setdefault(group, taken) for group, taken in zip(groups[rows], drawn, strict=True)]
    return in_train


def _target_train(
    target: Domain,
    in_train: np.ndarray,
    pool: np.ndarray,
    chosen: Sequence[str],
    anomaly_ratio: float,
    n_target: int | None,
    seed: int,
    normal: str,
) -> np.ndarray:
    """Rows of the unlabelled target, shuffled: anomalies of the chosen classes stand in for as many normals."""
    n = len(pool) if n_target is None else n_target
    if n_target is not None and not 2 <= n <= len(pool):
        raise InputError(
            f"wanted n_target from 2 to the {len(pool)} pictures that {normal!r} has in its half of {target.name!r}, got {n}; "
            "lower it, or leave it out to take all"
        )
    n_anomalous = round(anomaly_ratio * n)
    others_pools = [np.flatnonzero(in_train & (target.class_names == name)) for name in chosen]
    anomalies = _spread(others_pools, _rng(seed, "anomalies", normal))[:n_anomalous]
    if len(anomalies) < n_anomalous:
        raise InputError(
            f"wanted {n_anomalous} anomalies in the unlabelled target, got {len(anomalies)} in {'+'.join(chosen)}; "
            "lower anomaly_ratio or name more anomaly_classes"
        )
    train = np.concatenate([pool[: n - n_anomalous], anomalies])
    return _rng(seed, "order", normal).permutation(np.sort(train))


def _check_enough(normal: str, n_source: int, train_is_normal: np.ndarray, test_is_normal: np.ndarray) -> None:
    """Refuse a task with too few pictures to train on or to judge by."""
    for n, wanted, least in (
        (n_source, "source pictures", 2),
        (train_is_normal.sum(), "target normals in the unlabelled set", 1),
        (len(train_is_normal), "target pictures", 2),
        (test_is_normal.sum(), "test normals", 1),
        ((~test_is_normal).sum(), "test anomalies", 1),
    ):
        if n < least:
            raise InputError(f"wanted at least {least} {wanted} for {normal!r}, got {n}; add pictures or lower anomaly_ratio")


def _split_hash(pictures: dict[str, list[str]]) -> str:
    """Content and label of each picture by role: in the order that training sees, sorted for the test set, which has none."""
    return hashlib.sha256(json.dumps(pictures).encode()).hexdigest()[:16]


def build_task(
    source: Domain,
    target: Domain,
    normal: str,
    seed: int = 0,
    anomaly_ratio: float = 0.1,
    anomaly_classes: str | None = None,
    transductive: bool = False,
    paired: bool = False,
    n_target: int | None = None,
) -> Task:
    """Split source and target into the one-class task.

    Every class of the target is halved into a train pool and a test pool. The unlabelled target set always holds as
    many pictures as the train pool has normals, ``round(anomaly_ratio * n)`` of them anomalies spread evenly over
    the other classes; sets of growing ratio are nested. The test set is the whole test pool of all classes, the same
    for every ratio and ``n_target``. Pictures of equal content belong to one group, and no group stands on both sides.

    Parameters
    ----------
    source, target : domains that share the normal class.
    normal : class name, or several joined by ``+``.
    seed : of every draw.
    anomaly_ratio : share of anomalies in the unlabelled target, in [0, 1).
    anomaly_classes : classes the anomalies come from, joined by ``+``; None is all other classes.
    transductive : train on and test all target pictures in place of halves.
    paired : let source training keep groups (concepts) that the target test set holds, copies among them.
    n_target : unlabelled target pictures, anomalies among them; None is as many as the train pool has normals.

    Returns
    -------
    Task.

    Raises
    ------
    InputError : unknown class, ratio outside [0, 1), too few anomalies, a test set of one class, an unreadable file.

    >>> from twofold.data.digits import load_digits_domain
    >>> task = build_task(load_digits_domain("type"), load_digits_domain("optdigits"), normal="3")
    >>> len(task.source_train), len(task.target_train), int(task.target_train_labels.sum()), len(task.target_test)
    (200, 92, 9, 896)
    """
    normals, chosen = _classes(source, target, normal, anomaly_ratio, anomaly_classes)
    source_rows = np.flatnonzero(np.isin(source.class_names, normals))
    contents = source.contents_of(source_rows), target.contents
    groups = _with_copies((source.groups[source_rows], target.groups), contents)
    known = dict(zip(source_rows.tolist(), contents[0].tolist(), strict=True))

    in_train = np.ones(len(target), bool) if transductive else _halves(target, groups[1], seed)
    tested = np.ones(len(target), bool) if transductive else ~in_train
    if not paired and not transductive:  # the same thing drawn twice is a twin, and twins may not straddle the split
        source_rows = source_rows[~np.isin(groups[0], groups[1][tested])]
    source_rows = _rng(seed, "source", normal).permutation(source_rows)

    is_normal = np.isin(target.class_names, normals)
    pool = _rng(seed, "normals", normal).permutation(np.flatnonzero(in_train & is_normal))
    train = _target_train(target, in_train, pool, chosen, anomaly_ratio, n_target, seed, normal)
    test = np.flatnonzero(tested)
    _check_enough(normal, len(source_rows), is_normal[train], is_normal[test])

    labels = (~is_normal).astype(int)
    digest = _split_hash(
        {
            "source_train": [f"{known[row]} 0" for row in source_rows.tolist()],
            "target_train": [f"{contents[1][row]} {labels[row]}" for row in train],
            "target_test": sorted(f"{contents[1][row]} {labels[row]}" for row in test),
        }
    )
    return Task(
        View(source, source_rows),
        View(target, train),
        View(target, test),
        labels[train],
        labels[test],
        target.ids[test],
        View(target, pool),
        digest,
    )
