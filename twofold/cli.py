"""The command line: fit, score, run, sweep, collect, reproduce, data, doctor. Heavy imports wait until a command needs them."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, NoReturn, get_args, get_type_hints

from twofold.errors import InputError
from twofold.runs.config import RunConfig, configure
from twofold.runs.presets import METHODS, PRESETS

__all__ = ["main"]

_HELP = {
    "dataset": "digits, emoji, pacs, office31, office_home, visda2017, folder",
    "source": "domain the detector is trained on",
    "target": "domain it meets, unlabelled",
    "normal": "normal class, several joined by +",
    "method": ", ".join(METHODS),
    "preset": ", ".join(PRESETS),
}
_REQUIRED = ("dataset", "source", "target", "normal")


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def _parse(field: str, text: str, kinds: tuple) -> Any:
    """One value of a field from its text."""
    if type(None) in kinds and text.lower() in ("none", "null"):
        return None
    if bool in kinds:
        if text.lower() not in ("true", "false"):
            raise InputError(f"wanted --{field.replace('_', '-')} true or false, got {text!r}; write one of the two")
        return text.lower() == "true"
    kind = next(kind for kind in kinds if kind is not type(None))
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"wanted --{field.replace('_', '-')} as {kind.__name__}, got {text!r}; correct it") from None


def _fields(arguments: argparse.Namespace, lists: bool) -> dict[str, Any]:
    """The configuration fields that were given, as values or, for a sweep, as lists."""
    fields = {}
    for field, hint in get_type_hints(RunConfig).items():
        text = getattr(arguments, field)
        if text is None:
            continue
        kinds = get_args(hint) or (hint,)
        if lists:
            fields[field] = [_parse(field, part.strip(), kinds) for part in text.split(",") if part.strip()]
            if not fields[field]:
                raise InputError(f"wanted values for --{field.replace('_', '-')}, got {text!r}; separate them with commas")
        else:
            fields[field] = _parse(field, text, kinds)
    return fields


def _add_run_flags(parser: argparse.ArgumentParser) -> None:
    for field, hint in get_type_hints(RunConfig).items():
        boolean = {"nargs": "?", "const": "true"} if hint is bool else {}
        parser.add_argument(
            "--" + field.replace("_", "-"),
            metavar="VALUE",
            required=field in _REQUIRED,
            help=_HELP.get(field),
            **boolean,
        )
    parser.add_argument("--root", help="folder of the pictures; else $TWOFOLD_DATA")
    parser.add_argument("--out", default="runs", help="run store (default: runs)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    parser.add_argument("--save-weights", action="store_true", help="keep the trained weights (safetensors)")
    parser.add_argument("--json", action="store_true", help="print JSON as the last line of stdout")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="twofold", description="Unsupervised domain adaptation for one-class anomaly detection.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    fit = commands.add_parser(
        "fit",
        help="a detector for pictures of your own",
        description="Fit a detector to a folder of normal pictures and a folder without labels; nothing is trained.",
    )
    fit.add_argument("source", help="folder of normal pictures")
    fit.add_argument("target", help="folder of at least 20 pictures without labels, most of them normal")
    fit.add_argument("--out", default="detector.safetensors", help="the detector (default: detector.safetensors)")
    fit.add_argument("--scores", help="CSV of the target's own scores")
    fit.add_argument("--preset", default="embedded", help=_HELP["preset"])
    fit.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    score = commands.add_parser("score", help="scores of more pictures", description="CSV on stdout, most anomalous first.")
    score.add_argument("detector", help="file of 'twofold fit'")
    score.add_argument("pictures", help="folder of pictures")
    score.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    run = commands.add_parser("run", help="one run", description="Train and judge one run; any field of a run is a flag.")
    _add_run_flags(run)
    sweep = commands.add_parser(
        "sweep", help="many runs", description="The product of comma lists in every field; --normal all is every class."
    )
    _add_run_flags(sweep)
    sweep.add_argument("--jobs", type=int, default=1, help="parallel processes (default: 1)")
    sweep.add_argument("--dry-run", action="store_true", help="print the plan and its estimated time")
    collect = commands.add_parser("collect", help="aggregate stored runs")
    collect.add_argument("runs", help="run store")
    collect.add_argument("--by", default="method", help="fields that make a row, comma-separated (default: method)")
    collect.add_argument("--format", default="table", choices=["table", "csv", "markdown", "json"])
    again = commands.add_parser("reproduce", help="the notebooks, headless", description="Figures and tables go to OUT/PRESET.")
    again.add_argument("targets", nargs="*", default=["all"], metavar="WHAT", help="all, 05, table4, figure4, quickstart, ...")
    again.add_argument("--preset", default="embedded-fast", help="embedded-fast (default), embedded, paper")
    again.add_argument("--jobs", type=int, default=1, help="notebooks at once (default: 1)")
    again.add_argument("--out", default="figures", help="folder of the results (default: figures)")
    again.add_argument("--runs", default="runs", help="run store (default: runs)")
    again.add_argument("--root", help="folder of the pictures; else $TWOFOLD_DATA")
    again.add_argument("--dry-run", action="store_true", help="print the plan and its estimated time")
    data = commands.add_parser("data", help="the data sets")
    actions = data.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="data sets and their domains")
    check = actions.add_parser("check", help="count a data set against its published numbers")
    check.add_argument("name")
    check.add_argument("--root", help="folder of the pictures; else $TWOFOLD_DATA")
    commands.add_parser("doctor", help="what this machine has: devices, weights, data")
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run(arguments: argparse.Namespace) -> int:
    config = configure(**_fields(arguments, lists=False))
    from twofold.runs.sweeps import run_one

    result = run_one(
        config,
        arguments.out,
        arguments.root,
        arguments.device,
        arguments.save_weights,
        progress=sys.stderr.isatty(),
        log=_say,
    )
    if arguments.json:
        print(json.dumps(result))
    elif result["error"] is None:
        from twofold.results.sentences import run_summary

        print(run_summary(result))
    if result["error"] is not None:
        _say(result["error"])
    return int(result["error"] is not None)


def _sweep(arguments: argparse.Namespace) -> int:
    if arguments.jobs < 1:
        raise InputError(f"wanted --jobs of at least 1, got {arguments.jobs}; one process a core is a good start")
    fields = _fields(arguments, lists=True)
    from twofold.runs.sweeps import estimate_seconds, expand, sweep

    configs = expand(fields, arguments.root)
    todo, seconds = estimate_seconds(configs, arguments.out, arguments.jobs, arguments.root)  # checks every input
    plan = f"{len(configs)} runs, {len(configs) - todo} finished, {todo} to do, "
    plan += f"about {seconds / 60:.1f} min with {arguments.jobs} jobs"
    if arguments.dry_run:
        if arguments.json:
            rows = [
                {k: getattr(c, k) for k in ("dataset", "source", "target", "normal", "seed", "anomaly_ratio", "name")}
                for c in configs
            ]
            _say(plan)
            print(json.dumps(rows))
        else:
            for c in configs:
                print(f"{c.dataset} {c.source}->{c.target} {c.normal} r={c.anomaly_ratio:g} seed {c.seed} {c.name}")
            print(plan)
        return 0
    _say(plan)
    start = time.perf_counter()
    results = sweep(configs, arguments.out, arguments.jobs, arguments.root, arguments.device, arguments.save_weights, _say)
    errors = sum(result["error"] is not None for result in results)
    _say(f"{len(results) - errors} runs in {arguments.out}, {errors} failed ({time.perf_counter() - start:.0f} s)")
    if arguments.json:
        print(json.dumps(results))
    return int(errors > 0)


def _collect(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from twofold.results.sentences import render
    from twofold.results.statistics import as_frame, collect
    from twofold.runs.store import RunStore

    if not Path(arguments.runs).is_dir():
        raise InputError(f"wanted a folder of runs, got {arguments.runs!r}; run 'twofold sweep' first, or name its --out")
    results = RunStore(arguments.runs).results()
    by = [field.strip().replace("-", "_") for field in arguments.by.split(",")]
    known = as_frame(results)
    for field in by:
        if field not in known:
            raise InputError(f"wanted --by among {', '.join(known)}, got {field!r}; separate several with commas")
    errors = sum(result["error"] is not None for result in results)
    if errors:
        _say(f"{errors} failed runs left out")
    print(render(collect(results, by), arguments.format))
    return 0


def _reproduce(arguments: argparse.Namespace) -> int:
    if arguments.jobs < 1:
        raise InputError(f"wanted --jobs of at least 1, got {arguments.jobs}; one a core is a good start")
    from twofold.lessons.reproduce import reproduce

    places = (arguments.out, arguments.runs, arguments.root)
    failed = reproduce(arguments.targets, arguments.preset, arguments.jobs, *places, dry_run=arguments.dry_run, log=_say)
    return int(failed > 0)


def _scores_csv(ids: Any, scores: Any) -> str:
    """Pictures and their scores as CSV, most anomalous first."""
    from pandas import DataFrame

    table = DataFrame({"picture": ids, "anomaly_score": scores})
    return table.sort_values("anomaly_score", ascending=False).to_csv(index=False)


def _fit(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from twofold.data.listing import load_pictures
    from twofold.deploy.detector.detector import TwoFoldDetector
    from twofold.lessons.study import write_aside
    from twofold.results.sentences import fit_summary

    places = [Path(path).expanduser().absolute() for path in (arguments.out, arguments.scores) if path]
    for place in places:
        if place.is_dir() or not place.parent.is_dir() or places.count(place) > 1:
            raise InputError(f"wanted a file of its own in a folder that is there, got {place}; choose another place")
    source, target = load_pictures(arguments.source), load_pictures(arguments.target)
    detector = TwoFoldDetector(arguments.preset, arguments.device).fit(source, target)
    detector.save(places[0])
    if arguments.scores:
        write_aside(places[1], _scores_csv(target.ids, detector.fitted.train_scores))
    print(fit_summary(detector.fitted, len(source), target.ids))
    print(f"saved to {arguments.out}")
    return 0


def _score(arguments: argparse.Namespace) -> int:
    from twofold.data.listing import load_pictures
    from twofold.deploy.detector.detector import TwoFoldDetector

    pictures = load_pictures(arguments.pictures)
    scores = TwoFoldDetector.load(arguments.detector, arguments.device).anomaly_score(pictures)
    print(_scores_csv(pictures.ids, scores), end="")
    return 0


def _data(arguments: argparse.Namespace) -> int:
    from twofold.results.sentences import check_data, list_data

    if arguments.action == "list":
        print(list_data())
        return 0
    text, complete = check_data(arguments.name, arguments.root)
    print(text)
    return int(not complete)


def _doctor(arguments: argparse.Namespace) -> int:
    from twofold.results.sentences import doctor

    print(doctor())
    return 0


def main(argv: list[str] | None = None) -> int:
    """Entry point; exit codes: 0 done, 1 something failed, 2 bad input, 130 interrupted."""
    commands = {"fit": _fit, "score": _score, "run": _run, "sweep": _sweep, "collect": _collect}
    commands |= {"reproduce": _reproduce, "data": _data, "doctor": _doctor}
    try:
        arguments = _parser().parse_args(argv)
        return commands[arguments.command](arguments)
    except InputError as error:
        _say("twofold: " + " ".join(str(error).split()))
        return 2
    except KeyboardInterrupt:
        _say("twofold: stopped; the same command goes on where it stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
