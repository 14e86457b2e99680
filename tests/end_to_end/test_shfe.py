"""Three real days of rebar through the whole chain, against the files as Polars reads them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from msray.book import L2Book
from msray.book import kernels as book_kernels
from msray.cli.app import main
from msray.features import NAMES, FeatureEngineering
from msray.feeds.shfe import find_shfe
from msray.market import DEPTH, GAP, SELL, SNAPSHOT, TRADE, UNSIGNED, Records, concatenate
from msray.prediction import Replayed
from msray.venues import shfe_instrument
from tests.naive.features import oracle
from tests.naive.shfe import trades

FOLDER = "shfe_rb2510_l5"
SOME_ROWS = 4000
"""As many as trying every split has time for."""
DAYS = ("20250605", "20250606", "20250609")
TOP = [f"{side}{what}{rank}" for what in ("", "Size") for side in ("bid", "ask") for rank in range(1, 6)]


class Day(NamedTuple):
    """A file as Polars reads it, and the records."""

    name: str
    rows: pl.DataFrame
    records: Records


@pytest.fixture(scope="module", params=DAYS)
def day(request: pytest.FixtureRequest, data_dir: Path) -> Day:
    path = data_dir / FOLDER / f"rb_{request.param}.parquet"
    ((group,), _) = find_shfe([path])
    parts = [event.records for event in group.events() if isinstance(event, Replayed)]
    assert group.problems == []
    return Day(request.param, pl.read_parquet(path), concatenate(parts))


def shown_after_each_row(day: Day) -> Iterator[list[int]]:
    """The covered book after every row: bid prices, ask prices, bid sizes, ask sizes."""
    book, top = L2Book(shfe_instrument("rb2510")), np.zeros(22, np.int64)
    for message in day.records.messages:
        begin, end = int(message["begin"]), int(message["end"])
        if message["kind"] == SNAPSHOT:
            book.load(day.records.levels[begin:end], int(message["first_id"]))
        elif message["kind"] == DEPTH:
            book.apply(day.records.levels, begin, end)
        else:
            continue
        book_kernels.top(book.arena, 5, top, 0)
        assert top[20:].tolist() == [5, 5], "as many levels as there are ranks, and none beyond the edge"
        yield [*top[:5].tolist(), *top[10:15].tolist(), *top[5:10].tolist(), *top[15:20].tolist()]
    assert book.unknown_deletes == 0


def test_the_book_is_that_of_the_file_after_every_row(day: Day) -> None:
    expected = day.rows.select(pl.col(TOP).cast(pl.Int64)).rows()

    assert [tuple(row) for row in shown_after_each_row(day)] == expected


def test_a_row_is_a_message_and_sessions_begin_with_a_snapshot(day: Day) -> None:
    messages = day.records.messages
    books = messages[np.isin(messages["kind"], (SNAPSHOT, DEPTH))]
    silent = day.rows["epochTime"].diff().fill_null(10**12) > 30_000_000
    begins = day.rows.filter(silent)["updateTime"].to_list()

    assert books["last_id"].tolist() == list(range(1, len(day.rows) + 1))
    assert (books["kind"] == SNAPSHOT).tolist() == silent.to_list()
    assert [text[:5] for text in begins] == ["20:59", "21:00", "08:59", "09:00", "10:30", "13:30"]
    assert (messages["kind"] == GAP).sum() == 6


def test_times_are_those_of_the_file_on_the_day_of_its_clock(day: Day) -> None:
    """By calendar: what the file of a day says of an evening was on the trading day before, a Friday for a Monday."""
    ends = datetime.strptime(day.name, "%Y%m%d").replace(tzinfo=UTC)
    evening = ends - timedelta(days=3 if ends.weekday() == 0 else 1)
    books = day.records.messages[np.isin(day.records.messages["kind"], (SNAPSHOT, DEPTH))]
    said = day.rows["updateTime"].to_list()

    expected = []
    for text in said:
        hours, minutes, seconds = text.split(":")
        date = evening if int(hours) >= 20 else ends
        of_day_ms = (int(hours) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)
        expected.append((int(date.timestamp()) - 8 * 3600) * 10**9 + of_day_ms * 10**6)

    assert books["event_ns"].tolist() == expected
    assert books["local_ns"].tolist() == (day.rows["epochTime"] * 1000).to_list()


def test_trades_are_the_estimate_and_add_up_to_volume_and_amount(day: Day) -> None:
    messages, levels = day.records.messages, day.records.levels
    made = levels[messages["begin"][messages["kind"] == TRADE]]
    silent = (day.rows["epochTime"].diff() > 30_000_000).fill_null(False).to_list()
    volume = day.rows["volume"].cast(pl.Int64).to_list()
    turnover = (day.rows["amount"] / 10).round().cast(pl.Int64).to_list()
    bids, asks = (day.rows[name].cast(pl.Int64).to_list() for name in ("bid1", "ask1"))

    expected = []
    for at in range(1, SOME_ROWS):
        lots, prices = volume[at] - volume[at - 1], turnover[at] - turnover[at - 1]
        expected += trades(lots, prices, bids[at - 1], asks[at - 1], is_known=not silent[at])
    half_spreads = sum(ask - bid for bid, ask in zip(bids, asks, strict=True) if ask - bid > 1) / 2

    assert made[: len(expected)].tolist() == [tuple(one) for one in expected]
    assert int(made["size"].sum()) == volume[-1] - volume[0]
    assert abs(int((made["size"] * made["tick"]).sum()) - (turnover[-1] - turnover[0])) <= half_spreads
    sold, bought = (int(made["size"][made["flags"] == flag].sum()) for flag in (SELL, 0))
    assert 0.45 < sold / (sold + bought) < 0.55
    assert (made["flags"] == UNSIGNED).sum() <= 10


def test_every_feature_is_what_its_formula_says(day: Day) -> None:
    first = int(np.flatnonzero(day.records.messages["kind"] == SNAPSHOT)[1])
    log = day.records[first : first + 1500]
    instrument = shfe_instrument("rb2510")

    found, expected = FeatureEngineering(instrument).transform(log), oracle(instrument, log)

    for name in NAMES:
        np.testing.assert_allclose(found[name], expected[name].to_numpy(), rtol=1e-9, atol=1e-9, err_msg=name)
    assert np.isfinite(found["imbalance_l5"]).all()
    assert np.isnan(found["imbalance_l10"]).all(), "five levels are known, so ten are not"


def test_a_day_replays_from_the_command_line(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "msray.yaml"
    config.write_text("detection:\n  calibration:\n    bars: 100000\n")
    path = data_dir / FOLDER / f"rb_{DAYS[0]}.parquet"
    begin_us, until_us = 1_749_042_000_000_000, 1_749_042_600_000_000
    rows = pl.read_parquet(path)["epochTime"].is_between(begin_us, until_us).sum()

    assert main(["replay", str(path), "--until", "2025-06-04T13:10:00Z", "--config", str(config), "--json"]) == 0

    data = json.loads(capsys.readouterr().out)["data"]
    (one,) = data["instruments"]
    assert (one["instrument"], one["state"], one["gaps"], one["snapshots"]) == ("shfe:RB2510", "synced", 0, 1)
    assert one["messages"] == rows - 1, "a message a row, but for the one that the book begins with"
    assert one["quality"]["missing_trades"] == one["quality"]["crossed"] == 0
    assert data["problems"] == []
