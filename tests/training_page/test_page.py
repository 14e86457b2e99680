"""The page of a training: one file, nothing from elsewhere, every part of it there."""

import dataclasses
import re

import numpy as np

from msray.training_page.page import train_page
from tests.training.made import a_report
from tests.tuning.test_page import Page


def test_the_page_stands_alone_and_shows_every_part() -> None:
    report = a_report()

    text = train_page(report, run_id="20240808-235416-3fa2c1")

    page = Page(text)
    words = "".join(page.words)
    assert page.open == []
    assert report.verdict in words
    assert not re.search(r"(src|href)=\"(?!#)|url\(|@import|<script", text)
    assert not re.search(r"\bnan\b|\binf\b", re.sub(r"<style.*?</style>", "", text), flags=re.IGNORECASE)
    for part in ("figures", "learning", "calibration", "confusion", "edge", "sources"):
        assert f'<section id="{part}">' in text
    for name in ("majority", "persistence", "mean reversion", "imbalance", "gru", "lstm", "ensemble"):
        assert f">{name}</th>" in text
    for label in ("Learning of gru", "Macro F1 at 2 rows", "Calibration", "Risk and coverage", "Edge at 5 rows"):
        assert f'aria-label="{label}"' in text


def test_what_sets_promised_is_shown_beside_what_came() -> None:
    report = a_report()
    best = report.selection.best
    scores = {one.name: one.test for one in report.selection.blends}
    part = report.problem.parts.test
    truth = report.problem.of(part)[slice(*part)]
    held = report.selection.mixtures[best].say(scores).possible

    text = "".join(Page(train_page(report)).words)

    assert "hold the true one in 90" not in text
    for column, one in enumerate(report.selection.covered[best]):
        known = truth[:, column] >= 0
        for blend in report.selection.blends:
            known &= np.isfinite(blend.test[:, column]).all(axis=1)
        came = held[known, column][np.arange(known.sum()), truth[known, column]].mean()
        assert (one.promised, one.came, one.rows) == (0.9, came, known.sum())
        assert one.classes == held[known, column].sum(axis=1).mean()
        assert one.rows == report.selection.report.of(best)[column].rows
        shown = f"{one.horizon} rows ahead90.0%{one.came:.1%}{one.followed:.1%}{one.classes:.2f}"
        assert shown in text.replace(" %", "%")
    assert report.as_dict()["covered"][best][0]["came"] == report.selection.covered[best][0].came


def test_the_same_report_gives_the_same_page() -> None:
    assert train_page(a_report()) == train_page(a_report())


def test_a_name_cannot_become_a_tag_and_no_sets_are_said() -> None:
    report = a_report()
    mixtures = {name: dataclasses.replace(one, sets=None) for name, one in report.selection.mixtures.items()}
    selection = dataclasses.replace(report.selection, mixtures=mixtures)

    text = train_page(dataclasses.replace(report, instruments=("x:<script>",), selection=selection))

    assert "x:&lt;script&gt;" in text
    assert "a class came too rarely to promise anything" in text
