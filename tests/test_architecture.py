"""The file list is the architecture: imports go down only, files and functions stay short."""

import ast
import io
import tokenize
from pathlib import Path

import pytest

import twofold

ROOT = Path(twofold.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# floors from the ground up: a file imports from its own floor or below
FLOORS = [
    {"errors", "files", "compute", "progress"},
    {"parts", "data", "plots"},
    {"networks"},
    {"methods"},
    {"runs"},
    {"results", "deploy", "doctor", "flags"},
    {"lessons", "commands"},
    {"cli"},
    {"__main__"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
CODE_LINES_A_FILE, CODE_LINES_A_FUNCTION = 250, 50


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Modules of this package that a file imports, wherever in the file, as dotted paths below ``twofold``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "twofold":
            module = node.module.removeprefix("twofold").lstrip(".")
            found |= {".".join(filter(None, (module, alias.name))) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("twofold.") for alias in node.names if alias.name.startswith("twofold.")}
    return found


def code_lines(path: Path) -> set[int]:
    """Line numbers that hold code: no docstring, no comment, no blank line."""
    text = path.read_text("utf-8")
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path):
    room = room_of(path)
    if room == "__init__":
        assert not imported(path), "twofold/__init__.py imports on first use alone"
        return
    above = {name for name in imported(path) if FLOOR_OF.get(name.split(".")[0], 99) > FLOOR_OF[room]}
    beside = set()
    if len(FLOORS[FLOOR_OF[room]]) > 1 and FLOOR_OF[room] > 0:  # rooms of one floor do not know each other
        beside = {name for name in imported(path) if name.split(".")[0] in FLOORS[FLOOR_OF[room]] - {room}}
    assert not above | beside


def test_every_room_has_a_floor():
    assert {room_of(path) for path in FILES} - {"__init__"} == set(FLOOR_OF)


def test_no_method_imports_another_method_and_the_loop_imports_no_part():
    shared = {"base", "training", "eyes", "background"}
    for path in (ROOT / "methods").glob("*.py"):
        if path.stem == "__init__":
            continue
        others = {name.split(".")[1] for name in imported(path) if name.startswith("methods.")}
        assert others <= shared, path.name
    assert not {name for name in imported(ROOT / "methods" / "training.py") if name.startswith("parts")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_private_name_is_imported(path):
    assert not [name for name in imported(path) if any(part.startswith("_") for part in name.split("."))]


def test_the_sealed_answers_enter_no_method():
    assert all(not name.startswith("data.tasks") for path in (ROOT / "methods").glob("*.py") for name in imported(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path):
    lines = code_lines(path)
    assert len(lines) <= CODE_LINES_A_FILE
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef):
            own = [line for line in lines if node.lineno <= line <= node.end_lineno]
            assert len(own) <= CODE_LINES_A_FUNCTION, node.name
