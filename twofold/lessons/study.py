"""A notebook's parameters checked, its runs planned and found, its figures and tables kept with where they come from."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twofold.errors import InputError
from twofold.files import write_text
from twofold.runs.config import RunConfig
from twofold.runs.presets import PAIRS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from twofold.runs.rows import Known

__all__ = ["RECIPES", "Study", "manifest_text", "open_table", "project_folder", "read_parameters"]

ALSO = {"known": None, "tables_only": False}  # parameters that every notebook takes, though its cell names none of them
NAMED = 5  # pairs of domains under a figure; a table names all
PLACES = ("jobs", "runs", "figures", "root", *ALSO)  # what moves no number
RECIPES = {"embedded-fast": "embedded", "embedded": "embedded", "paper": "paper"}  # extent of a notebook -> preset of its runs


def project_folder() -> Path:
    """The nearest folder upwards that holds ``notebooks``, else the current one: relative paths mean the same everywhere."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "notebooks").is_dir()), here)


def manifest_text(manifest: dict[str, Any]) -> str:
    """A manifest as JSON, one line a run.

    >>> manifest_text({"files": [], "runs": {"a1": ["b2", 90.0, 1.5]}}).splitlines()[3]
    '  "a1": ["b2", 90.0, 1.5]'
    """
    runs = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in manifest["runs"].items()]
    rest = json.dumps({key: value for key, value in manifest.items() if key != "runs"}, indent=1)
    return rest[:-2] + ',\n "runs": {\n' + ",\n".join(runs) + "\n }\n}\n"


def _literals(cell: str) -> dict[str, Any] | None:
    """Names and values of a cell that only assigns literals, None for any other cell."""
    try:
        body = ast.parse(cell).body
        pairs = {}
        for line in body:
            target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
            if not isinstance(target, ast.Name):
                return None
            pairs[target.id] = ast.literal_eval(line.value)
    except (SyntaxError, ValueError):
        return None
    return pairs or None


def _alike(value: Any, default: Any) -> bool:
    """Whether a value has its default's type; an int is a float, null stands for a missing text."""
    if default is None:
        return value is None or isinstance(value, str)
    if isinstance(default, list):
        return isinstance(value, list) and (not default or all(_alike(item, default[0]) for item in value))
    if isinstance(default, float):
        return type(value) in (int, float)
    return type(value) is type(default)


def _counted(numbers: pd.Series, one: str, more: str) -> str:
    """How many of a thing: a range where pairs or methods differ."""
    least, most = int(numbers.min()), int(numbers.max())
    return f"{least} to {most} {one}{more}" if least < most else f"{most} {one}{more * (most > 1)}"


