"""The report page: one document for people that needs nothing else, says what it does not know, and trusts no text."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from msray.backtest.config import BacktestConfig
from msray.backtest.follower import SignalFollower
from msray.backtest.page import report_page
from msray.backtest.page.charts import MOST_MARKS
from msray.backtest.portfolio import Trade
from msray.backtest.report import make_report
from msray.backtest.result import EquityPoint
from msray.backtest.run import backtest
from msray.backtest.strategy import Strategy
from msray.feeds.replay import open_replay
from msray.feeds.tapes import read_tapes
from msray.market import Side
from msray.prediction import CalibrationConfig, DetectionConfig
from tests.backtest.made import depth, gap, records, snapshot, tape
from tests.backtest.planted import leaning_market

SECOND = 1_000_000_000
EXITS = {"profit_target_pct": 0.002, "stop_loss_pct": 0.0015, "max_holding_seconds": 15.0}
CONFIG = BacktestConfig(fee_rate=0.0002, **EXITS)
SECTIONS = ["equity", "prices", "trades", "costs", "signals", "trials", "book", "learned", "sources"]
VOID = {"meta", "br"}
HOSTILE = "</td><script>alert('x')</script>\"onload=\x00\ud800\u202e&amp;"
HOSTILE_SYMBOL = "<img\"onerror='alert(1)'>&amp;\u202e"


class Reader(HTMLParser):
    """Reads a page as a browser would, and refuses what is out of place."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append((self.open[-1] if self.open else "", data))

    @property
    def text(self) -> str:
        return " ".join(word for tag, word in self.words if tag != "style")

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def page_of(report, tapes, **words) -> Reader:
    page = report_page(report, tapes, **words)
    page.encode()
    assert len(page) < 1_000_000
    reader = Reader(page)
    assert not re.search(r"\b(nan|NaN|inf|None)\b", reader.text)
    assert not [value for value in reader.values("d") if re.search("nan|inf", value)]
    return reader


@pytest.fixture(scope="module")
def recorded(data_dir):
    replay = open_replay([data_dir / "binance_2024-08-08_multi_venue/usdm/btcusdt_20240808.gz"])
    words = DetectionConfig(bar_ms=100, arl0=600, calibration=CalibrationConfig(bars=600, delay_bars=10))
    tapes = read_tapes(replay, words)
    config = BacktestConfig(
        clock_correction_ms=1280, profit_target_pct=0.0005, stop_loss_pct=0.0003, max_holding_seconds=20
    )
    return backtest(tapes, config), tapes


@pytest.fixture(scope="module")
def recorded_page(recorded):
    return page_of(*recorded, run_id="20240808-235416-3fa2c1")


@pytest.fixture(scope="module")
def planted():
    tapes = [leaning_market(7, follows=True, episodes=12)]
    return backtest(tapes, CONFIG), tapes


def test_a_page_needs_nothing_from_elsewhere_and_has_no_script(recorded_page):
    links = [v for _, name, v in recorded_page.attributes if name in ("href", "src", "srcset", "action", "poster")]
    style = "".join(word for tag, word in recorded_page.words if tag == "style")

    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert not re.search(r"url\(|@import|expression", style + " ".join(recorded_page.values("style")))
    assert "script" not in recorded_page.tags
    assert not [name for _, name, _ in recorded_page.attributes if name.startswith("on")]
    assert "default-src 'none'" in " ".join(recorded_page.values("content"))


def test_all_sections_are_there_and_can_be_gone_to(recorded_page):
    ids = recorded_page.values("id")

    assert ids == SECTIONS
    assert [link for link in recorded_page.values("href") if link.startswith("#")] == [f"#{name}" for name in ids]


def test_the_verdict_comes_first_and_figures_have_their_rivals_beside_them(recorded, recorded_page):
    report, _ = recorded
    text = recorded_page.text
    places = [text.index(words) for words in ("Backtest of", report.verdict, "Net return", "Equity and drawdown")]

    assert places == sorted(places)
    head = text[: places[-1]]
    for words in (
        "95% interval",
        "best of 27 trials",
        "random times",
        "all ",
        "random alarms",
        "DSR",
        "PBO",
        "27 trials",
    ):
        assert words in head


def test_a_run_says_its_id_its_time_its_seed_and_its_recordings(recorded_page):
    for words in ("20240808-235416-3fa2c1", "2024-08-08 23:54", "UTC", "seed 0", "binance_usdm:BTCUSDT", "27,857"):
        assert words in recorded_page.text


def test_drawings_and_tables_say_what_they_are_to_those_who_do_not_see_them(recorded_page):
    drawings = [
        name for tag, name, _ in recorded_page.attributes if tag == "svg" and name in ("aria-label", "aria-hidden")
    ]

    assert recorded_page.values("lang") == ["en"]
    assert recorded_page.tags["title"] > 1  # of the page, and of marks
    assert len(drawings) == recorded_page.tags["svg"]
    assert recorded_page.tags["caption"] == recorded_page.tags["table"]
    assert set(recorded_page.values("scope")) == {"col", "row"}


