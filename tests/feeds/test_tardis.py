"""Files as Tardis.dev writes them."""

import gzip
import re
from pathlib import Path

import pytest

from msray.errors import FeedError, UsageError
from msray.feeds import tardis
from msray.feeds.convert import convert
from msray.feeds.lake.check import check_lake
from msray.feeds.replay import drive, open_replay
from msray.feeds.tardis import find_tardis
from msray.market import ASK, DEPTH, GAP, REGRID, SELL, SNAPSHOT, TRADE, UNSIGNED, GapReason, Records, concatenate
from msray.prediction import Disconnected, LogEvent, Pipeline, Replayed
from tests.prediction.made import NEVER_CALIBRATED

BOOK = """\
exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount
deribit,BTC-PERPETUAL,1598918403000000,1598918403600000,false,bid,11650.5,10
deribit,BTC-PERPETUAL,1598918403696000,1598918403810979,true,bid,11660.5,4320
deribit,BTC-PERPETUAL,1598918403696000,1598918403810979,true,bid,11660,70
deribit,BTC-PERPETUAL,1598918403696000,1598918403810979,true,ask,11661,0
deribit,BTC-PERPETUAL,1598918403696000,1598918403810979,true,ask,11661.5,20
deribit,BTC-PERPETUAL,1598918403715000,1598918403830000,false,bid,11660,0
deribit,BTC-PERPETUAL,1598918403715000,1598918403830000,false,ask,11661.5,30
deribit,BTC-PERPETUAL,1598918403716000,1598918403831000,false,bid,11660.5,1.5
"""
TRADES = """\
exchange,symbol,timestamp,local_timestamp,id,side,price,amount
deribit,BTC-PERPETUAL,1598918403720000,1598918403830000,ETH-48685352,sell,11660.5,1200
deribit,BTC-PERPETUAL,1598918403725000,1598918403900000,,unknown,11661.5,30
"""
SECOND_SNAPSHOT = """\
deribit,BTC-PERPETUAL,1598918405696000,1598918405810979,true,bid,11662,5
deribit,BTC-PERPETUAL,1598918405697000,1598918405820000,true,ask,11663,6
deribit,BTC-PERPETUAL,1598918405698000,1598918405830000,false,ask,11662.75,1
"""
BOOK_NAME = "deribit_incremental_book_L2_2020-09-01_BTC-PERPETUAL.csv.gz"
TRADES_NAME = "deribit_trades_2020-09-01_BTC-PERPETUAL.csv.gz"


