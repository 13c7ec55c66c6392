"""Build the course's site or its slides from the notebooks, the results of the full run and the docstrings.

``python site/course.py`` leaves ``build/site``, ``python site/course.py slides`` leaves ``build/slides``; both open from disk.
"""

from __future__ import annotations

import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import check
import nbformat
from chapters import chapter, summary, told

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS, RESULTS, BUILD = ROOT / "notebooks", ROOT / "figures" / "embedded", ROOT / "build"
# a link from a page of the repository to a file that no page of the site shows; links to chapters and pictures are turned
FILES = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?:twofold|figures)/(?![^)]*\.png)[^)]*\)")
SECTIONS = {  # heading of the contents -> pages, as far as they are there
    "Teaching": [
        "paths/90_minutes",
        "paths/half_a_day",
        "paths/all",
        "chapters/instructor",
        "chapters/glossary",
        "chapters/notation",
    ],
    "Look up": ["use", "results", "methods", "data", "presets", "deviations", "limits", "house", "api/index"],
}


def mathjax() -> Path:
    """The folder of MathJax that pip brought."""
    return Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"


def toctree(entries: list[str], caption: str) -> str:
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(entries) + "\n```"


def lay_chapters(pages: Path) -> list[str]:
    """Write every chapter and the map of them; returns their entries in the contents."""
    import frames

    entries, rows, stale = [], [], told(RESULTS / "STALE")
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        book = chapter(path, RESULTS / path.name, stale)
        if path.stem == frames.CHAPTER:
            frames.insert(book, frames.record(path, pages / "static" / "frames"))
        nbformat.write(book, pages / "chapters" / path.name)
        name, said = path.stem.replace("_", " "), summary(nbformat.read(path, 4))
        entries.append(f"{name} <chapters/{path.stem}>")
        able = f"\n\nAfterwards you can {said['able']}" if said["able"] else ""
        rows.append(f"## [{name}](chapters/{path.name})\n\n*{said['title']}* {said['question']}{able}\n\n{said['cost']}")
    (pages / "map.md").write_text("# Chapters\n\n" + "\n\n".join(rows) + "\n", "utf-8")
    return entries


def lay_out(pages: Path) -> None:
    """All sources of the site in one folder."""
    import reference

    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "site", pages, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copy(ROOT / "site" / "conf.py", pages)
    (pages / "chapters").mkdir()
    for page in NOTEBOOKS.glob("*.md"):
        shutil.copy(page, pages / "chapters")
    (pages / "figures" / "embedded").mkdir(parents=True)
    for picture in RESULTS.glob("*.png"):
        shutil.copy(picture, pages / "figures" / "embedded")
    scripts = pages / "static" / "mathjax"
    shutil.copytree(mathjax() / "output/chtml/fonts/woff-v2", scripts / "output/chtml/fonts/woff-v2")
    shutil.copy(mathjax() / "tex-chtml-full.js", scripts)
    entries = lay_chapters(pages)
    reference.write(pages / "api")
    for page in pages.rglob("*.md"):
        up = "../" * (len(page.relative_to(pages).parts) - 1)
        text = FILES.sub(r"\1", page.read_text("utf-8")).replace(f"{up}../notebooks/", f"{up}chapters/")
        text = text.replace("](../site/", "](../")  # of the pages beside the notebooks
        page.write_text(text.replace(f"{up}../figures/", f"{up}figures/"), "utf-8")
    trees = [toctree(["map", *entries], "Chapters")]
    for caption, names in SECTIONS.items():
        trees.append(toctree([name for name in names if (pages / f"{name}.md").is_file()], caption))
    index = pages / "index.md"
    index.write_text(index.read_text("utf-8") + "\n" + "\n\n".join(trees) + "\n", "utf-8")


def site() -> Path:
    """Build the site; returns its folder."""
    from sphinx.cmd.build import build_main

    pages, out = BUILD / "pages", BUILD / "site"
    lay_out(pages)
    shutil.rmtree(out, ignore_errors=True)
    if build_main(["-q", "-W", "--keep-going", "-d", str(BUILD / "doctrees"), str(pages), str(out)]):
        sys.exit("the site was not built; mend what the lines above name")
    (out / "objects.inv").unlink()
    return out


def main() -> None:
    if "slides" in sys.argv[1:]:
        import deck

        out = deck.slides(BUILD / "slides")
    else:
        out = site()
    if found := check.faults(out):
        sys.exit("\n".join(found))
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / 1e6
    print(f"{out.relative_to(ROOT)}/index.html: {len(list(out.rglob('*.html')))} pages, {size:.0f} MB")


if __name__ == "__main__":
    main()
