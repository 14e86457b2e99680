"""Trades of Binance's public archive."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from msray.errors import FeedError, UsageError
from msray.feeds.archive import find_archives
from msray.feeds.convert import RecordsOf, convert
from msray.feeds.lake.part import find_parts, read_part
from msray.feeds.replay import open_replay
from msray.market import GAP, SELL, TRADE, Records, concatenate
from msray.prediction import Disconnected

SPOT_AGGREGATES = """\
185437564,121419.01000000,0.00230000,245641572,245641572,1759881600097184,False,True
185437565,121419.00000000,0.00164000,245641573,245641575,1759881600116697,True,True
"""
FUTURES_AGGREGATES = """\
agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker
2744035954,105814.4,0.010,6365487364,6365487364,1717200000012,false
2744035955,105814.3,0.011,6365487365,6365487366,1717200000021,true
"""
SPOT_TRADES = """\
51175358,17.80180000,5.69000000,101.29224200,1583709433583,True,True
51175359,17.80190000,1.00000000,17.80190000,1583709433584,False,True
"""
FUTURES_TRADES = """\
id,price,qty,quote_qty,time,is_buyer_maker
5266583935,61800.3,6,0.00970869,1717200000012,true
"""


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.with_suffix(".csv").name, text)
    else:
        path.write_text(text)
    return path


def records_of(path: Path) -> tuple[str, Records]:
    replay = open_replay([path])
    decoding = RecordsOf(replay.instruments)
    parts = [records.copy() for event in replay.events() for _, records in decoding.take(event)]
    assert (replay.problems, decoding.refused, replay.bytes_read) == ([], 0, replay.total_bytes)
    return replay.instruments[0].id, concatenate(parts)


@pytest.mark.parametrize(
    ("name", "text", "instrument", "rows"),
    [
        (
            "BTCUSDC-aggTrades-2025-10-08.zip",
            SPOT_AGGREGATES,
            "binance_spot:BTCUSDC",
            [
                (185437564, 1759881600097184_000, 121419.01, 0.0023, 0),
                (185437565, 1759881600116697_000, 121419.0, 0.00164, SELL),
            ],
        ),
        (
            "BTCUSDT-aggTrades-2024-06.csv",
            FUTURES_AGGREGATES,
            "binance_usdm:BTCUSDT",
            [
                (2744035954, 1717200000012_000_000, 105814.4, 0.01, 0),
                (2744035955, 1717200000021_000_000, 105814.3, 0.011, SELL),
            ],
        ),
        (
            "LINKUSDT-trades-2020-03-08.zip",
            SPOT_TRADES,
            "binance_spot:LINKUSDT",
            [
                (51175358, 1583709433583_000_000, 17.8018, 5.69, SELL),
                (51175359, 1583709433584_000_000, 17.8019, 1.0, 0),
            ],
        ),
        (
            "BTCUSD_PERP-trades-2024-06-01.csv",
            FUTURES_TRADES,
            "binance_coinm:BTCUSD_PERP",
            [(5266583935, 1717200000012_000_000, 61800.3, 6.0, SELL)],
        ),
    ],
)
def test_rows_are_the_trades_of_the_stream(
    tmp_path: Path, name: str, text: str, instrument: str, rows: list[tuple[object, ...]]
) -> None:
    path = put(tmp_path / name, text)

    found, records = records_of(path)

    assert found == instrument
    m, levels, one = records.messages, records.levels, open_replay([path]).instruments[0]
    assert set(m["kind"]) == {TRADE}
    prices, sizes = one.price(levels["tick"].astype(np.int64)), one.size(levels["size"])
    columns = (m["first_id"], m["event_ns"], prices, sizes, levels["flags"])
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == rows
    assert (m["local_ns"] == m["event_ns"]).all()


def test_a_price_off_the_inferred_grid_is_exact_too(tmp_path: Path) -> None:
    rows = [f"{n},{100 + n % 5}.00,1.0,{n},{n},{1717200000000 + n},true\n" for n in range(5000)]
    rows.append("5000,100.01,1.0,5000,5000,1717200005000,true\n")
    path = put(tmp_path / "XUSDT-aggTrades-2024-06-01.csv", "".join(rows))

    convert(open_replay([path]), tmp_path / "lake")

    (part,) = find_parts([tmp_path / "lake"])
    assert part.head.trades == 5001
    last = list(read_part(part.path))[-1]
    assert part.head.ends_as.price(int(last.levels["tick"][-1])) == 100.01


def test_days_follow_each_other_and_a_lake_of_trades_verifies(tmp_path: Path) -> None:
    later = SPOT_AGGREGATES.replace("18543756", "18543757").replace("17598816", "17599680")
    put(tmp_path / "in" / "BTCUSDC-aggTrades-2025-10-09.zip", later)
    put(tmp_path / "in" / "BTCUSDC-aggTrades-2025-10-08.zip", SPOT_AGGREGATES)

    days, refused = convert(open_replay([tmp_path / "in"]), tmp_path / "lake")

    assert [(one.day, one.trades) for one in days] == [("2025-10-08", 2), ("2025-10-09", 2)]
    assert refused == 0
    kinds = [
        int(k) for part in find_parts([tmp_path / "lake"]) for r in read_part(part.path) for k in r.messages["kind"]
    ]
    assert kinds == [GAP, TRADE, TRADE, TRADE, TRADE]


def test_damaged_rows_are_named_and_the_rest_comes(tmp_path: Path) -> None:
    text = (
        FUTURES_AGGREGATES.replace("2744035955,105814.3", "2744035955,1e5")
        + "2744035956,1.0,2.0,1,1,1717200000022,false\n"
    )
    path = put(tmp_path / "BTCUSDT-aggTrades-2024-06-01.csv", text)
    replay = open_replay([path])

    events = list(replay.events())

    assert [len(event.frames) for event in events] == [2]  # type: ignore[union-attr]
    (problem,) = replay.problems
    assert problem.startswith(f"{path}, line 3: is no row of aggTrades, got '2744035955,1e5,0.011")


def test_a_file_that_ends_early_is_named(tmp_path: Path) -> None:
    path = put(tmp_path / "BTCUSDC-aggTrades-2025-10-08.csv", SPOT_AGGREGATES[:-3])
    replay = open_replay([path])

    events = list(replay.events())

    assert replay.problems == [f"{path}: ends in the middle of line 2"]
    assert isinstance(events[-1], Disconnected)


def test_the_venue_can_be_named_and_the_instrument_declared(tmp_path: Path) -> None:
    path = put(tmp_path / "BTCUSDC-aggTrades-2025-10-08.zip", SPOT_AGGREGATES)
    assert open_replay([path], venue="binance_usdm").instruments[0].id == "binance_usdm:BTCUSDC"

    (tmp_path / "instruments.json").write_text(
        '[{"venue":"binance_spot","symbol":"BTCUSDC","price_decimals":2,"size_decimals":5,"tick":1,"grid":1}]'
    )
    assert not open_replay([path]).instruments[0].is_inferred


def test_both_kinds_of_one_symbol_are_the_same_trades_twice(tmp_path: Path) -> None:
    put(tmp_path / "BTCUSDC-aggTrades-2025-10-08.zip", SPOT_AGGREGATES)
    put(tmp_path / "BTCUSDC-trades-2025-10-08.zip", SPOT_TRADES)

    with pytest.raises(UsageError, match="binance_spot:BTCUSDC is there twice"):
        open_replay([tmp_path])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("BTCUSDC-aggTrades-2025-13-08.csv", "does not match format"),
        ("BTCUSDC-aggTrades-2025-10-08.csv", "has no row of aggTrades"),
    ],
)
def test_what_cannot_be_trades_says_why(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(FeedError, match=says):
        open_replay([put(tmp_path / name, "nothing\n")])


def test_other_files_of_the_archive_are_passed_over(tmp_path: Path) -> None:
    paths = [
        put(tmp_path / "BTCUSD_PERP-1m-2025-10-09.zip", "1,2\n"),
        put(tmp_path / "BTCUSDT-bookDepth-2025-10-10.csv", ""),
    ]

    assert find_archives(paths) == ([], set())


def test_a_real_day_is_whole(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "crash_2025-10-10_binance_vision"

    days, refused = convert(open_replay([folder]), tmp_path)

    assert [(one.instrument, one.day, one.trades) for one in days] == [("binance_spot:BTCUSDC", "2025-10-08", 256978)]
    assert refused == 0
    (part,) = find_parts([tmp_path])
    records = concatenate(list(read_part(part.path)))
    trades = records.messages[1:]
    assert (np.diff(trades["first_id"]) == 1).all(), "no id is missing"
    assert (np.diff(trades["event_ns"]) >= 0).all(), "time never goes back"
    prices = part.head.ends_as.price(records.levels["tick"].astype(np.int64))
    assert (prices.min(), prices.max()) == (121122.97, 124258.35)
