"""The commands for pictures of one's own: fit, score, check, report, export."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from twofold.commands.speech import HEAD, Row, as_csv, as_json, place, say, write
from twofold.errors import InputError
from twofold.flags.parsing import given

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from twofold.data.domains import Domain
    from twofold.deploy.detector import TwoFoldDetector

__all__ = ["check", "export", "fit", "report", "score"]

SKIPPED, ALARM = 3, 4  # exit codes
READ = ("detector", "encoder_weights", "backbone_weights", "normals", "unlabelled", "also_normal", "background", "pictures")
CHUNK = 256  # pictures of a stream that are in memory at once


def fit(arguments: Namespace) -> int:
    """A detector, the scores of the pictures it was fitted to, a report."""
    places = _places(arguments, "out", "scores", "report")
    settings = {name: value for name, value in given(arguments).items() if name not in ("method", "preset")}
    from twofold.compute import pick_device
    from twofold.data.survey import refuse_unreadable
    from twofold.deploy.detector import TwoFoldDetector
    from twofold.files import write_text
    from twofold.progress import bars

    detector = TwoFoldDetector(arguments.method, settings, arguments.preset, arguments.device, arguments.fpr)
    _ = detector.config, pick_device(arguments.device)  # what cannot be is refused before the work begins
    with bars():
        folders = (arguments.normals, arguments.unlabelled, arguments.also_normal)
        read = [_collected(folder) for folder in folders if folder is not None]
        refuse_unreadable(read, arguments.strict)
        _say_twice(*read)
        detector.fit(*read)
    detector.save(places["out"], arguments.with_networks, not arguments.no_pictures)
    if "scores" in places:
        write_text(places["scores"], f"{HEAD}\n{as_csv(_fitted_rows(detector))}\n")
    if "report" in places:
        _report(detector, places["report"])
    _say_read(*read, size_px=detector.fitted().size_px)
    write(_summary(detector))
    write(f"saved to {arguments.out}")
    return SKIPPED if any(domain.skipped for domain in read) else 0


def score(arguments: Namespace) -> int:
    """A row for each picture of a folder, in the order of their names; no more than a few of them are in memory."""
    places = _places(arguments, "out")
    detector = _detector(arguments, arguments.device)
    from twofold.data.folders import listed_pictures
    from twofold.data.survey import part, without
    from twofold.progress import bar, bars

    pictures, skipped, alarms = listed_pictures(arguments.pictures), {}, 0
    _say_left_out(arguments.pictures)
    words = as_json if arguments.json else as_csv
    with _sink(places.get("out")) as put:
        wanted = arguments.json or put(HEAD)
        with bars(places or sys.stdout is None or not sys.stdout.isatty()), bar(len(pictures), "score") as told:
            for start in range(0, len(pictures) if wanted else 0, CHUNK):
                chunk = part(pictures, range(start, min(start + CHUNK, len(pictures))))
                with bars(False):
                    rows = _scored(detector, chunk)
                skipped |= {row.picture: row.skipped for row in rows if row.skipped is not None}
                alarms += sum(bool(row.anomalous) for row in rows)
                if not put(words(rows)):
                    break
                told.update(len(chunk))
        if pictures.skipped:
            put(words([Row(name, skipped=why) for name, why in pictures.skipped.items()]))
    _say_skipped(arguments.pictures, {**pictures.skipped, **skipped}, len(pictures) + len(pictures.skipped))
    if len(skipped) < len(pictures):
        _say_read(without(pictures, skipped), size_px=detector.fitted().size_px)
    if arguments.alarm_exit and alarms:
        return ALARM
    return SKIPPED if skipped or pictures.skipped else 0


def check(arguments: Namespace) -> int:
    """Whether new pictures still look like those that a detector was fitted to."""
    detector = _detector(arguments, arguments.device)
    from twofold.progress import bars

    with bars():
        pictures = _collected(arguments.pictures)
        _say_copies("new", pictures)
        found = detector.check(pictures)
    write(found.words())
    if found.different:
        return ALARM
    return SKIPPED if pictures.skipped else 0


def report(arguments: Namespace) -> int:
    """What a detector's file tells, as a page."""
    places = _places(arguments, "out")
    _report(_detector(arguments, "cpu"), places["out"])
    write(f"saved to {arguments.out}")
    return 0


def export(arguments: Namespace) -> int:
    """A detector as an ONNX graph."""
    places = _places(arguments, "out")
    from twofold.deploy.export import export_onnx

    export_onnx(_detector(arguments, "cpu"), places["out"])
    write(f"saved to {arguments.out}")
    return 0


def _places(arguments: Namespace, *flags: str) -> dict[str, Path]:
    """Where files are to be written, by flag; no two in one place, and none where something is read."""
    places = {flag: place(f"--{flag}", text) for flag in flags if (text := getattr(arguments, flag)) is not None}
    first: dict[str, str] = {}
    for flag, where in places.items():
        other = first.setdefault(os.path.realpath(where), flag)
        if other != flag:
            got = getattr(arguments, flag)
            raise InputError(f"wanted --{other} and --{flag} apart, got {got!r} for both; choose another place for one")
        if where.is_file() and any(os.path.exists(read) and where.samefile(read) for read in _inputs(arguments)):
            got = getattr(arguments, flag)
            raise InputError(f"wanted --{flag} apart from what is read, got {got!r}, which is; choose another place")
    return places


