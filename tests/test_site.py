"""The site and the slides: built without a network, no link or picture missing, today's prose around the full run's results."""

import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "site"))

import chapters  # noqa: E402
import check  # noqa: E402
import frames  # noqa: E402
import reference  # noqa: E402

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


# what may be wrong with built pages ----------------------------------------------------------------------------------


@pytest.fixture
def built(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top"></h1><a href="b.html#there">b</a><img src="dot.png"><a href="https://x.org">x</a>'
    )
    (tmp_path / "b.html").write_text('<p id="there"></p><a href="a.html">a</a><a href="#there">here</a>')
    (tmp_path / "dot.png").write_bytes(b"")
    return tmp_path


def test_pages_whose_links_lead_somewhere_have_no_fault(built):
    assert check.faults(built) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('<a href="c.html">c</a>', "c.html: no d.html"),
        ('<a href="b.html#nowhere">b</a>', "c.html: no place b.html#nowhere"),
        ('<img src="none.png">', "c.html: no none.png"),
        ('<script src="https://cdn.org/a.js"></script>', "c.html: fetches https://cdn.org/a.js"),
        ('<link rel="stylesheet" href="//cdn.org/a.css">', "c.html: fetches //cdn.org/a.css"),
    ],
)
def test_a_broken_link_a_missing_picture_and_a_fetch_are_named(built, line, fault):
    (built / "c.html").write_text(line.replace("c.html", "d.html"))
    assert check.faults(built) == [fault]


# chapters ------------------------------------------------------------------------------------------------------------


def book(prose: str, code: str, output: str, *tags: str):
    cell = new_code_cell(code, outputs=[new_output("stream", text=output)], execution_count=1, metadata={"tags": list(tags)})
    return new_notebook(cells=[new_markdown_cell(prose), cell])


@pytest.fixture
def pair(tmp_path):
    """Where a notebook and its copy from the full run lie."""
    written, done = tmp_path / "00_a.ipynb", tmp_path / "full.ipynb"
    nbformat.write(book("# new", "print(1)", "small"), written)
    nbformat.write(book("# old", "print(1)", "full"), done)
    return written, done


def test_a_chapter_is_today_s_prose_around_the_full_run_s_results(pair):
    shown, current = chapters.together(*pair)
    assert current
    assert (shown.cells[0].source, chapters.words(shown.cells[1])) == ("# new", "full")


def test_an_exercise_may_change_and_keeps_its_own_output(pair):
    written, done = pair
    for place, words in zip(pair, ("mine", "theirs"), strict=True):
        changed = nbformat.read(place, 4)
        changed.cells += book("", words, words, "exercise").cells[1:]
        nbformat.write(changed, place)
    shown, current = chapters.together(written, done)
    assert current
    assert [chapters.words(cell) for cell in shown.cells[1:]] == ["full", "mine"]


def test_results_of_other_code_are_shown_with_their_own_prose_and_a_notice(pair):
    written, done = pair
    nbformat.write(book("# new", "print(2)", "small"), written)
    assert chapters.together(written, done)[0].cells[0].source == "# old"
    page = chapters.chapter(written, done, {})
    assert "older than its code" in page.cells[1].source
    assert chapters.words(page.cells[2]) == "full"


def test_a_notebook_without_a_full_run_shows_its_small_one_and_says_so(pair):
    written, done = pair
    page = chapters.chapter(written, done.with_name("none"), {})
    assert "small run" in page.cells[1].source
    assert chapters.words(page.cells[2]) == "small"


def test_code_that_draws_or_sets_up_is_folded_and_other_code_is_not(pair):
    written, done = pair
    cells = [new_code_cell(source) for source in ("x = 1", "study = twofold.Study(globals(), 'a')", "draw()")]
    cells[2].outputs = [new_output("display_data", data={"image/png": PNG})]
    for place in (written, done):
        nbformat.write(new_notebook(cells=[new_markdown_cell("# a"), *cells]), place)
    folded = [chapters.tagged(cell, chapters.FOLDED) for cell in chapters.chapter(written, done, {}).cells[1:]]
    assert folded == [False, True, True]


def test_the_list_of_old_results_is_read_with_its_reasons(tmp_path):
    (tmp_path / "STALE").write_text("00_a: made before: that\n")
    assert chapters.told(tmp_path / "STALE") == {"00_a": "made before: that"}
    assert chapters.told(tmp_path / "none") == {}


