"""Solar cells under current, mono- and polycrystalline, whole or broken, that one package brings.

The package ``elpv-dataset`` (extra ``twofold[elpv]``) holds 2,624 electroluminescence pictures, 300 x 300 px in grey, cut from
44 modules, each with the probability of a defect that experts gave it. Cells of probability 0 are ``functional``, those above
0.5 ``defective``; the 295 of probability 1/3 are left out. The pictures are licensed CC BY-NC-SA: they are read where the
package is installed, and none is kept with this code.

Every picture is a cell of its own, but wafers sawn from one block of many crystals show nearly the same grain, and a module
holds many such sisters: near-duplicates, which may not stand on both sides of a split. ``elpv_sisters.csv`` names the block of
every polycrystalline cell that has a sister, by numbers alone. Two cells are sisters where the grain of one correlates with
that of the other, upright or turned by half, above 0.45; sisters of sisters are sisters. The grain is the picture at 150 px
less its blur (6 px) and relative to it, less the median of each row, which holds the busbars, and less the mean of all cells.
The limit was chosen by looking at pairs between 0.25 and 0.97: below 0.4 most are not sisters, the groups hardly change
between 0.4 and 0.5. The test of this module makes the table anew. One crystal has no grain, so that of monocrystalline cells
no sisters are told; which cells come from one module the package does not say.

Source: Deitsch et al., Automatic classification of defective photovoltaic module cells in electroluminescence images, Solar
Energy 185, 2019; https://github.com/zae-bayern/elpv-dataset
"""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

from twofold.data.checks import CheckReport, CheckRow
from twofold.data.domains import Domain, FilePictures
from twofold.errors import InputError

__all__ = ["ELPV_COUNTS", "ELPV_DOMAINS", "ELPV_NORMAL", "check_elpv", "load_elpv_domain", "sisters"]

PACKAGE = "elpv_dataset"
SISTERS = Path(__file__).with_name("elpv_sisters.csv")
SOURCE_NOTE = "pip install elpv-dataset==1.0.0.post1"

ELPV_DOMAINS = ("mono", "poly")
ELPV_NORMAL = "functional"  # the one class that is ever normal: a defect is what one looks for

# domain -> class -> cells; CELLS counts also those that are neither
ELPV_COUNTS = {"mono": {"defective": 369, "functional": 588}, "poly": {"defective": 452, "functional": 920}}
CELLS = {"mono": 1074, "poly": 1550}


def _folder() -> Path:
    """Where the package keeps labels and pictures; it is found, not imported."""
    spec = find_spec(PACKAGE)
    if spec is None:
        raise InputError(f"wanted the solar cells of the package elpv-dataset, which is not installed; run: {SOURCE_NOTE}")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def _cells(folder: Path) -> list[tuple[str, str, str]]:
    """Domain, class and path of every cell; the class of a doubtful one is empty."""
    try:
        rows = [line.split() for line in (folder / "labels.csv").read_text("utf-8").splitlines() if line.strip()]
        return [(domain, _class_name(float(probability)), path) for path, probability, domain in rows]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"wanted rows of picture, probability and type in {folder / 'labels.csv'}, got '{reason}'; run: {SOURCE_NOTE}"
        ) from error


def _class_name(probability: float) -> str:
    """Class by the probability of a defect.

    >>> [_class_name(probability) for probability in (0.0, 1 / 3, 2 / 3, 1.0)]
    ['functional', '', 'defective', 'defective']
    """
    if probability == 0:
        return "functional"
    return "defective" if probability > 0.5 else ""


def load_elpv_domain(name: str) -> Domain:
    """List the cells of one kind of module that are surely functional or defective; none is opened.

    Parameters
    ----------
    name : ``"mono"`` or ``"poly"``.

    Returns
    -------
    Domain of two classes, sorted by class and path; ids are paths in the package's folder of data, which open the files,
    ``groups`` the blocks of sister cells.

    Raises
    ------
    InputError : unknown name, the package is not installed, or its labels cannot be read.

    >>> load_elpv_domain("thin film")
    Traceback (most recent call last):
    twofold.errors.InputError: wanted a domain of solar cells, got 'thin film'; choose one of: mono, poly
    """
    if name not in ELPV_DOMAINS:
        raise InputError(f"wanted a domain of solar cells, got {name!r}; choose one of: {', '.join(ELPV_DOMAINS)}")
    folder = _folder()
    cells = sorted((class_name, path) for domain, class_name, path in _cells(folder) if domain == name and class_name)
    pictures = FilePictures([folder / path for _, path in cells])
    block_of = sisters() if name == "poly" else {}
    groups = [block_of.get(Path(path).stem, f"elpv/{name}/{row:09}") for row, (_, path) in enumerate(cells)]
    return Domain("elpv", name, pictures, [class_name for class_name, _ in cells], [path for _, path in cells], groups)


def sisters() -> dict[str, str]:
    """Polycrystalline cell -> block, for the cells that have a sister; from the shipped table.

    >>> blocks = sisters()
    >>> blocks["cell0356"] == blocks["cell0357"] == blocks["cell0358"], len(blocks), len(set(blocks.values()))
    (True, 675, 182)
    """
    with SISTERS.open(encoding="utf-8", newline="") as file:
        return {row["cell"]: f"elpv/poly/block {row['block']}" for row in csv.DictReader(file)}


def check_elpv() -> CheckReport:
    """Count the cells of the installed package whose pictures are there.

    Returns
    -------
    CheckReport with a row for each class of each domain, and one for all cells, the doubtful among them.

    Raises
    ------
    InputError : the package is not installed, or its labels cannot be read.
    """
    folder = _folder()
    here = [(domain, class_name) for domain, class_name, path in _cells(folder) if (folder / path).is_file()]
    rows = []
    for domain, counts in ELPV_COUNTS.items():
        rows += [CheckRow(domain, name, here.count((domain, name)), count) for name, count in counts.items()]
        rows.append(CheckRow(domain, "all cells", sum(kind == domain for kind, _ in here), CELLS[domain]))
    return CheckReport("elpv", folder, tuple(rows), SOURCE_NOTE)
