"""LOBSTER's sample days through the command line, against the order book file itself."""

import json
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from msray.book import L2Book
from msray.book import kernels as book_kernels
from msray.cli.app import main
from msray.features import BOOK_COLUMNS, NAMES, FeatureEngineering
from msray.feeds.lobster import find_lobster
from msray.market import DEPTH, GAP, ORDER, SELL, SNAPSHOT, TRADE, UNSIGNED, Records, concatenate
from msray.prediction import Replayed
from msray.venues import LobsterDecoder, lobster_instrument, midnight_ns
from tests.naive.features import oracle
from tests.naive.lobster import after, sides

FOLDER = "lobster_2012-06-21"
DAY = date(2012, 6, 21)
RANKS = {"GOOG": 10, "AAPL": 1}
TYPES = {
    "GOOG": {1: 71258, 2: 19, 3: 64961, 4: 7765, 5: 3913},
    "AAPL": {1: 54818, 2: 252, 3: 28437, 4: 23658, 5: 11332},
}
Table = NDArray[np.int64]


class Day(NamedTuple):
    """The files of one symbol as numpy reads them, and the records."""

    symbol: str
    ranks: int
    times: list[str]
    events: Table
    books: Table
    records: Records


@pytest.fixture(scope="module", params=RANKS)
def day(request: pytest.FixtureRequest, data_dir: Path) -> Day:
    symbol = request.param
    ranks = RANKS[symbol]
    path = data_dir / FOLDER / f"LOBSTER_SampleFile_{symbol}_2012-06-21_{ranks}.zip"
    name = f"{symbol}_2012-06-21_34200000_57600000_{{}}_{ranks}.csv"
    with zipfile.ZipFile(path) as archive:
        lines, rows = (archive.read(name.format(kind)).decode().split() for kind in ("message", "orderbook"))
    ((group,), _) = find_lobster([path])
    parts = [event.records for event in group.events() if isinstance(event, Replayed)]
    assert group.problems == []
    times, _, rests = zip(*(line.partition(",") for line in lines), strict=True)
    events, books = (np.loadtxt(text, np.int64, delimiter=",") for text in (rests, rows))
    return Day(symbol, ranks, list(times), events, books, concatenate(parts))


def shown_after_each_row(day: Day) -> Iterator[tuple[int, list[int]]]:
    """Number and covered book of every row that changed it, in the columns of the file."""
    book, n = L2Book(lobster_instrument("X")), day.ranks
    top, row = np.zeros(4 * n + 2, np.int64), np.zeros(4 * n, np.int64)
    for message in day.records.messages:
        begin, end = int(message["begin"]), int(message["end"])
        if message["kind"] == SNAPSHOT:
            book.load(day.records.levels[begin:end], int(message["first_id"]))
        elif message["kind"] == DEPTH:
            book.apply(day.records.levels, begin, end)
        else:
            continue
        book_kernels.top(book.arena, n, top, 0)
        assert top[4 * n :].tolist() == [n, n], "as many levels as there are ranks, and none beyond the edge"
        row[0::4], row[1::4], row[2::4], row[3::4] = top[2 * n : 3 * n], top[3 * n : 4 * n], top[:n], top[n : 2 * n]
        yield int(message["last_id"]), row.tolist()
    assert book.unknown_deletes == 0


def test_the_book_is_the_order_book_file_after_every_row(day: Day) -> None:
    expected = day.books.tolist()
    known = 0
    for number, row in shown_after_each_row(day):
        assert all(between == expected[known - 1] for between in expected[known : number - 1] if known)
        assert row == expected[number - 1]
        known = number
    assert all(rest == expected[known - 1] for rest in expected[known:])


def test_the_records_are_the_rows(day: Day) -> None:
    messages, levels = day.records.messages, day.records.levels
    kinds = messages["kind"]
    executions = day.events[np.isin(day.events[:, 0], (4, 5))]
    trades = messages[kinds == TRADE]
    signs = levels["flags"][trades["begin"]]

    types, counts = np.unique(day.events[:, 0], return_counts=True)
    assert dict(zip(types.tolist(), counts.tolist(), strict=True)) == TYPES[day.symbol]
    assert (kinds == SNAPSHOT).sum() == (kinds == GAP).sum() == 1
    assert (kinds == DEPTH).sum() == (np.diff(day.books, axis=0) != 0).any(axis=1).sum()
    assert levels[["size", "tick"]][trades["begin"]].tolist() == [(size, price) for _, _, size, price, _ in executions]
    assert ((signs & UNSIGNED) > 0).tolist() == (executions[:, 0] == 5).tolist()
    visible = executions[:, 0] == 4
    assert ((signs[visible] & SELL) > 0).tolist() == (executions[visible, 4] == 1).tolist(), "a seller meets a buyer"
    assert ((signs & ORDER) > 0).tolist() == visible.tolist()
    assert trades["first_id"].tolist() == list(range(1, len(trades) + 1))


def test_times_are_those_of_the_text(day: Day) -> None:
    base = midnight_ns(DAY)
    exact = [base + int(whole) * 10**9 + int(part.ljust(9, "0")) for whole, _, part in map(_split, day.times)]
    depth = day.records.messages[day.records.messages["kind"] == DEPTH]

    assert depth["event_ns"].tolist() == [exact[number - 1] for number in depth["last_id"].tolist()]
    assert (day.records.messages["local_ns"] == day.records.messages["event_ns"]).all()
    assert exact[0] == 1_340_285_400 * 10**9 + (15_105_074 if day.ranks == 10 else 4_241_176), "13:30 UTC"