@pytest.mark.parametrize("path", sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb")), ids=lambda path: path.stem)
def test_every_notebook_begins_with_a_question(path):
    said = chapters.summary(nbformat.read(path, 4))
    assert said["title"]
    assert said["question"].endswith(("?", ".", ")"))


# sliders -------------------------------------------------------------------------------------------------------------


def test_a_slider_has_a_picture_for_every_place(tmp_path):
    recorder = frames.Recorder(tmp_path, "01")
    recorder(lambda value, ax: ax.plot([0, value]), "share", [0.1, 0.25])
    recorder(lambda value, ax: ax.plot([0, value]), "K", [2, 3, 4])
    (_, shares, files), (_, places, _) = recorder.sliders
    assert (shares, places) == (["0.1", "0.25"], ["2", "3", "4"])
    assert len(list(tmp_path.glob("*.png"))) == 5
    assert (tmp_path / files[0]).read_bytes() != (tmp_path / files[1]).read_bytes()


def test_sliders_stand_below_their_cells_in_place_of_the_stills():
    shown = new_notebook(
        cells=[new_code_cell(f"{frames.CALL}a)", outputs=[new_output("stream", text="stills")]), new_markdown_cell("b")]
    )
    frames.insert(shown, ["<figure>"])
    assert [cell.source for cell in shown.cells] == [f"{frames.CALL}a)", "<figure>", "b"]
    assert not shown.cells[0].outputs
    with pytest.raises(ValueError, match="zip"):
        frames.insert(shown, ["<figure>", "<figure>"])


# the reference -------------------------------------------------------------------------------------------------------


def test_every_file_of_the_package_is_in_the_reference(tmp_path):
    reference.write(tmp_path)
    pages = "".join(page.read_text("utf-8") for page in tmp_path.glob("*.md"))
    package = REPOSITORY / "twofold"
    files = [file.relative_to(package).with_suffix("") for file in package.rglob("[a-z]*.py")]
    assert [str(file) for file in files if f".. automodule:: twofold.{'.'.join(file.parts)}\n" not in pages] == []


# the whole -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The site, built once."""
    for tool in ("sphinx", "myst_nb", "furo"):
        pytest.importorskip(tool, reason="the extra twofold[site] is not installed")
    import course

    course.BUILD = tmp_path_factory.mktemp("build")
    return course.site()


def test_the_site_has_no_broken_link_no_missing_picture_and_asks_for_no_network(whole):
    assert check.faults(whole) == []


def test_the_site_has_every_chapter_its_equations_and_a_search_and_is_small(whole):
    written = {path.stem for path in (REPOSITORY / "notebooks").iterdir() if path.suffix in (".ipynb", ".md")}
    assert {page.stem for page in (whole / "chapters").glob("*.html")} == written
    assert (whole / "_static" / "mathjax" / "tex-chtml-full.js").is_file()
    assert (whole / "searchindex.js").is_file()
    assert sum(file.stat().st_size for file in whole.rglob("*") if file.is_file()) < 60e6


def test_the_first_chapter_of_points_has_its_sliders(whole):
    assert (whole / "chapters" / "01_the_curse.html").read_text("utf-8").count('class="frames"') == 2


@pytest.mark.parametrize("path", sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb")), ids=lambda path: path.stem)
def test_the_chapters_of_the_90_minutes_have_slides_and_no_other_has(path):
    deck = pytest.importorskip("deck", reason="the extra twofold[site] is not installed")
    cells = nbformat.read(path, 4).cells
    shown = [cell for cell in cells if chapters.tagged(cell, "slide")]
    assert bool(shown) == (path.stem[:2] in deck.ORDER)
    assert all(chapters.pictures(cell) or chapters.words(cell) for cell in shown)


def test_slides_are_the_tagged_cells_with_the_prose_as_notes(tmp_path, pair):
    pytest.importorskip("sphinx_revealjs", reason="the extra twofold[site] is not installed")
    import deck

    written, done = pair
    shown = book("# A\n\n**Question.** Why?", "print(1)", "full", "slide")
    shown.cells.insert(1, new_markdown_cell("## Look\n\nthe prose"))
    for place in pair:
        nbformat.write(shown, place)
    first, second = deck.slides_of(written, done, tmp_path)
    assert "Why?" in first
    assert "<h2>Look</h2>" in second
    assert "full" in second
    assert "the prose" in second.split("<aside")[1]
    shutil.copy(written, done)
    nbformat.write(book("# A", "print(1)", "full"), written)
    assert deck.slides_of(written, done, tmp_path) == []