def test_the_same_report_gives_the_same_page(recorded):
    assert report_page(*recorded) == report_page(*recorded)


def test_every_closed_trade_is_marked_by_what_ended_it(planted):
    report, tapes = planted
    page = page_of(report, tapes)
    classes = Counter(page.values("class"))

    for group in report.by_reason:
        assert classes[f"{group.name} solid"] == 2 * group.trades + 2  # wide and narrow, and two legends


def test_no_text_of_a_user_becomes_a_tag(planted):
    class Hostile(SignalFollower):
        def _leave(self, episode, reason, desk):
            super()._leave(episode, HOSTILE, desk)

    (plain,) = planted[1]
    instrument = replace(plain.instrument, symbol=HOSTILE_SYMBOL)
    signals = tuple(replace(one, instrument=instrument.id, signal_type=one.signal_type) for one in plain.signals)
    made = replace(plain, instrument=instrument, signals=signals)

    report = backtest([made], CONFIG, strategy=Hostile)
    page = page_of(report, [made], run_id=HOSTILE)

    assert len(report.result.trades) > 3
    ours = page_of(*planted)
    assert set(page.tags) == set(ours.tags)
    assert {name for _, name, _ in page.attributes} == {name for _, name, _ in ours.attributes}
    assert "alert('x')" in page.text
    assert instrument.id.replace("\u202e", "\ufffd") in page.text
    assert not set("\x00\ud800\u202e") & set(page.text)


def test_an_empty_backtest_says_why_each_figure_is_missing():
    made = [tape(records())]
    page = page_of(backtest(made, CONFIG), made)

    assert page.values("id") == SECTIONS
    for words in (
        "nothing can be said of an edge",
        "no message was recorded",
        "not defined: no trade was closed",
        "not defined: no signal could be judged",
        "not defined: no move of 0.200% was recorded",
        "not defined: equity never moved",
        "not defined: fewer than 5 closed trades",
        "not defined: fewer than 10 judged signals",
        "No price was ever known",
    ):
        assert words in page.text


class Once(Strategy):
    """Buys after two seconds, sells after four."""

    def on_start(self, desk):
        desk.wake_at(2 * SECOND, 1)
        desk.wake_at(4 * SECOND, 2)

    def on_time(self, token, desk):
        side = Side.BUY if token == 1 else Side.SELL
        desk.place(desk.instruments[0].id, side, 1, reason="because")


def small_market():
    quotes = [depth(second * SECOND, (0, 99 - second % 2, 5), (0, 98, 4 + second)) for second in range(1, 10)]
    return tape(records(snapshot(SECOND // 2, {99: 5, 98: 4}, {101: 5, 102: 4}), *quotes[:6], gap(7 * SECOND)))


def test_one_trade_is_reported_and_nothing_is_said_of_an_edge():
    made = [small_market()]
    page = page_of(backtest(made, CONFIG, strategy=lambda _: Once()), made)

    assert "too few to say anything of an edge" in page.text
    assert "because" in page.text
    assert "1 of 1 trades" in page.text
    assert "gap of the recording" in page.text


def test_without_tapes_the_figures_are_there_and_the_pictures_say_why_not(planted):
    page = page_of(planted[0], [])

    assert "No tape at hand" in page.text
    assert "not defined: no tape at hand" in page.text
    assert planted[0].verdict in page.text


def test_a_page_stays_small_whatever_was_traded(planted):
    report, (plain,) = planted
    rng = np.random.default_rng(5)
    instruments = [replace(plain.instrument, symbol=f"X{number}") for number in range(6)]
    times = np.sort(rng.integers(report.begin_ns, report.end_ns - SECOND, 6000))
    trades = [made_trade(instruments[n % 6].id, int(at), rng, f"reason {n}") for n, at in enumerate(times)]
    at_ns = np.linspace(report.begin_ns, report.end_ns, 200_000).astype(np.int64).tolist()
    equity = (10_000 + np.cumsum(rng.normal(size=200_000))).tolist()
    result = replace(
        report.result,
        instruments=tuple(instruments),
        trades=tuple(trades),
        equity=tuple(map(EquityPoint, at_ns, equity)),
    )
    busy = make_report(result, report.signals, report.trials, events=1, begin_ns=report.begin_ns, end_ns=report.end_ns)

    page = page_of(busy, [replace(plain, instrument=one) for one in instruments])

    assert f"the {MOST_MARKS} with the largest net results" in page.text
    assert "and 5,950 more" in page.text
    assert "2 more instruments" in page.text


def made_trade(instrument: str, at_ns: int, rng, reason: str) -> Trade:
    net = float(rng.normal())
    return Trade(
        instrument=instrument,
        side=1 if net > 0 else -1,
        entry_ns=at_ns,
        exit_ns=at_ns + SECOND,
        size=0.123,
        entry_price=2000 + float(rng.normal()),
        exit_price=2000 + float(rng.normal()),
        gross=net + 0.1,
        fees=0.1,
        funding=0.0,
        net=net,
        net_return=net / 1000,
        reason=reason,
    )