def _split(text: str) -> tuple[str, str, str]:
    return text.partition(".")


def test_one_step_from_each_row_to_the_next(day: Day) -> None:
    """The message makes the next row out of the one before, but for a last level that was not seen before."""
    exact = new_level = unchanged = wrong = 0
    before = sides(day.books[0].tolist())
    for event, row in zip(day.events[1:].tolist(), day.books[1:].tolist(), strict=True):
        now, expected = sides(row), after(before, event)
        for side, book in enumerate(expected):
            ranked = sorted(book.items(), reverse=side == 0)[: day.ranks]
            expected[side] = dict(ranked)
        unseen = [set(now[side].items()) - set(expected[side].items()) for side in (0, 1)]
        if event[0] == 5:
            unchanged += now == before
            wrong += now != before
        elif now == expected:
            exact += 1
        elif all(len(new) <= 1 and now[side] == expected[side] | dict(new) for side, new in enumerate(unseen)):
            new_level += 1
        else:
            wrong += 1
        before = now
    assert wrong == 0
    assert unchanged == (day.events[1:, 0] == 5).sum()
    assert exact + new_level + unchanged == len(day.books) - 1
    assert min(exact, new_level) > len(day.books) / 10


@pytest.mark.parametrize("rows", [1, 2, 5000, 20_001])
def test_a_day_cut_at_a_row_is_a_prefix(day: Day, rows: int) -> None:
    times = [int(whole) * 10**9 + int(part.ljust(9, "0")) for whole, _, part in map(_split, day.times[:rows])]
    events = np.column_stack([np.array(times, np.int64), day.events[:rows]])

    part, refused = LobsterDecoder(day.ranks, DAY).decode(events, day.books[:rows])

    assert refused == []
    for name in ("kind", "event_ns", "first_id", "last_id", "begin", "end"):
        assert part.messages[name].tolist() == day.records.messages[name][: len(part)].tolist()
    assert part.levels.tolist() == day.records.levels[: len(part.levels)].tolist()


def test_every_feature_is_what_its_formula_says(day: Day) -> None:
    """Of a book whose covered range moves with every level, and of trades that have no side."""
    first = int(np.argmax(day.records.messages["kind"] == SNAPSHOT))
    log = day.records[first : first + 2500]
    instrument = lobster_instrument(day.symbol)

    found, expected = FeatureEngineering(instrument).transform(log), oracle(instrument, log)

    for name in NAMES:
        np.testing.assert_allclose(found[name], expected[name].to_numpy(), rtol=1e-9, atol=1e-9, err_msg=name)
    unknown = {name for name in NAMES if np.isnan(found[name]).all()}
    assert ("imbalance_l10" in unknown) == (day.ranks < 10)


def test_the_book_columns_are_the_order_book_file(day: Day) -> None:
    """In its own order; a level that the file does not have is unknown."""
    table = FeatureEngineering(lobster_instrument(day.symbol), BOOK_COLUMNS).transform(day.records)
    expected = day.books[table.update_id - 1].astype(float)
    mid = (expected[:, 0] + expected[:, 2]) / 2
    expected[:, 0::2] = 1e4 * (expected[:, 0::2] / mid[:, None] - 1)
    expected[:, 1::2] = np.log1p(expected[:, 1::2])

    known = 4 * day.ranks
    np.testing.assert_allclose(table.values[:, :known], expected, rtol=1e-12, atol=1e-9)
    assert np.isnan(table.values[:, known:]).all()


def test_both_days_replay_from_the_command_line(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "msray.yaml"
    config.write_text("detection:\n  calibration:\n    bars: 100000\n")
    outputs = [f"--{name}={tmp_path / name}.parquet" for name in ("bbo", "depth", "signals", "features")]
    until = ["--until", "2012-06-21T14:00:00Z"]

    assert main(["replay", str(data_dir / FOLDER), "--config", str(config), "--json", *until, *outputs]) == 0

    data = json.loads(capsys.readouterr().out)["data"]
    assert data["problems"] == []
    said = {one["instrument"]: one for one in data["instruments"]}
    assert sorted(said) == ["lobster:AAPL", "lobster:GOOG"]
    for one in said.values():
        assert (one["state"], one["gaps"], one["snapshots"]) == ("synced", 0, 1)
        assert one["quality"]["missing_trades"] == one["quality"]["crossed"] == 0
    assert len(pl.read_parquet(tmp_path / "signals.parquet")) == data["signals"] > 0
    depth = pl.read_parquet(tmp_path / "depth.parquet")
    shown = depth.filter("covered").group_by("instrument", "side").len()
    assert dict(zip(shown["instrument"], shown["len"], strict=True)) == {"lobster:GOOG": 10, "lobster:AAPL": 1}
    features = pl.read_parquet(tmp_path / "features.parquet")
    goog = features.filter(instrument="lobster:GOOG").drop_nulls()
    assert goog["depth_bid_l10"].is_not_nan().all()
    aapl = features.filter(instrument="lobster:AAPL")
    assert aapl["imbalance_l1"].is_not_nan().all()
    assert aapl["depth_bid_l10"].is_nan().all(), "one level is known, so ten are not"
    assert goog["mid_price"].is_between(560, 590).all()
