"""The report: one page that asks for nothing else, says what the detector says, and does no harm by any name."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from odd_folder import NAMES

from twofold.data.reading import printable
from twofold.deploy import report
from twofold.deploy.report import histogram, report_page, together_words
from twofold.deploy.thresholds import line_of
from twofold.deploy.thumbnails import Thumbnails
from twofold.deploy.trust import Trust

VOID = {"meta", "img", "br", "rect"}


class Page(HTMLParser):
    """Tags in order, every address that a page names, its text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.addresses, self.text = [], [], [], ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


class Told:
    """What a report asks of a detector, without one."""

    def __init__(self, scores, names=(), weak=False, skipped=None, pictures=True, rule="all_conformal"):
        self.held_out_, self.source_scores_, self.n_source_ = np.asarray(scores, float), np.linspace(-1, 1, 9), 9
        self.line_ = line_of(rule, self.held_out_[: len(scores) - 2], 0.1)
        self.trust_ = Trust(8, (0.0, 0.2), 0.5, 0.5, 0.3, 1, 0.4, weak)
        self.skipped_ = {"source": {}, "target": skipped or {}}
        n = len(names)
        small = np.random.default_rng(0).integers(0, 256, (n, 3, 64, 64), dtype=np.uint8)
        self.thumbnails_ = Thumbnails(small, tuple(names), n * ("central",), tuple(np.zeros(n))) if pictures else None
        self.config_ = type("Config", (), {"name": "a<b>"})

    def fitted(self):
        return type("Method", (), {"size_px": 128})

    def p_value(self, scores):
        return self.line_.p_value(scores)

    @property
    def threshold_(self):
        return self.line_.threshold


SCORES = np.append(np.linspace(-1, 1, 30), [7.0, 9.0])


def test_a_fitted_detector_reports_before_and_after_its_file_alike(fitted, tmp_path):
    detector = fitted("pooled_gaussian")
    detector.save(tmp_path / "d")
    page = report_page(detector)
    assert report_page(type(detector).load(tmp_path / "d", "cpu")) == page
    n = int(detector.labels_.sum())
    assert f"{n or 'None'} of 44 unlabelled pictures" in page
    shown = Page(page)
    assert shown.tags.count("img") == len(detector.thumbnails_.ids)
    for words in (*detector.trust_.words(), detector.line_.promise, "source, 60 pictures", "target, 44 pictures"):
        assert words in shown.text


def test_a_page_asks_for_nothing_and_runs_nothing():
    page = Page(report_page(Told(SCORES, ["a.png", "b.png"], skipped={"c.png": "cut"})))
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    text = report_page(Told(SCORES, ["a.png"]))
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|https?:", text)


def test_no_name_and_no_reason_does_harm():
    page = report_page(Told(SCORES, NAMES, skipped={name: f"<b>{name}</b>" for name in NAMES}))
    shown = Page(page)  # every tag is closed where it should be
    assert shown.tags.count("b") == 5  # ours
    assert shown.tags.count("img") == len(NAMES)
    assert not any(ord(character) < 32 and character != "\n" for character in page)
    assert "\u202e" not in page
    flat = " ".join(shown.text.split())
    for name in NAMES:
        assert " ".join(printable(name).split()) in flat


def test_what_stands_out_is_the_headline_and_what_does_not_is_said():
    found = Page(report_page(Told(SCORES)))
    assert "4 of 32 unlabelled pictures are above the line" in found.text  # two, and two of thirty
    assert "✕ 4 above the line" in found.text
    calm = Page(report_page(Told(np.linspace(1, -1, 14))))
    assert "None of 14 unlabelled pictures stands out" in calm.text


@pytest.mark.parametrize("weak", [True, False])
def test_a_weak_detector_is_told_above_everything(weak):
    assert ('role="alert"' in report_page(Told(SCORES, weak=weak))) == weak


def test_what_was_skipped_is_named_or_said_to_be_nothing():
    assert "every picture was read" in report_page(Told(SCORES))
    assert "<td>target</td><td>c.png</td><td>cut</td>" in report_page(Told(SCORES, skipped={"c.png": "cut"}))


def test_a_bar_stands_for_its_scores_and_none_is_lost():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=50), rng.normal(1, 3, size=80)
    found = histogram(source, target, 2.0)
    for row, scores in zip(found["rows"], (source, target), strict=True):
        areas = np.array([width * height for _, width, height, _ in row["bars"]])
        shares = areas / areas.sum()
        np.testing.assert_allclose(np.round(shares * len(scores)), shares * len(scores), atol=1e-6)
        assert max(height for _, _, height, _ in row["bars"]) == pytest.approx(100)
        assert all(0 <= left and left + width <= 100 + 1e-9 for left, width, _, _ in row["bars"])
    target_row = found["rows"][1]["bars"]
    above = sum(width * height for _, width, height, role in target_row if role == "anomalous")
    share = above / sum(width * height for _, width, height, _ in target_row)
    assert share == pytest.approx(np.mean(target > 2.0))
    assert all(left + width <= found["line"] + 1e-9 or role == "anomalous" for left, width, _, role in target_row)


def test_a_score_on_the_line_is_not_above_it():
    bars = histogram(np.zeros(1), np.array([0.0, 1.0, 2.0, 3.0]), 2.0)["rows"][1]["bars"]
    assert [role for *_, role in bars] == ["target", "target", "target", "anomalous"]


@pytest.mark.parametrize(
    ("source", "target", "threshold"),
    [([1.0], [1.0], np.inf), ([0.0], [1e30, -1e30], 0.0), ([5.0] * 3, [5.0] * 3, 5.0), ([0.0], [1.0], 99.0)],
)
def test_a_histogram_of_anything_is_drawn(source, target, threshold):
    found = histogram(np.array(source), np.array(target), threshold)
    numbers = [value for row in found["rows"] for bar in row["bars"] for value in bar[:3]] + [at for at, _ in found["ticks"]]
    assert np.isfinite(numbers).all()
    assert (found["line"] is None) == np.isinf(threshold)


def test_weighed_together_is_benjamini_and_hochberg_and_says_what_it_would_take():
    few = Told(SCORES)
    assert "none stands out; of so few pictures that takes 11 beyond all others" in together_words(few)  # 32 / (0.1 * 31)
    many = Told(np.append(np.linspace(-1, 1, 500), [9.0] * 2))
    many.held_out_ = np.append(np.linspace(-1, 0.5, 40), [9.0] * 10)
    assert "10 stand out" in together_words(many)


def test_public_names_resolve():
    assert all(hasattr(report, name) for name in report.__all__)


def test_the_heading_says_that_there_is_no_line():
    text = Page(report_page(Told(np.arange(5.0)))).text
    assert "No line can be drawn from so few pictures" in text
    assert "No line can be drawn at 10 % from 3 scores" in text
    assert "too few pictures to promise that little" in text
    assert "unlabelled pictures stand" not in text
    assert "the line</span>" not in report_page(Told(np.arange(5.0)))
