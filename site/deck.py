"""Slides from the cells tagged ``slide``: the heading, the picture as the run left it or the words; the prose is the notes."""

from __future__ import annotations

import base64
import html
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
from chapters import pictures, tagged, together, words
from markdown_it import MarkdownIt

from twofold.files import write_text

ROOT = Path(__file__).resolve().parents[1]
ORDER = ("00", "01", "02", "05", "15", "11", "13", "18")  # chapters of the 90 minutes
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>twofold</title>
<link rel="stylesheet" href="reveal/reset.css"><link rel="stylesheet" href="reveal/reveal.css">
<link rel="stylesheet" href="reveal/theme/white.css"><link rel="stylesheet" href="deck.css"></head>
<body><div class="reveal"><div class="slides">
"""
FOOT = """</div></div>
<script src="reveal/reveal.js"></script><script src="reveal/notes.js"></script>
<script>
Reveal.initialize({width: 1600, height: 900, margin: 0.03, hash: true, slideNumber: true, plugins: [RevealNotes]});
</script>
</body></html>
"""


def reveal() -> Path:
    """The folder of reveal.js that pip brought."""
    return Path(find_spec("sphinx_revealjs").origin).parent / "_static" / "revealjs"


def unlinked(text: str) -> str:
    """A text whose links into the course are words: slides are shown, not browsed.

    >>> unlinked("see [01](01_the_curse.ipynb) and [the paper](https://arxiv.org)")
    'see 01 and [the paper](https://arxiv.org)'
    """
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", text)


def section(title: str, body: str, notes: str = "") -> str:
    aside = f'<aside class="notes">{MARKDOWN.render(unlinked(notes))}</aside>' if notes else ""
    return f"<section><h2>{html.escape(title)}</h2>\n{body}\n{aside}</section>\n"


def body_of(cell: Any, place: Path, stem: str, current: bool) -> str:
    """What a slide shows of a cell: the figure that it kept, else what it drew, else its words.

    Parameters
    ----------
    cell : with outputs.
    place : folder of the slides.
    stem : name of a picture that has no file of its own.
    current : whether the kept figures are of this code.
    """
    kept = re.search(r'save_figure\(\w+, "(\w+)"', cell.source)
    file = ROOT / "figures" / "embedded" / f"{kept[1]}.png" if kept and current else None
    if file and file.is_file():
        shutil.copy(file, place / file.name)
        return f'<img src="{file.name}" alt="{kept[1]}">'
    if drawn := pictures(cell):
        (place / f"{stem}.png").write_bytes(base64.b64decode(drawn[-1]))
        return f'<img src="{stem}.png" alt="{stem}">'
    return f"<pre>{html.escape(words(cell))}</pre>"


def slides_of(written: Path, done: Path, place: Path) -> list[str]:
    """The slides of a notebook: its question, then one for each tagged cell, with all prose since the slide before as notes.

    Parameters
    ----------
    written, done : as in ``chapters.together``; where the full run is of other code, the notebook's own small run is shown.
    place : folder of the slides.
    """
    book, current = together(written, done)
    book = book if current else nbformat.read(written, 4)  # the tags are of these cells
    cells = [cell for cell in book.cells if not tagged(cell, "injected-parameters")]
    if not any(tagged(cell, "slide") for cell in cells):
        return []
    first = cells[0].source
    question = re.search(r"\*\*Question\.\*\*(.+?)(?=\n\n|\Z)", first, re.DOTALL)
    made = [section(first.splitlines()[0].lstrip("# "), MARKDOWN.render(unlinked(question[1].strip()) if question else ""))]
    title, notes = "", []
    for i, cell in enumerate(cells):
        if cell.cell_type == "markdown" and i:
            heading = re.search(r"^#+ (.+)$", cell.source, re.MULTILINE)
            title = heading[1] if heading else title
            notes.append(cell.source)
        elif tagged(cell, "slide"):
            made.append(section(title, body_of(cell, place, f"{written.stem}-{i:02d}", current), "\n\n".join(notes)))
            notes = []
    return made


def slides(place: Path) -> Path:
    """Write the slides; returns their folder."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(reveal() / "dist", place / "reveal", ignore=shutil.ignore_patterns("*.map"))
    shutil.copy(reveal() / "plugin" / "notes" / "notes.js", place / "reveal")
    shutil.copy(ROOT / "site" / "static" / "deck.css", place)
    promise = "An anomaly detector learned what is normal with one camera. It meets another."
    parts = [section("twofold", f"<p>{promise}</p>")]
    for number in ORDER:
        for path in sorted((ROOT / "notebooks").glob(f"{number}_*.ipynb")):
            made = slides_of(path, ROOT / "figures" / "embedded" / path.name, place)
            parts.append("<section>" + "".join(made) + "</section>\n" if made else "")
    write_text(place / "index.html", HEAD + "".join(parts) + FOOT)
    return place
