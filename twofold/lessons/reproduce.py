"""Every notebook headless: planned, run several at once, resumed, and written down with what it was made from."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat
import yaml
from joblib import Parallel, delayed

from twofold.errors import InputError
from twofold.files import write_text
from twofold.lessons.study import RECIPES, manifest_text, open_table, project_folder
from twofold.runs.presets import RECIPE_VERSION

__all__ = ["choose", "clean", "code_hash", "elements", "notebooks", "plan", "preset_parameters", "reproduce", "sources"]

PRESETS = Path(__file__).with_name("presets")
CELL_SECONDS = {"embedded-fast": 900, "embedded": 8 * 3600, "paper": 14 * 24 * 3600}


def notebooks() -> list[Path]:
    """The notebooks of this project, in order.

    Raises
    ------
    InputError : there are none, since this is no clone of the repository.
    """
    found = sorted((project_folder() / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise InputError(f"wanted notebooks in {project_folder()}, got none; run this inside a clone of the repository")
    return found


def elements(path: Path) -> list[str]:
    """The paper's tables and figures that a notebook reproduces, from its metadata."""
    return json.loads(path.read_text("utf-8"))["metadata"].get("twofold", {}).get("elements", [])


def choose(targets: Sequence[str]) -> list[Path]:
    """Notebooks by number, name, or the table or figure they hold.

    Raises
    ------
    InputError : a name that no notebook answers to.
    """
    chosen, known = [], ["all"]
    for path in notebooks():
        names = [path.stem[:2], path.stem, path.stem[3:], *elements(path)]
        known += names[:1] + elements(path)
        if "all" in targets or any(target in names for target in targets):
            chosen.append(path)
        targets = [target for target in targets if target == "all" or target not in names]
    if [target for target in targets if target != "all"]:
        raise InputError(f"wanted a notebook, table or figure, got {', '.join(targets)}; choose among: {', '.join(known)}")
    return chosen


def preset_parameters(preset: str, stem: str) -> dict[str, Any]:
    """What a preset changes in a notebook's parameters, from ``presets/<preset>.yaml`` beside this file."""
    if preset not in RECIPES:
        raise InputError(f"wanted a preset, got {preset!r}; choose one of: {', '.join(RECIPES)}")
    path = PRESETS / f"{preset}.yaml"
    values = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else {}
    return {"preset": preset, **(values.get("all") or {}), **(values.get(stem) or {})}


def code_hash(book: Any) -> str:
    """Hash of a notebook's code cells; prose and exercises may change freely, and so may what papermill injects."""
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    sources = [cell.source for cell in cells if not {"injected-parameters", "exercise"} & set(cell.metadata.get("tags", []))]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]


def clean(book: Any) -> Any:
    """Take out of an executed notebook what differs from run to run, and most of its pictures' size."""
    for holder in [book, *book.cells]:
        for key in ("papermill", "execution", "widgets"):
            holder.metadata.pop(key, None)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if not (o.output_type == "stream" and o.name == "stderr")]
            for data in (output.get("data", {}) for output in cell.outputs):
                if "image/png" in data:
                    data["image/png"] = _small(data["image/png"])
    book.metadata["language_info"] = {"name": "python"}
    return book


def _small(picture: str) -> str:
    """A PNG in base64 with a palette of 256 colours, a third of its size: drawings have no more that an eye can tell."""
    from PIL import Image

    whole, small = base64.b64decode(picture), io.BytesIO()
    Image.open(io.BytesIO(whole)).quantize(256, Image.Quantize.FASTOCTREE).save(small, "PNG", optimize=True)
    return base64.b64encode(min(whole, small.getvalue(), key=len)).decode() + "\n"


def _injected(values: dict[str, Any]) -> str:
    return "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in values.items())


