"""The sliders of a notebook as pictures, one a place of the slider: they move on a page that has no kernel behind it."""

from __future__ import annotations

import contextlib
import html
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat
from threadpoolctl import threadpool_limits

from twofold.lessons import the_curse
from twofold.lessons.reproduce import preset_parameters, sources

CHAPTER, CALL = "01_the_curse", "scenes.slide("  # the sliders that need neither networks nor runs, and how they are asked for


class Recorder:
    """Stands in for ``the_curse.slide``: draws every place, and hands on the last drawing."""

    def __init__(self, folder: Path, stem: str) -> None:
        self.folder, self.stem, self.sliders = folder, stem, []

    def __call__(self, draw: Any, name: str, values: Sequence[Any], shown: Any = None, size: tuple = (3.8, 4.2)) -> Any:
        from matplotlib import pyplot

        words = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
        files = [f"{self.stem}-{len(self.sliders)}-{i:02d}.png" for i in range(len(values))]
        for value, file in zip(values, files, strict=True):
            figure, ax = pyplot.subplots(figsize=(1.4 * size[0], 1.4 * size[1]))
            draw(value, ax)
            the_curse.name_marks(figure)
            figure.savefig(self.folder / file, dpi=100)
            pyplot.close(figure)
        self.sliders.append((name, words, files))
        return figure


def record(path: Path, folder: Path, preset: str = "embedded") -> list[str]:
    """Draw the sliders of a notebook with the notebook's own cells.

    Parameters
    ----------
    path : of the notebook.
    folder : for the pictures.
    preset : whose parameters it is given.

    Returns
    -------
    For each of its sliders, in order, the HTML that moves it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recorder, namespace = Recorder(folder, path.stem), {"In": [], "display": lambda *_: None}
    with (
        tempfile.TemporaryDirectory() as away,
        patch.object(the_curse, "slide", recorder),
        contextlib.redirect_stdout(io.StringIO()),
        threadpool_limits(1),
    ):
        given = {**preset_parameters(preset, path.stem), "figures": away, "runs": f"{away}/runs"}
        code = sources(path, given)
        for i, source in enumerate(code):
            if i < 3 or CALL in source:  # its parameters, ours, its imports
                exec(compile(source, path.name, "exec"), namespace)  # our own notebook, as Jupyter would run it
    return [widget(*slider, f"../_static/{folder.name}") for slider in recorder.sliders]


def widget(name: str, words: Sequence[str], files: Sequence[str], folder: str) -> str:
    """A slider and the picture it changes; without scripts its first picture stays.

    >>> widget("K", ["2", "3"], ["a.png", "b.png"], "..").count("a.png")
    2
    """
    places = html.escape(json.dumps([[word, f"{folder}/{file}"] for word, file in zip(words, files, strict=True)]))
    return (
        f'<figure class="frames" data-name="{html.escape(name)}" data-places="{places}">\n'
        f'<img src="{folder}/{files[0]}" alt="{html.escape(name)} = {words[0]}">\n'
        f'<label>{html.escape(name)} <input type="range" min="0" max="{len(files) - 1}" value="0"> '
        f"<output>{words[0]}</output></label>\n</figure>"
    )


def insert(book: Any, sliders: Sequence[str]) -> None:
    """Put each slider below the cell that asks for it, in place of the stills that it printed there."""
    asking = [i for i, cell in enumerate(book.cells) if cell.cell_type == "code" and CALL in cell.source]
    for i, slider in reversed(list(zip(asking, sliders, strict=True))):
        book.cells[i].outputs = []
        book.cells.insert(i + 1, nbformat.v4.new_markdown_cell(slider, id=f"slider-{i}"))
