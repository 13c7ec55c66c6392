"""The paper's recipe beside ours on networks that pip brings: the table by hand, and the committed one from its rows."""

import io
from pathlib import Path

import pandas as pd
import pytest
from given import around, together

from twofold.lessons.paper_on_wheels import METHODS, planned, tables
from twofold.results.statistics import as_frame
from twofold.runs.rows import TABLE, Known

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "figures" / "embedded"


def test_a_row_a_recipe_has_its_levels_its_lead_and_how_often_no_negative_was_met():
    levels = {"paper": (80.0, 60.0, 62.0), "embedded": (80.0, 61.0, 70.0)}
    frame = together(
        *(
            around(name, level, preset=preset, fallback_steps=5, steps={"paper": 20, "embedded": 30}[preset])
            for preset, of_recipe in levels.items()
            for name, level in zip(METHODS, of_recipe, strict=True)
        )
    )
    found = tables(frame)
    paper, ours = pd.read_csv(io.StringIO(found["paper_on_wheels.csv"]), dtype=str).to_dict("records")
    assert (paper["source_only"], paper["twofold"], ours["twofold"]) == (
        "60.0 (classes 1.4)",
        "62.0 (classes 1.4)",
        "70.0 (classes 1.4)",
    )
    assert paper["twofold over source_only"] == "above, +2.0 points [+2.0, +2.0]"
    assert paper["over the other recipe"] == "below, -8.0 points [-8.0, -8.0]"
    assert (paper["steps without a negative"], ours["steps without a negative"]) == ("25%", "17%")
    assert "3 verdicts" in found["paper_on_wheels.md"]


def test_the_recipes_share_their_networks_and_nothing_else_is_shortened():
    paper, ours = (
        next(c for c in planned() if c.preset == preset and c.method == "twofold") for preset in ("paper", "embedded")
    )
    for field in ("backbone", "backbone_size_px", "encoder", "encoder_size_px"):
        assert getattr(paper.networks, field) == getattr(ours.networks, field)
    assert set(paper.changed) == {"backbone", "backbone_size_px", "encoder", "encoder_size_px", "steps"}
    assert ours.changed == {}
    assert paper.networks.frozen_stages == 0
    assert (paper.recipe.batch_size, paper.settings.normalize_features) == (256, False)


@pytest.fixture(scope="module")
def rows():
    return Known(REPOSITORY / TABLE).among(planned())


def test_the_committed_table_is_what_the_committed_rows_make(rows):
    assert len(rows) == len(planned())
    for name, text in tables(as_frame(list(rows.values()), ["steps"])).items():
        assert (FOLDER / name).read_text("utf-8") == text, f"make {name} anew: python -m twofold.lessons.paper_on_wheels"
