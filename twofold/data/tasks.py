"""The one-class adaptation task: who is normal, who trains, who is tested, and the firewall between labels and training."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from twofold.data.domains import Domain
from twofold.errors import InputError
from twofold.networks.backbones import Extractor
from twofold.networks.cache import EmbeddingCache

__all__ = ["Task", "View", "build_task", "join_near_duplicates", "strangers"]


class View:
    """Pictures in a shuffled order, known by their row alone: all that training sees of a domain.

    Parameters
    ----------
    domain : the domain behind it; its classes and ids are not handed on.
    indices : (n,) rows of the domain.
    """

    def __init__(self, domain: Domain, indices: np.ndarray) -> None:
        self._domain, self._indices = domain, indices

    def __len__(self) -> int:
        return len(self._indices)

    def subset(self, rows: np.ndarray) -> View:
        """The view of some of the rows."""
        return View(self._domain, self._indices[rows])

    def rows_in(self, other: View) -> np.ndarray | None:
        """(n,) row of each picture in another view, -1 where it is not there; None where no picture is in both."""
        if self._domain is not other._domain or not np.isin(self._indices, other._indices).any():
            return None
        row_of = np.full(len(self._domain), -1)
        row_of[other._indices] = np.arange(len(other))
        return row_of[self._indices]

    def images(self, rows: Sequence[int], size_px: int) -> Tensor:
        """uint8 (len(rows), 3, size_px, size_px)."""
        return self._domain.images(self._indices[np.asarray(rows)], size_px)

    def embed(self, extractor: Extractor, cache: EmbeddingCache) -> Tensor:
        """Features of all rows, (n, ...)."""
        return cache.embed(extractor, self._domain, self._indices)


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
    split_hash : changes with any picture's place.
    pictures_hash : changes with the pictures, not with where or when they were stored.
    """

    source_train: View
    target_train: View
    target_test: View
    target_train_labels: np.ndarray
    target_test_labels: np.ndarray
    target_test_ids: np.ndarray
    split_hash: str
    pictures_hash: str


def join_near_duplicates(
    groups: Sequence[str], class_names: Sequence[str], features: Tensor, threshold: float = 0.95
) -> np.ndarray:
    """Join the groups of pictures that look alike, so that no near-copy straddles a split.

    Parameters
    ----------
    groups : (n,) group of each picture.
    class_names : (n,) only pictures of one class are joined.
    features : (n, d) frozen features of the pictures.
    threshold : cosine above which two pictures are near-duplicates.

    Returns
    -------
    (n,) the smallest name among the groups that hang together.

    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]])
    >>> join_near_duplicates(["b", "a", "c"], ["x", "x", "x"], features).tolist()
    ['a', 'a', 'c']
    """
    names, codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    class_names = np.asarray(class_names)
    unit = torch.nn.functional.normalize(features.flatten(1), dim=1)
    alike = (unit @ unit.T).numpy() > threshold
    alike &= class_names[:, None] == class_names[None, :]
    left, right = np.nonzero(alike)
    links = coo_matrix((np.ones(len(left)), (codes[left], codes[right])), shape=(len(names), len(names)))
    _, component = connected_components(links, directed=False)
    first = np.full(component.max() + 1, len(names))
    np.minimum.at(first, component, np.arange(len(names)))  # names are sorted: the first is the smallest
    return names[first[component[codes]]]


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
    chosen = names.split("+")
    for name in chosen:
        if name not in known:
            raise InputError(f"wanted {wanted} among {', '.join(known)}, got {name!r}; join several with +")
    return chosen