def sources(path: Path, parameters: dict[str, Any]) -> list[str]:
    """The code of a notebook as plain Python: its cells without magics, these parameters after its own."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    first = next(i for i, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", []))
    code = ["\n".join(line for line in cell.source.splitlines() if not line.startswith("%")) for cell in cells]
    return [*code[: first + 1], _injected(parameters), *code[first + 1 :]]


def plan(path: Path, parameters: dict[str, Any]) -> list[Any]:
    """The runs a notebook would ask for: its cells up to the one that holds its Study, executed here.

    Raises
    ------
    InputError : what the notebook's second cell would say.
    """
    from matplotlib import rc_context

    code, namespace = sources(path, parameters), {"In": []}
    with rc_context():  # a plan leaves the style of figures alone
        for source in code[: code.index(_injected(parameters)) + 2]:
            exec(compile(source, path.name, "exec"), namespace)  # our own notebook, as Jupyter would run it
            namespace["In"].append(source)
    return namespace["study"].configs


def _pictures(book: Any) -> int:
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def _up_to_date(path: Path, folder: Path, parameters: dict[str, Any]) -> bool:
    manifest = folder / f"{path.stem}.json"
    if not manifest.is_file():
        return False
    known = json.loads(manifest.read_text("utf-8"))
    same = known.get("code_hash") == code_hash(nbformat.read(path, 4)) and known.get("given") == parameters
    same &= known["versions"].get("recipe", RECIPE_VERSION) == RECIPE_VERSION  # a notebook without runs has none
    return same and all((folder / name).is_file() for name in [f"{path.stem}.ipynb", *known["files"]])


def _execute(path: Path, folder: Path, parameters: dict[str, Any], places: dict[str, Any], seconds: int) -> str:
    """Run one notebook; the line to print, which begins with ``failed`` where it did."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    if _up_to_date(path, folder, parameters):
        return f"{path.stem}: up to date"
    start = time.perf_counter()
    os.environ["TQDM_DISABLE"] = "1"
    logging.getLogger("papermill").setLevel(logging.ERROR)  # which parameters there are, a Study knows
    folder.mkdir(parents=True, exist_ok=True)
    aside, manifest = folder / f".{path.stem}.running.ipynb", folder / f"{path.stem}.json"
    manifest.unlink(missing_ok=True)  # what it says is about to change
    try:
        papermill.execute_notebook(
            str(path),
            str(aside),
            {**parameters, **places},
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=seconds,
            start_timeout=120,
        )
    except PapermillExecutionError as error:
        os.replace(aside, folder / f"{path.stem}.failed.ipynb")
        return f"failed {path.stem} in cell {error.cell_index}: {error.ename}: {error.evalue}".split("\n")[0]
    except Exception as error:  # a kernel that died or ran out of time: the others go on
        aside.unlink(missing_ok=True)
        return f"failed {path.stem}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    book = clean(nbformat.read(aside, 4))
    aside.unlink()
    if not manifest.is_file():
        return f"failed {path.stem}: it kept no figure and no table"
    known = json.loads(manifest.read_text("utf-8"))
    empty = [name for name in known["files"] if not (folder / name).is_file() or not (folder / name).stat().st_size]
    if empty or not _pictures(book):
        return f"failed {path.stem}: {', '.join(empty) or 'every picture'} is missing"
    for cell in book.cells:  # where this machine keeps things is nobody's business
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = _injected(parameters)
    known |= {"code_hash": code_hash(book), "given": parameters, "seconds": round(time.perf_counter() - start, 1)}
    write_text(folder / f"{path.stem}.ipynb", nbformat.writes(book) + "\n")
    write_text(manifest, manifest_text(known))
    (folder / f"{path.stem}.failed.ipynb").unlink(missing_ok=True)
    return f"{path.stem}: {len(known['files'])} files, {len(known['runs'])} runs, {known['seconds']:.0f} s"


def _keep_rows(folder: Path, store: Path) -> None:
    """Every stored run that stands behind a figure or table of this folder becomes a row of its table."""
    from twofold.runs.rows import TABLE, keep_rows
    from twofold.runs.store import RunStore

    hashes = sorted({h for path in folder.glob("*.json") for h in json.loads(path.read_text("utf-8"))["runs"]})
    if results := [result for result in map(RunStore(store).result, hashes) if result]:
        keep_rows(folder / Path(TABLE).name, results)


def reproduce(
    targets: Sequence[str] = ("all",),
    preset: str = "embedded-fast",
    jobs: int = 1,
    out: str | Path = "figures",
    runs: str | Path = "runs",
    root: str | None = None,
    dry_run: bool = False,
    log: Callable[[str], None] = print,
    known: str | Path | None = None,
) -> int:
    """Run notebooks through papermill and keep what they make; goes on where it stopped.

    Parameters
    ----------
    targets : ``all``, or numbers, names, tables and figures: ``05``, ``table4``, ``figure4``, ``quickstart``.
    preset : embedded-fast, embedded or paper.
    jobs : notebooks at once; one alone spreads its runs over them.
    out : figures and tables go to ``<out>/<preset>``.
    runs : the run store.
    root : of folder data sets.
    dry_run : print the plan and its time.
    log : takes one line per notebook.
    known : table of rows that are opened in place of training; None is the committed one under embedded, "" is none.

    Returns
    -------
    How many notebooks failed.

    Raises
    ------
    InputError : an unknown target or preset, or a table that is damaged.
    """
    chosen = choose(targets)
    folder, store = Path(out).absolute() / preset, Path(runs).absolute()
    given = {path: preset_parameters(preset, path.stem) for path in chosen}
    places = {"figures": str(folder), "runs": str(store), "jobs": jobs if len(chosen) == 1 else 1}
    places |= {"root": str(Path(root).absolute())} if root else {}
    places |= {} if known is None else {"known": str(known and Path(known).absolute())}
    table = open_table(preset, places.get("known"), root)  # one that is damaged is said before the first notebook
    if dry_run:
        from twofold.runs.estimates import estimate_seconds

        total, refused = 0.0, 0
        for path in chosen:
            try:
                configs = plan(path, {**given[path], **places})
                todo, seconds = estimate_seconds(configs, store, jobs, root, known=table)
            except InputError as error:
                log(f"{path.stem}: cannot run: {error}")
                refused += 1
                continue
            total += seconds
            made = ", ".join(elements(path)) or "no element of the paper"
            log(f"{path.stem} ({made}): {len(configs)} runs, {todo} to do, about {seconds / 60:.1f} min")
        log(f"{len(chosen)} notebooks, about {total / 60:.0f} min of runs with {jobs} jobs, and half a minute a notebook")
        return refused
    calls = (delayed(_execute)(path, folder, given[path], places, CELL_SECONDS[preset]) for path in chosen)
    lines = []
    for line in Parallel(n_jobs=min(jobs, len(chosen)), return_as="generator_unordered")(calls):
        log(line)
        lines.append(line)
    _keep_rows(folder, store)
    return sum(line.startswith("failed") for line in lines)
