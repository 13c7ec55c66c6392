"""A page a room from the docstrings, in the order of the package's map."""

from __future__ import annotations

import re
from pathlib import Path

import twofold


def rooms() -> dict[str, str]:
    """Room -> what it is, from the map in the package's docstring."""
    _, table, _ = re.split(r"^=+ +=+$", twofold.__doc__, flags=re.MULTILINE)
    return dict(re.split(r" +", line.strip(), maxsplit=1) for line in table.strip().splitlines())


def modules(room: str) -> list[str]:
    """The dotted names of a room's files, the room itself first."""
    place = Path(twofold.__file__).parent / room
    inside = sorted(file.relative_to(place).with_suffix("").parts for file in place.rglob("[a-z]*.py"))
    return [f"twofold.{room}", *(f"twofold.{room}.{'.'.join(parts)}" for parts in inside)]


def page(room: str, what: str) -> str:
    """A room's page in Markdown."""
    parts = [f"# {room}", what[0].upper() + what[1:] + "."]
    for name in modules(room):
        if name != f"twofold.{room}":
            parts.append(f"## {name.removeprefix(f'twofold.{room}.')}")
        parts.append(f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```")
    return "\n\n".join(parts) + "\n"


def write(folder: Path) -> None:
    """All pages and their index."""
    folder.mkdir(parents=True, exist_ok=True)
    known = rooms()
    for room, what in known.items():
        (folder / f"{room}.md").write_text(page(room, what), "utf-8")
    table = "\n".join(f"| [{room}]({room}.md) | {what} |" for room, what in known.items())
    tree = "```{toctree}\n:hidden:\n\n" + "\n".join(known) + "\n```"
    text = (
        f"# Reference\n\nA room imports only from those above it.\n\n| room | what is in it |\n|---|---|\n{table}\n\n{tree}\n"
    )
    (folder / "index.md").write_text(text, "utf-8")