def build_task(
    source: Domain,
    target: Domain,
    normal: str,
    seed: int = 0,
    anomaly_ratio: float = 0.1,
    anomaly_classes: str | None = None,
    transductive: bool = False,
    paired: bool = False,
) -> Task:
    """Split source and target into the one-class task.

    Every class of the target is halved into a train pool and a test pool. The unlabelled target set always holds as
    many pictures as the train pool has normals, ``round(anomaly_ratio * n)`` of them anomalies spread evenly over
    the other classes; sets of growing ratio are nested. The test set is the whole test pool of all classes, the same
    for every ratio.

    Parameters
    ----------
    source, target : domains that share the normal class.
    normal : class name, or several joined by ``+``.
    seed : of every draw.
    anomaly_ratio : share of anomalies in the unlabelled target, in [0, 1).
    anomaly_classes : classes the anomalies come from, joined by ``+``; None is all other classes.
    transductive : train on and test all target pictures in place of halves.
    paired : let source training keep groups (concepts) that the target test set holds.

    Returns
    -------
    Task.

    Raises
    ------
    InputError : unknown class, ratio outside [0, 1), too few anomalies, a test set of one class.

    >>> from twofold.data.digits import load_digits_domain
    >>> task = build_task(load_digits_domain("type"), load_digits_domain("optdigits"), normal="3")
    >>> len(task.source_train), len(task.target_train), int(task.target_train_labels.sum()), len(task.target_test)
    (200, 92, 9, 896)
    """
    if not 0 <= anomaly_ratio < 1:
        raise InputError(f"wanted anomaly_ratio in [0, 1), got {anomaly_ratio}; 0.1 is one anomaly in ten pictures")
    normals = _classes_named(normal, [c for c in target.classes if c in source.classes], "a normal class")
    others = [c for c in target.classes if c not in normals]
    if not others:
        raise InputError(
            f"wanted a test set of normals and anomalies, got {normal!r} as all classes of {target.name!r}; "
            "name fewer normal classes, or add a folder of another class"
        )
    chosen = _classes_named(anomaly_classes, others, "anomaly_classes") if anomaly_classes else others

    in_train = np.zeros(len(target), bool)
    for name in target.classes:
        rows = np.flatnonzero(target.class_names == name)
        in_train[rows] = transductive or _train_groups(target.groups[rows], _rng(seed, "split", target.dataset, name))
    tested = np.ones(len(target), bool) if transductive else ~in_train

    is_normal = np.isin(target.class_names, normals)
    pool = _rng(seed, "normals", normal).permutation(np.flatnonzero(in_train & is_normal))
    n_target, n_anomalous = len(pool), round(anomaly_ratio * len(pool))
    others_pools = [np.flatnonzero(in_train & (target.class_names == name)) for name in chosen]
    anomalies = _spread(others_pools, _rng(seed, "anomalies", normal))[:n_anomalous]
    if len(anomalies) < n_anomalous:
        raise InputError(
            f"wanted {n_anomalous} anomalies in the unlabelled target, got {len(anomalies)} in {'+'.join(chosen)}; "
            "lower anomaly_ratio or name more anomaly_classes"
        )
    train = np.concatenate([pool[: n_target - n_anomalous], anomalies])
    train = _rng(seed, "order", normal).permutation(np.sort(train))

    source_rows = np.flatnonzero(np.isin(source.class_names, normals))
    if not paired and not transductive:  # the same thing drawn twice is a twin, and twins may not straddle the split
        source_rows = source_rows[~np.isin(source.groups[source_rows], target.groups[tested])]
    source_rows = _rng(seed, "source", normal).permutation(source_rows)
    test = np.flatnonzero(tested)
    labels = (~is_normal).astype(int)
    kept = n_target - n_anomalous
    anomalous = len(test) - is_normal[test].sum()
    for n, wanted, least in (
        (len(source_rows), "source pictures", 2),
        (kept, "target normals in the unlabelled set", 1),
        (n_target, "target pictures", 2),
        (is_normal[test].sum(), "test normals", 1),
        (anomalous, "test anomalies", 1),
    ):
        if n < least:
            raise InputError(f"wanted at least {least} {wanted} for {normal!r}, got {n}; add pictures or lower anomaly_ratio")

    digest, contents = hashlib.sha256(), hashlib.sha256()
    for domain, rows in ((source, np.sort(source_rows)), (target, train), (target, test)):
        digest.update("\n".join([domain.dataset, domain.name, *domain.ids[rows], ""]).encode())
        contents.update("\n".join(name.partition("@")[0] for name in domain.fingerprints[rows]).encode())
    digest.update(labels[train].tobytes() + labels[test].tobytes())
    return Task(
        View(source, source_rows),
        View(target, train),
        View(target, test),
        labels[train],
        labels[test],
        target.ids[test],
        digest.hexdigest()[:16],
        contents.hexdigest()[:16],
    )


def strangers(class_names: Sequence[str]) -> dict[str, str]:
    """For each of two or more classes the next one, in the order of their names, that has at least half as many pictures;
    where no other has, the largest other.

    >>> strangers(["a"] * 5 + ["b"] + ["c"] * 4)
    {'a': 'c', 'b': 'c', 'c': 'a'}
    >>> strangers(["a"] * 5 + ["b"])
    {'a': 'b', 'b': 'a'}
    """
    names, counts = np.unique(np.asarray(class_names), return_counts=True)
    n, found = len(names), {}
    for i, name in enumerate(names):
        after = ((i + step) % n for step in range(1, n))
        largest = max((j for j in range(n) if j != i), key=lambda j: counts[j])
        found[str(name)] = str(names[next((j for j in after if counts[j] >= counts[i] / 2), largest)])
    return found
