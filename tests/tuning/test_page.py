"""The page of a search: one file, nothing from elsewhere, every part of it there."""

import re
from html.parser import HTMLParser

import pytest

from msray.tuning import tune_page
from tests.tuning.made import made


class Page(HTMLParser):
    """Tags as they open and close; text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("words", [{}, {"found": -1e-3}, {"objective": "sharpe"}, {"trades": 0, "earlier": 3}])
def test_the_page_stands_alone_and_shows_every_part(words: dict) -> None:
    report = made(**words)

    text = tune_page(report, run_id="20240808-235416-3fa2c1")

    page = Page(text)
    assert page.open == []
    assert report.verdict in "".join(page.words)
    assert not re.search(r"(src|href)=\"(?!#)|url\(|@import|<script", text)
    assert "nan" not in re.sub(r"<style.*?</style>", "", text).lower().replace("finan", "")
    for part in ("held-out", "trials", "parameters", "folds", "luck"):
        assert f'<section id="{part}">' in text
    for name in report.space:
        assert f"Score by {name}" in text
    for role in ("train", "test", "purged", "embargoed"):
        assert f'class="{role}"' in text


def test_the_same_report_gives_the_same_page() -> None:
    assert tune_page(made()) == tune_page(made())


def test_what_a_strategy_says_cannot_become_a_tag() -> None:
    assert "ValueError: &lt;script&gt;" in tune_page(made())