def _inputs(arguments: Namespace) -> Iterator[str | Path]:
    """Every file that a command reads: detectors and weights, and the pictures in its folders."""
    from twofold.data.folders import listed_pictures

    for name in READ:
        where = getattr(arguments, name, None)
        if isinstance(where, str) and os.path.isdir(os.path.expanduser(where)):
            yield from listed_pictures(where).pictures.paths
        elif isinstance(where, str):
            yield os.path.expanduser(where)


def _detector(arguments: Namespace, device: str) -> TwoFoldDetector:
    """A saved detector; whether it is a weak one, or one without a line, is said again."""
    from twofold.deploy.detector import TwoFoldDetector

    files = {"backbone": arguments.backbone_weights, "encoder": arguments.encoder_weights}
    detector = TwoFoldDetector.load(
        arguments.detector, device, {role: file for role, file in files.items() if file is not None}
    )
    if detector.trust_.weak:
        say(detector.trust_.words()[0])
    if not detector.line_.drawn:
        say(detector.line_.promise)
    return detector


def _report(detector: TwoFoldDetector, where: Path) -> None:
    from twofold.deploy.report import report_page
    from twofold.files import write_text

    write_text(where, report_page(detector))


def _collected(folder: str) -> Domain:
    """The pictures of a folder, each opened once; what is left out and what cannot be read is said."""
    from twofold.data.folders import readable_pictures

    domain = readable_pictures(folder)
    _say_left_out(folder)
    _say_skipped(folder, domain.skipped, len(domain) + len(domain.skipped))
    return domain


def _scored(detector: TwoFoldDetector, chunk: Domain) -> list[Row]:
    """A row for each picture; only where one cannot be read are all looked through."""
    from twofold.data.survey import unreadable, without

    try:
        scores, bad = detector.anomaly_score(chunk), {}
    except InputError:
        if not (bad := unreadable(chunk)):
            raise
        scores = detector.anomaly_score(without(chunk, bad)) if len(bad) < len(chunk) else []
    rows = {name: Row(name, skipped=why) for name, why in bad.items()}
    rows |= _judged(detector, [name for name in chunk.ids.tolist() if name not in bad], scores)
    return [rows[name] for name in chunk.ids.tolist()]


def _judged(detector: TwoFoldDetector, names: list[str], scores: np.ndarray) -> dict[str, Row]:
    """A row for each score, by name."""
    if not names:
        return {}
    columns = zip(names, scores.tolist(), detector.p_value(scores).tolist(), scores > detector.threshold_, strict=True)
    return {name: Row(name, value, p, bool(above)) for name, value, p, above in columns}


def _fitted_rows(detector: TwoFoldDetector) -> list[Row]:
    """The fitted target, most anomalous first, what was skipped last."""
    rows = _judged(detector, detector.ids_.tolist(), detector.held_out_).values()
    skipped = [Row(name, skipped=why) for name, why in detector.skipped_["target"].items()]
    return sorted(rows, key=lambda row: -row.anomaly_score) + skipped


def _summary(detector: TwoFoldDetector) -> str:
    from twofold.deploy.report import together_words
    from twofold.results.sentences import fit_summary

    line = detector.line_
    about = (detector.n_source_, line.threshold, line.promise, together_words(detector), detector.trust_.words())
    return fit_summary(detector.held_out_, detector.p_value(detector.held_out_), detector.ids_, *about)


@contextmanager
def _sink(where: Path | None) -> Iterator[Callable[[str], bool]]:
    """Where lines go while they come: stdout, or a file that is there when all are."""
    from twofold.files import whole

    if where is None:
        yield write
        return
    with whole(where) as aside, open(aside, "w", encoding="utf-8", newline="") as file:
        yield lambda lines: bool(file.write(f"{lines}\n"))


def _say_left_out(folder: str) -> None:
    from twofold.data.folders import left_out
    from twofold.results.sentences import left_out_words

    for line in left_out_words(folder, left_out(folder)):
        say(line)


def _say_skipped(folder: str, skipped: dict[str, str], n: int) -> None:
    from twofold.results.sentences import skipped_words

    for line in skipped_words(folder, skipped, n):
        say(line)


def _say_twice(source: Domain, target: Domain, also: Domain | None = None) -> None:
    from twofold.data.survey import shared
    from twofold.deploy.given import joined
    from twofold.results.sentences import shared_words

    target = target if also is None else joined(target, also)
    _say_copies("target", target)
    for line in shared_words(shared(source, target), len(target)):
        say(line)


def _say_copies(whose: str, domain: Domain) -> None:
    from twofold.data.survey import alike
    from twofold.results.sentences import copies_words

    for line in copies_words(whose, alike(domain), len(domain)):
        say(line)


def _say_read(*domains: Domain, size_px: int) -> None:
    from twofold.data.folders import how_read

    for domain in domains:
        for line in how_read(domain, size_px):
            say(line)