def read_parameters(cells: Sequence[str]) -> dict[str, Any]:
    """A notebook's parameters: the first cell of literals says what is known, what is injected may only change its values.

    Parameters
    ----------
    cells : sources of the cells run so far; papermill's begins with ``# Parameters``.

    Returns
    -------
    Names and values.

    Raises
    ------
    InputError : no such cell, an unknown name, a value of another type.

    >>> read_parameters(["seeds = [0]", "# Parameters\\nseeds = [0, 1]"])["seeds"]
    [0, 1]
    """
    literal = [(cell, pairs) for cell in cells if (pairs := _literals(cell))]
    if not literal:
        raise InputError("wanted a cell of parameters before this one, got none; run the notebook from its top")
    known = ALSO | literal[0][1]
    values = dict(known)
    for cell, pairs in literal[1:]:
        if not cell.startswith("# Parameters") and set(pairs) != set(literal[0][1]):
            continue  # a cell of the reader's own, or an exercise
        for name, value in pairs.items():
            if name not in known:
                close = difflib.get_close_matches(name, list(known), n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise InputError(f"wanted a parameter of this notebook, got {name!r}; {hint}choose one of: {', '.join(known)}")
            if not _alike(value, known[name]):
                raise InputError(f"wanted {name} of the kind of {known[name]!r}, got {value!r}; mind the quotes and brackets")
            values[name] = value
    return values


def _without_history(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a namespace, where a kernel keeps no history, as nbval's: the parameters, with nothing to check.

    >>> _without_history({"In": [""], "preset": "embedded", "seeds": [0], "root": None, "_i": "", "exit": print})
    {'preset': 'embedded', 'seeds': [0], 'root': None}
    """
    kinds = (str, int, float, list, type(None))
    names = [name for name in namespace if not name.startswith("_") and name != "In"]
    found = {name: namespace[name] for name in names if isinstance(namespace[name], kinds)}
    return found if "preset" in found else read_parameters([])


def open_table(preset: str, named: str | None = None, root: str | None = None) -> Known | None:
    """The rows that a notebook opens in place of training.

    Parameters
    ----------
    preset : ``embedded`` opens the committed table, where there is one.
    named : another table, whatever the preset; nothing is opened where it is empty.
    root : of folder data sets.

    Raises
    ------
    InputError : a table that is damaged, or none.
    """
    from twofold.runs.rows import TABLE, Known

    committed = project_folder() / TABLE
    if named is None:
        return Known(committed, root) if preset == "embedded" and committed.is_file() else None
    return Known(project_folder() / named, root) if named else None


class Study:
    """What one notebook computes, from its parameters to its files.

    Parameters
    ----------
    namespace : the notebook's ``globals()``; its history tells the parameters that were given. Every notebook takes two more:
        ``known``, a table of rows to open (none where it is empty; by default the committed one under ``embedded``), and
        ``tables_only``, to compute nothing and draw nothing.
    name : of the notebook, such as ``05_components``.

    Attributes
    ----------
    settings : the parameters, as checked.
    preset : embedded-fast, embedded or paper.
    folder : where figures and tables go.

    Raises
    ------
    InputError : an unknown parameter, a wrong type, an unknown preset.

    >>> cells = ['preset = "embedded-fast"\\nnormals = ["3"]\\nseeds = [0]\\nfigures = None\\nruns = "runs"\\nroot = None']
    >>> study = Study({"In": cells}, "example")
    >>> [c.name for c in study.plan("digits", "type", "optdigits", method=["twofold", "oracle"])]
    ['twofold', 'oracle']
    """

    def __init__(self, namespace: Mapping[str, Any], name: str) -> None:
        cells = [cell for cell in namespace["In"] if cell]
        self.settings = read_parameters(cells) if cells else _without_history(namespace)
        self.name, self.preset = name, self.settings["preset"]
        if self.preset not in RECIPES:
            raise InputError(f"wanted a preset, got {self.preset!r}; choose one of: {', '.join(RECIPES)}")
        project = project_folder()
        self.folder = project / (self.settings.get("figures") or f"figures/{self.preset}")
        self.store = project / self.settings.get("runs", "runs")
        self.root, self.jobs = self.settings.get("root"), self.settings.get("jobs", 1)
        self.known = open_table(self.preset, self.settings.get("known"), self.root)
        self._planned: dict[RunConfig, None] = {}
        self._results: dict[RunConfig, dict[str, Any]] = {}
        self._rows: dict[RunConfig, dict[str, Any]] = {}  # those of them that were opened, which have no features
        self._files: list[str] = []

    def plan(self, dataset: str, source: str, target: str, **fields: Any) -> list[RunConfig]:
        """Configurations of the product of all fields that are lists, checked; classes and seeds are the notebook's.

        Raises
        ------
        InputError : whatever of it cannot be run, data that are missing among it.
        """
        from twofold.runs.sweeps import expand

        common = {"normal": self.settings.get("normals", "all"), "seed": self.settings.get("seeds", [0])}
        if common["normal"] == ["all"]:
            common["normal"] = "all"
        if "anomaly_ratio" in self.settings:
            common["anomaly_ratio"] = self.settings["anomaly_ratio"]
        task = {"dataset": dataset, "source": source, "target": target, "preset": RECIPES[self.preset]}
        configs = expand({**task, **common, **fields}, self.root, self.known)
        if left := [config for config in configs if self.known is None or self.known.find(config) is None]:
            from twofold.runs.run import prepare

            prepare(left[0], self.root)  # what is missing is said here, not after an hour
        self._planned |= dict.fromkeys(configs)
        return configs

    @property
    def configs(self) -> list[RunConfig]:
        """Planned so far, each once."""
        return list(self._planned)

    def run(
        self, configs: Sequence[RunConfig] | None = None, fields: Sequence[str] = (), features: bool = False
    ) -> pd.DataFrame:
        """Open these runs as rows, find them in the store, do those that are missing, and return them as one table.

        Parameters
        ----------
        configs : from ``plan``; None is all that was planned.
        fields : of their configurations, as further columns of ``as_frame``.
        features : whether the store has to hold their test pictures' features, which no row has.

        Raises
        ------
        InputError : tables alone were asked for, and a run is neither row nor stored.
        RuntimeError : a run failed.
        """
        from twofold.results.statistics import as_frame

        wanted = self.configs if configs is None else configs
        missing = [c for c in wanted if c not in self._results or (features and c in self._rows)]
        rows = self.known.among(missing) if self.known and not features else {}
        if rows:
            print(f"opened {len(rows)} stored results")
        self._rows |= rows
        self._do([config for config in missing if config not in rows])
        self._results |= rows
        frame = as_frame(self.results(wanted), fields)
        print(
            f"{len(frame)} runs: {frame['normal'].nunique()} classes, {frame['seed'].nunique()} seeds, "
            f"{int(frame['collapsed'].sum())} collapsed"
        )
        return frame

    def _do(self, missing: Sequence[RunConfig]) -> None:
        """Find runs in the store, or do them."""
        from twofold.compute import cores
        from twofold.runs.sweeps import sweep

        if missing and self.settings.get("tables_only"):
            raise InputError(f"wanted rows of all runs, got none of {len(missing)}, such as {missing[0].name}; run it in full")
        results = sweep(missing, self.store, min(self.jobs, cores()), self.root, log=lambda line: None)
        errors = [result["error"] for result in results if result["error"]]
        if errors:
            raise RuntimeError(f"{len(errors)} of {len(missing)} runs failed, the first with: {errors[0]}")
        self._results.update(zip(missing, results, strict=True))
        self._rows = {config: row for config, row in self._rows.items() if config not in missing}

    def results(self, configs: Sequence[RunConfig] | None = None) -> list[dict[str, Any]]:
        """Results of these finished runs, as ``statistics.collect`` takes them."""
        return [self._results[config] for config in (self.configs if configs is None else configs)]

    def stamp(self, frame: pd.DataFrame, named: int | None = None) -> str:
        """The line that every figure and table carries: data, preset, n, seeds, selection rule.

        Parameters
        ----------
        frame : of runs.
        named : pairs of domains that are named; more are counted by what they may be used for. None names all.
        """
        keys = dict.fromkeys(zip(frame["dataset"], frame["source"], frame["target"], strict=True))
        kinds = [next((kind for kind, known in PAIRS.items() if key in known), "") for key in keys]
        names = [f"{key[0]} {key[1]}→{key[2]}" + f" ({kind})" * bool(kind) for key, kind in zip(keys, kinds, strict=True)]
        if named is not None and len(names) > named:
            by_kind = [f"{kinds.count(kind)} {kind or 'other'}" for kind in dict.fromkeys(kinds)]
            names = [f"{len(names)} pairs of domains ({', '.join(by_kind)})"]
        ratios = sorted(100 * frame["anomaly_ratio"].unique())
        share = f"{ratios[0]:g}" if len(ratios) == 1 else f"{ratios[0]:g}-{ratios[-1]:g}"
        each = frame.groupby(["dataset", "source", "target", "method"])[["normal", "seed"]].nunique()
        counts = [_counted(each["normal"], "class", "es"), _counted(each["seed"], "seed", "s")]
        runs = f"n = {' x '.join(counts)}"
        words = f"preset {self.preset}; {runs}; {share} % anomalies; last step, no target label selects"
        return f"{', '.join(names)}; {words}"

    def stamp_of(self, config: RunConfig) -> str:
        """The line of a figure that shows one run's task, or what is computed from it before any training."""
        task = config.task
        what = f"normal class {task.normal}; {100 * task.anomaly_ratio:g} % anomalies; seed {task.seed}"
        return f"{task.dataset} {task.source}→{task.target}; preset {self.preset}; {what}"

    def save_figure(self, figure: Figure, name: str, frame: pd.DataFrame | None = None, stamp: str = "") -> None:
        """Keep a figure as PNG and PDF, with the stamp of the runs behind it, or with one that is given.

        Raises
        ------
        ValueError : neither runs nor a stamp: nobody could tell where the figure is from.
        """
        if frame is None and not stamp:
            raise ValueError(f"{name} must come with its runs or a stamp, got neither; pass frame or stamp")
        if self.settings.get("tables_only"):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        from twofold.plots.style import footnote

        footnote(figure, stamp or self.stamp(frame, named=NAMED))
        for suffix in ("png", "pdf"):
            undated = {"CreationDate": None} if suffix == "pdf" else None  # the same figure is the same file
            figure.savefig(self.folder / f"{name}.{suffix}", bbox_inches="tight", metadata=undated)
        self._keep(f"{name}.png", f"{name}.pdf")

    def save_table(self, table: pd.DataFrame, name: str, frame: pd.DataFrame | None = None, note: str = "") -> None:
        """Keep a table as CSV and Markdown, the latter with a note, such as how many verdicts it holds, and its stamp."""
        from twofold.results.sentences import markdown_table

        write_text(self.folder / f"{name}.csv", table.to_csv(index=False))
        stamp = "" if frame is None else f"\n{self.stamp(frame)}\n"
        said = f"\n{note}\n" if note else ""
        write_text(self.folder / f"{name}.md", markdown_table(table) + "\n" + said + stamp)
        self._keep(f"{name}.csv", f"{name}.md")

    def _keep(self, *names: str) -> None:
        """Say in the manifest what was made, and from which runs."""
        self._files += [name for name in names if name not in self._files]
        first = next(iter(self._results.values()), None)
        manifest = {
            "notebook": self.name,
            "preset": self.preset,
            "settings": {k: v for k, v in self.settings.items() if k not in PLACES},
            "files": self._files,
            "versions": first["versions"] if first else {},
            "run_seconds": round(sum(result["seconds"]["total"] for result in self._results.values()), 1),
            "runs": {  # config hash: split hash, AUROC, seconds
                result["config_hash"]: [result["split_hash"], result["auroc"], round(result["seconds"]["total"], 2)]
                for result in sorted(self._results.values(), key=lambda result: result["config_hash"])
            },
        }
        write_text(self.folder / f"{self.name}.json", manifest_text(manifest))
