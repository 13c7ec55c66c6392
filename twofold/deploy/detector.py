"""A detector for pictures of your own: a folder of normal ones, a folder without labels, and a score for any other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from twofold.compute import keep_memory, pick_device, single_thread
from twofold.data.domains import Domain, View
from twofold.data.reading import READING_VERSION
from twofold.data.survey import refuse_dull
from twofold.deploy.card import model_card
from twofold.deploy.check import Check, compare, without_like
from twofold.deploy.crossed import unseen
from twofold.deploy.fields import configured, told_by, written
from twofold.deploy.given import Pictures, given, joined
from twofold.deploy.packed import Unpacked, packed
from twofold.deploy.saved import FORMAT, Calibration, Network, Sheet, Shown, foreign, read, write
from twofold.deploy.thresholds import check_rule, draw_line, line_of
from twofold.deploy.thumbnails import NAME, SIDE_PX, Thumbnails, thumbnails
from twofold.deploy.trust import judge
from twofold.errors import InputError
from twofold.methods.base import Method
from twofold.runs.config import RunConfig
from twofold.runs.run import build, resolved

__all__ = ["TwoFoldDetector", "UnfittedError"]

LEAST_SOURCE, LEAST_TARGET = 2, 20
SAME = 1e-4  # relative, of the witness: processors differ by 1e-6, sizes and networks by more
SAME_ELSEWHERE = 1e-2  # on other devices, which round the numbers of a convolution
PACKAGES = ("twofold", "torch", "torchvision", "timm", "numpy", "pillow")


class UnfittedError(InputError, NotFittedError):
    """A detector that has seen no pictures was asked for something: one line here, ``NotFittedError`` to scikit-learn."""


class TwoFoldDetector(BaseEstimator):
    """Find anomalies in a domain without labels, by any method that is told no answers.

    Parameters
    ----------
    method : one of ``METHODS``; the default trains nothing.
    settings : fields of the method, its networks and its recipe, such as ``kept_share`` or ``encoder``, and ``seed``.
    preset : where the networks and their picture sizes come from.
    device : auto, cpu, cuda, mps.
    fpr : promised share of normal pictures that are called anomalous, in (0, 1).
    rule : how the line is drawn, one of ``thresholds.RULES``; ``auto`` is the one that kept its promise and found most.

    Nothing of it is checked before it is used: ``config`` and ``fit`` refuse what cannot be.

    Attributes
    ----------
    config_ : what was fitted, whatever is set later.
    method_ : the fitted method; its ``selected_`` and ``notes_`` are about the target's pictures, in the order of ``ids_``.
    ids_ : (n,) names of the target's pictures that were read, copies too, those ``also_normal`` last.
    held_out_ : (n,) scores of the target's own pictures, each judged without itself.
    without_like_ : the same of one picture a content, each judged without those that are most like it: what ``check`` compares
        new ones with.
    line_, threshold_ : the line with its promise, and its score.
    labels_ : (n,) 1 for those of the fitted target above the line, else 0.
    trust_ : what the pictures say of the detector, without a label.
    skipped_ : ``"source"`` and ``"target"``, those ``also_normal`` too -> id -> why it was not read.
    thumbnails_ : small pictures for the report, None where a file was written without.
    n_source_, source_scores_ : pictures of the source, and (n_source,) scores of theirs in no order that means anything.

    Raises
    ------
    InputError : of ``config``: an unknown field or value, a method that reads labels or shots.

    >>> TwoFoldDetector(settings={"kept_share": 0.9}).config.name
    'pooled_gaussian[kept_share=0.9]'
    >>> TwoFoldDetector("oracle").config
    Traceback (most recent call last):
    twofold.errors.InputError: wanted a method that is told no answers, got oracle, which reads labels; choose another...
    """

    def __init__(
        self,
        method: str = "pooled_gaussian",
        settings: Mapping[str, Any] | None = None,
        preset: str = "embedded",
        device: str = "auto",
        fpr: float = 0.05,
        rule: str = "auto",
    ) -> None:
        self.method, self.settings, self.preset, self.device = method, settings, preset, device
        self.fpr, self.rule = fpr, rule

    @property
    def config(self) -> RunConfig:
        """Of a run whose task is two folders."""
        return configured(self.method, {} if self.settings is None else self.settings, self.preset)

    def fit(self, source: Pictures, target: Pictures, also_normal: Pictures | None = None) -> Self:
        """Learn what is normal in the target, from normal pictures of elsewhere and the target's own, without labels.

        Parameters
        ----------
        source : folder, list of files, array (n, h, w, 3), torch data set or domain of at least 2 pictures, all normal.
        target : the like, of at least 20 pictures without labels, most of them normal.
        also_normal : pictures of the target that someone has looked at and found normal, such as earlier false alarms: they
            join the target, are never put aside, and the line lets as many of their like pass as it promises.

        Files that cannot be read are left out, and stand in ``skipped_`` with the reason. Of copies in the target one is
        learned from and counts for the line; the others have its score.

        Raises
        ------
        InputError : an unreadable folder or tenth of one, too few pictures or all alike, weights out of reach, a training
            that diverged.
        """
        keep_memory()
        config, device = self.config, pick_device(self.device)
        check_rule(self.rule, self.fpr)
        source, target = given(source, strict=False), given(target, strict=False)
        refuse_dull(source, "normal source", LEAST_SOURCE)
        refuse_dull(target, "target", LEAST_TARGET)
        also = None if also_normal is None else given(also_normal, strict=False)
        vouched = frozenset(() if also is None else also.contents.tolist())
        target = target if also is None else joined(target, also)
        skipped = {"source": dict(source.skipped), "target": dict(target.skipped)}
        rows, copy_of = _distinct(target)
        with single_thread():
            method = build(config, device)
            method.vouched = vouched
            by_content = np.argsort(source.contents, kind="stable")
            views = method.hold(_view(source).subset(by_content)), method.hold(_view(target).subset(rows))
            own = views[1].subset(copy_of)
            method.fit(*views)
            kept = method.selected_
            method.selected_ = None if kept is None else kept[copy_of]
            method.restore(method.state(), method.seen_)  # as a file would: a sum of another memory layout has other last bits
            held_out, of_source = _finite(method.anomaly_score(own)), _finite(method.anomaly_score(views[0]))
            sure = np.isin(views[1].contents, list(vouched))
            new = _finite(unseen(method, *views, held_out[rows]))
            line = draw_line(new, kept, of_source, float(self.fpr), self.rule, sure)
            trust = judge(method, *views, held_out[rows], new, kept)
            self.without_like_ = _finite(without_like(method, *views, new))[copy_of][np.sort(rows)]
        self.trust_ = trust if kept is None else replace(trust, kept=int(method.selected_.sum()))
        self.method_, self.config_, self.held_out_, self.line_, self.skipped_ = method, config, held_out, line, skipped
        self.ids_, self.n_source_, self.source_scores_ = np.array(target.ids), len(source), of_source
        self.thumbnails_ = thumbnails(target, held_out, line.threshold, rows)
        return self

    def anomaly_score(self, pictures: Pictures) -> np.ndarray:
        """(n,) scores in the order of the pictures; higher is more anomalous.

        A picture that was fitted, the same bytes under whatever name, is not its own judge. A picture is its bytes: one that
        was saved anew, though of the same pixels, is another.

        Raises
        ------
        InputError : not fitted yet, or pictures that cannot be read.
        """
        method = self.fitted()
        keep_memory()
        with single_thread():
            return _finite(method.anomaly_score(_view(given(pictures))))

    decision_function = anomaly_score  # PyOD's name for it, of the same sign

    def p_value(self, scores: np.ndarray) -> np.ndarray:
        """(n,) how often a normal picture would score as high, by the pictures that the line was drawn from."""
        self.fitted()
        return self.line_.p_value(scores)

    def predict(self, pictures: Pictures) -> np.ndarray:
        """(n,) 1 for pictures above the line, else 0."""
        return (self.anomaly_score(pictures) > self.threshold_).astype(int)

    def check(self, pictures: Pictures, level: float = 0.05) -> Check:
        """Whether new pictures, copies apart, still look like the fitted ones, as ``deploy.check.compare`` says at this level.

        Raises
        ------
        InputError : not fitted yet, no picture, or a level outside of (0, 1).
        """
        domain = given(pictures)
        scores = self.anomaly_score(domain)[_distinct(domain)[0]]
        return compare(self.without_like_, scores, self.threshold_, self.line_.fpr, level)

    @property
    def threshold_(self) -> float:
        """Above it a picture is called anomalous."""
        self.fitted()
        return self.line_.threshold

    @property
    def labels_(self) -> np.ndarray:
        """(n,) of the fitted target, as ``predict`` gives them."""
        self.fitted()
        return (self.held_out_ > self.threshold_).astype(int)

    def fitted(self) -> Method:
        """The fitted method.

        Raises
        ------
        UnfittedError : not fitted yet.
        """
        if not hasattr(self, "method_"):
            raise UnfittedError("wanted a fitted detector, got one that has seen no pictures; call fit first")
        return self.method_

    def save(self, path: str | os.PathLike[str], with_networks: bool = False, pictures: bool = True) -> None:
        """Write what was learned, whole or not at all: safetensors, and no path of this machine.

        Parameters
        ----------
        path : the file.
        with_networks : keep the networks' weights in it too, but those that pip brings with this package.
        pictures : keep the thumbnails.

        Raises
        ------
        InputError : not fitted yet, or a place that cannot be written to.
        """
        method, config, small = self.fitted(), self.config_, self.thumbnails_ if pictures else None
        weights, tensors = resolved(config), method.state()
        if small is not None:
            tensors[NAME] = torch.from_numpy(small.pictures)
        if with_networks:
            tensors |= packed(weights)
        sheet = Sheet(
            format=FORMAT,
            method=config.method,
            preset=config.preset,
            fields=written(config),
            networks={role: Network(found.model, found.key) for role, found in weights.items()},
            seen=method.seen_.tolist(),
            selected=None if method.selected_ is None else method.selected_.tolist(),
            held_out=self.held_out_.tolist(),
            without_like=self.without_like_.tolist(),
            notes=method.notes_,
            source_scores=self.source_scores_.tolist(),
            line=Calibration(self.line_.rule, self.line_.fpr, self.line_.calibration.tolist()),
            trust=self.trust_,
            skipped=self.skipped_,
            shown=[] if small is None else [Shown(*one) for one in zip(small.ids, small.kinds, small.scores, strict=True)],
            card=model_card(self),
            witness=_witness(method, anew=False),
            reading=READING_VERSION,
            versions={package: version(package) for package in PACKAGES},
        )
        write(path, tensors, sheet)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], device: str = "auto", weights: Mapping[str, str | os.PathLike[str]] | None = None
    ) -> Self:
        """Read a saved detector; its networks must be the very ones it was fitted with.

        They are looked for in the file, and where pip and the hub's cache have them; no file can make us ask the hub or read
        another file.

        Parameters
        ----------
        path : the file, under whatever name.
        device : auto, cpu, cuda, mps.
        weights : files of networks that were fitted from files, by role (``backbone``, ``encoder``), and ``"random"`` for
            random networks other than those that pip brings.

        Raises
        ------
        InputError : no such file, another kind of file, a damaged one, or networks that are not here.
        """
        where = pick_device(device)
        tensors, sheet = read(path)
        if sheet.reading != READING_VERSION:
            raise foreign(path, f"one whose pictures were read by version {sheet.reading}, here it is {READING_VERSION}")
        try:
            small, aside = _thumbnails(tensors, sheet), Unpacked(tensors, sheet.networks)
            settings = told_by(sheet, aside.files | dict(weights or {}))
            detector = cls(sheet.method, settings, sheet.preset, device, sheet.line.fpr, sheet.line.rule)
            config = detector.config
            if sheet.networks.keys() != config.settings.networks:
                raise ValueError(f"networks for {', '.join(sorted(sheet.networks)) or 'nothing'}, which it does not look with")
            with single_thread():
                method = build(config, where).restore(tensors, sheet.seen)
                witness = _witness(method)
            line = line_of(sheet.line.rule, np.array(sheet.line.calibration), sheet.line.fpr)
        except Exception as error:  # what a file says may be anything; whatever cannot be built is refused
            raise foreign(path, f"one that cannot be built ({error})") from error
        spread = float(np.std(sheet.held_out)) if sheet.held_out else 0.0
        same = SAME if where.type == "cpu" else SAME_ELSEWHERE
        if not np.isclose(witness, sheet.witness, rtol=same, atol=same * spread):
            raise foreign(path, f"one that scores {sheet.witness:.6g} where here it is {witness:.6g}")
        method.notes_, method.selected_ = dict(sheet.notes), None if sheet.selected is None else np.array(sheet.selected, bool)
        detector.method_, detector.config_, detector.held_out_, detector.line_ = method, config, np.array(sheet.held_out), line
        detector.without_like_ = np.array(sheet.without_like)
        detector.trust_, detector.skipped_, detector.thumbnails_ = sheet.trust, sheet.skipped, small
        detector.source_scores_, detector.n_source_ = np.array(sheet.source_scores), len(sheet.source_scores)
        detector._aside = aside  # the files vanish with the detector
        return detector


def _thumbnails(tensors: dict[str, torch.Tensor], sheet: Sheet) -> Thumbnails | None:
    """Of a file, taken out of its tensors."""
    pictures = tensors.pop(NAME, None)
    if pictures is None and not sheet.shown:
        return None
    wanted = torch.uint8, (len(sheet.shown), 3, SIDE_PX, SIDE_PX)
    if pictures is None or (pictures.dtype, tuple(pictures.shape)) != wanted:
        raise ValueError(f"other thumbnails than the {len(sheet.shown)} it tells of")
    ids, kinds, scores = zip(*((one.id, one.kind, one.score) for one in sheet.shown), strict=True)
    return Thumbnails(pictures.numpy(), ids, kinds, scores)


def _distinct(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """The first row of each content, in their order, as names may be those of classes; and which of them each picture is."""
    _, rows, copy_of = np.unique(domain.contents, return_index=True, return_inverse=True)
    return rows, copy_of


def _view(domain: Domain) -> View:
    return View(domain, np.arange(len(domain)))


def _finite(scores: np.ndarray) -> np.ndarray:
    if not np.isfinite(scores).all():
        raise InputError(
            f"wanted finite scores, got {np.count_nonzero(~np.isfinite(scores))} of {len(scores)} that are not; "
            "fit again, with a lower learning_rate where a network is trained"
        )
    return scores


@torch.no_grad()
def _witness(method: Method, anew: bool = True) -> float:
    """The score of one fixed picture, by the graph from pixels to score, or by what is known of it here."""
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, method.size_px, method.size_px), np.uint8))
    with single_thread():
        z = method.eval().features(noise.to(method.device)) if anew else method.eval().features_of_one(noise)
        return float(method.score(z.to(method.device)))