def put(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def replayed(folder: Path) -> tuple[list[LogEvent], Records, list[str]]:
    replay = open_replay([folder])
    events = list(replay.events())
    assert replay.bytes_read == replay.total_bytes
    return events, concatenate([event.records for event in events if isinstance(event, Replayed)]), replay.problems


def test_a_documented_sample_is_read_row_by_row(tmp_path: Path) -> None:
    put(tmp_path, BOOK_NAME, BOOK)
    put(tmp_path, TRADES_NAME, TRADES)

    _, records, problems = replayed(tmp_path)
    (instrument,) = open_replay([tmp_path]).instruments

    assert problems == []
    assert (instrument.id, instrument.price_decimals, instrument.grid) == ("deribit:BTC-PERPETUAL", 1, 5)
    assert instrument.is_inferred
    m = records.messages
    assert m["kind"].tolist() == [GAP, DEPTH, GAP, SNAPSHOT, TRADE, DEPTH, DEPTH, TRADE]
    assert m["prev_id"][m["kind"] == GAP].tolist() == [GapReason.CLOSED, GapReason.DISCONNECTED]
    assert m["event_ns"][3:].tolist() == [1598918403000000000 + at * 10**6 for at in (696, 720, 715, 716, 725)]
    assert m["local_ns"][3] == 1598918403810979_000
    levels = [records.levels[row["begin"] : row["end"]].tolist() for row in m]
    unit = 10**instrument.size_decimals
    assert levels[3] == [(4320 * unit, 23321, 0), (70 * unit, 23320, 0), (20 * unit, 23323, ASK)]
    assert m["first_id"][3] == 2, "known as far as its longer side goes"
    assert levels[4] == [(1200 * unit, 23321, SELL)]
    assert levels[5] == [(0, 23320, 0), (30 * unit, 23323, ASK)]
    assert levels[6] == [(unit * 3 // 2, 23321, 0)]
    assert levels[7] == [(30 * unit, 23323, UNSIGNED)]
    assert m["first_id"][m["kind"] == TRADE].tolist() == [1, 2]


def test_the_book_is_followed_from_its_snapshot_on(tmp_path: Path) -> None:
    put(tmp_path, BOOK_NAME, BOOK + SECOND_SNAPSHOT)
    put(tmp_path, TRADES_NAME, TRADES)
    replay = open_replay([tmp_path])
    pipeline = Pipeline(replay.instruments, NEVER_CALIBRATED)

    drive(replay, pipeline)

    lane = pipeline.lanes["deribit:BTC-PERPETUAL"]
    assert (lane.sync.state, lane.sync.counts.gaps, lane.sync.counts.snapshots) == ("synced", 1, 2)
    assert lane.sync.counts.dropped_messages == 1, "the trade before the first change"
    best = lane.engine.book.best()
    price = lane.engine.book.instrument.price
    assert (price(best.bid_tick), price(best.ask_tick)) == (11662.0, 11662.75)


def test_a_snapshot_may_come_in_several_messages_and_a_finer_price_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tardis, "_FIRST_LEVELS", 6)
    put(tmp_path, BOOK_NAME, BOOK + SECOND_SNAPSHOT)

    _, records, _ = replayed(tmp_path)

    kinds = records.messages["kind"].tolist()
    assert kinds[-5:] == [DEPTH, GAP, SNAPSHOT, REGRID, DEPTH]
    assert records.messages["last_id"][-3] == 1598918405820000


def test_days_follow_each_other_and_a_lake_of_them_replays(tmp_path: Path) -> None:
    for day in (1, 2):
        shift = (day - 1) * 86_400 * 10**6
        for name, text in ((BOOK_NAME, BOOK), (TRADES_NAME, TRADES)):
            moved = text.replace("15989184", str((15989184 * 10**8 + shift) // 10**8)) if shift else text
            put(tmp_path / "in", name.replace("09-01", f"09-0{day}"), moved)

    days, _ = convert(open_replay([tmp_path / "in"]), tmp_path / "lake")

    assert [(one.day, one.trades, one.gaps) for one in days] == [("2020-09-01", 2, 0), ("2020-09-02", 2, 1)]
    assert check_lake([tmp_path / "lake"])[1] == []
    found = []
    for path in (tmp_path / "in", tmp_path / "lake"):
        replay = open_replay([path])
        pipeline = Pipeline(replay.instruments, NEVER_CALIBRATED)
        drive(replay, pipeline)
        lane = pipeline.lanes["deribit:BTC-PERPETUAL"]
        assert lane.sync.counts.repeated_trades == 0
        found.append((lane.sync.counts, lane.quality()))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("deribit,BTC-PERPETUAL,1598918403715000,1598918403830500,false,bid,11660", "is no row of incremental_book_L2"),
        ("deribit,BTC-PERPETUAL,now,1598918403830500,false,bid,11660,1", "is no row of"),
        ("deribit,BTC-PERPETUAL,1598918403715000,1598918403830500,maybe,bid,11660,1", "is no row of"),
        ("deribit,BTC-PERPETUAL,1598918403715000,1598918403830500,false,buy,11660,1", "is no row of"),
        (
            "deribit,BTC-PERPETUAL,1598918403715000,1598918403830500,false,bid,11e,1",
            "price of .* must be a plain decimal",
        ),
        ("deribit,BTC-PERPETUAL,1598918403715000,1598918403830500,false,bid,0,1", "must have a price above 0"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_the_book_given_up(tmp_path: Path, row: str, says: str) -> None:
    path = put(tmp_path, BOOK_NAME, BOOK + row + "\n" + SECOND_SNAPSHOT)

    _, records, problems = replayed(tmp_path)

    (problem,) = problems
    assert problem.startswith(f"{path}, line 10: ")
    assert re.search(says, problem)
    m = records.messages
    assert m["prev_id"][m["kind"] == GAP].tolist()[2:] == [GapReason.SEQUENCE, GapReason.DISCONNECTED]
    assert SNAPSHOT in m["kind"][-4:]


def test_a_bad_trade_is_named_and_the_book_stays(tmp_path: Path) -> None:
    put(tmp_path, BOOK_NAME, BOOK)
    path = put(
        tmp_path, TRADES_NAME, TRADES + "deribit,BTC-PERPETUAL,1598918403725000,1598918403900001,,buy,11661.5,-3\n"
    )

    _, records, problems = replayed(tmp_path)

    assert [problem.startswith(f"{path}, line 4: size of") for problem in problems] == [True]
    assert (records.messages["kind"] == GAP).sum() == 2


def test_a_file_that_was_cut_is_named_and_its_last_message_left_out(tmp_path: Path) -> None:
    path = put(tmp_path, BOOK_NAME.removesuffix(".gz"), BOOK[:-3])

    events, records, problems = replayed(tmp_path)

    assert problems == [f"{path}: ends in the middle of line 9"]
    assert isinstance(events[-1], Disconnected)
    assert records.messages["local_ns"][-1] < 1598918403830000_000, "more rows of it may have been there"


def test_very_small_prices_have_an_exponent(tmp_path: Path) -> None:
    text = BOOK.replace("11660.5,4320", "8.5e-7,4320").replace("11660,70", "8.4e-7,70").replace("11661.5,20", "9e-7,20")
    text = text.replace("11661,0", "8.9e-7,0")
    put(tmp_path, BOOK_NAME, "\n".join(text.splitlines()[:1] + text.splitlines()[2:6]) + "\n")

    _, records, problems = replayed(tmp_path)

    (instrument,) = open_replay([tmp_path]).instruments
    assert problems == []
    assert [instrument.price(int(tick)) for tick in records.levels["tick"]] == [8.5e-7, 8.4e-7, 9e-7]


def test_venues_that_are_known_keep_their_names(tmp_path: Path) -> None:
    name = "binance-futures_trades_2020-09-01_BTCUSDT.csv"
    put(tmp_path, name, TRADES.replace("deribit,BTC-PERPETUAL", "binance-futures,BTCUSDT"))

    assert [group.instrument.id for group in find_tardis(sorted(tmp_path.iterdir()))[0]] == ["binance_usdm:BTCUSDT"]


@pytest.mark.parametrize(
    ("name", "text", "error", "says"),
    [
        (BOOK_NAME, TRADES, FeedError, "line 1: must be exchange,symbol,timestamp,local_timestamp,is_snapshot"),
        (BOOK_NAME, "", FeedError, "must be inferred from price levels, got none"),
        (BOOK_NAME.replace("09-01", "09-31"), BOOK, FeedError, "day is out of range"),
    ],
)
def test_what_cannot_be_read_at_all_says_why(
    tmp_path: Path, name: str, text: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        open_replay([put(tmp_path, name, text)])


def test_the_same_day_twice_is_refused(tmp_path: Path) -> None:
    put(tmp_path, BOOK_NAME, BOOK)
    put(tmp_path, BOOK_NAME.removesuffix(".gz"), BOOK)

    with pytest.raises(UsageError, match="are the same day: name one of them"):
        open_replay([tmp_path])
