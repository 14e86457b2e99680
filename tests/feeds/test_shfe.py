"""SHFE snapshots from Parquet files: whole, damaged, and in company."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from msray.errors import FeedError, UsageError
from msray.feeds.lake_check import check_lake
from msray.feeds.lake_convert import convert
from msray.feeds.replay import drive, open_replay
from msray.feeds.shfe import CHUNK_ROWS, find_shfe
from msray.feeds.tapes import read_tapes
from msray.market import DEPTH, GAP, SNAPSHOT, TRADE, Messages, concatenate
from msray.prediction import Disconnected, LogEvent, Pipeline, Replayed
from tests.feeds.test_recording import depth, write
from tests.prediction.made import NEVER_CALIBRATED
from tests.venues.made_shfe import Columns, made_snapshots, part

DAY = made_snapshots(1, 200, breaks=(1, 120))
DAY_US = 86_400 * 1_000_000


def put(path: Path, columns: Columns, **changed: Any) -> Path:
    """A file of these columns, and of some that recorders add."""
    path.parent.mkdir(parents=True, exist_ok=True)
    derived = {"market_hit_bid": np.full(len(columns["volume"]), -1.0), "iopv": np.zeros(len(columns["volume"]))}
    pq.write_table(pa.table(derived | columns | changed), path)
    return path


def replayed(*paths: Path) -> tuple[list[LogEvent], list[str], bool]:
    """Events, problems, and whether all bytes were gone through."""
    replay = open_replay(paths)
    events = list(replay.events())
    return events, replay.problems, replay.bytes_read == replay.total_bytes


def messages_of(events: list[LogEvent]) -> Messages:
    return concatenate([event.records for event in events if isinstance(event, Replayed)]).messages


def test_a_file_is_told_by_its_columns_whatever_its_name_and_their_order(tmp_path: Path) -> None:
    put(tmp_path / "days" / "anything.parquet", dict(reversed(list(DAY.items()))))

    events, problems, is_through = replayed(tmp_path / "days")

    kinds = messages_of(events)["kind"].tolist()
    assert (problems, is_through) == ([], True)
    assert (kinds.count(GAP), kinds.count(SNAPSHOT), kinds.count(DEPTH)) == (3, 3, 197)
    assert kinds.count(TRADE) > 20


def test_a_day_longer_than_a_chunk_is_read_whole(tmp_path: Path) -> None:
    rows = CHUNK_ROWS + 300
    columns = {name: np.resize(values, rows) for name, values in part(DAY, slice(1)).items()}
    columns["epochTime"] = columns["epochTime"] + 500_000 * np.arange(rows)
    columns["updateTime"] = np.array(
        [f"{21 + at // 7200}:{at // 120 % 60:02d}:{at // 2 % 60:02d}.{at % 2 * 500}" for at in range(rows)], object
    )

    events, problems, is_through = replayed(put(tmp_path / "a.parquet", columns))

    assert (problems, is_through) == ([], True)
    assert messages_of(events)["last_id"].max() == rows


def test_whole_numbers_may_be_written_as_such(tmp_path: Path) -> None:
    whole = {name: values.astype(np.int32) if values.dtype == float else values for name, values in DAY.items()}

    expected = messages_of(replayed(put(tmp_path / "a.parquet", DAY))[0])

    assert messages_of(replayed(put(tmp_path / "b.parquet", whole))[0]).tolist() == expected.tolist()


def test_days_follow_each_other_and_go_with_other_recordings(tmp_path: Path) -> None:
    put(tmp_path / "b.parquet", DAY)
    put(tmp_path / "a.parquet", DAY, epochTime=DAY["epochTime"] + DAY_US)
    write(tmp_path / "binance" / "a", [depth("AAA", i) for i in range(5)])

    replay = open_replay([tmp_path])
    pipeline = Pipeline(replay.instruments, NEVER_CALIBRATED)
    drive(replay, pipeline)

    assert [one.id for one in replay.instruments] == ["binance_usdm:AAA", "shfe:RB2510"]
    assert pipeline.lanes["shfe:RB2510"].figures.last_local_ns == 1000 * (DAY["epochTime"][-1] + DAY_US)
    assert pipeline.lanes["shfe:RB2510"].sync.counts.snapshots == 4, "a row by itself begins nothing"


def test_a_tape_has_the_best_prices_of_every_row_but_the_first_of_a_session(tmp_path: Path) -> None:
    replay = open_replay([put(tmp_path / "a.parquet", DAY)])

    (tape,) = read_tapes(replay, NEVER_CALIBRATED)

    rows = [at for at in range(200) if at not in (0, 1, 120)]
    events = tape.records.messages["event_ns"][tape.row_message]
    assert events.tolist() == [int(us) // 500_000 * 500_000_000 for us in DAY["epochTime"][rows]]
    assert tape.bests.T.tolist() == [DAY[name][rows].tolist() for name in ("bid1", "bidSize1", "ask1", "askSize1")]


def test_a_lake_gives_the_records_of_the_file(tmp_path: Path) -> None:
    path = put(tmp_path / "a.parquet", DAY)

    convert(open_replay([path]), tmp_path / "lake")

    assert check_lake([tmp_path / "lake"])[1] == []
    names = ["kind", "event_ns", "local_ns", "first_id", "last_id"]
    assert messages_of(replayed(tmp_path / "lake")[0])[names].tolist() == messages_of(replayed(path)[0])[names].tolist()


# ------------------------------------------------------------------- damage


def test_a_bad_row_is_named_by_file_and_row_and_the_rest_comes(tmp_path: Path) -> None:
    bid = DAY["bid1"].copy()
    bid[99] = np.nan

    events, problems, _ = replayed(path := put(tmp_path / "a.parquet", DAY, bid1=bid))

    assert problems == [f"{path}, row 100: bid1 must be a whole number, at least 0, got nan"]
    assert messages_of(events)["kind"].tolist().count(SNAPSHOT) == 4
    assert messages_of(events)["last_id"].max() == 200


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("epochTime", "epochTime must be microseconds since 1970, got 0"),
        ("updateTime", "updateTime must be like 21:00:00.500, got ''"),
        ("instrumentID", "instrumentID must be rb2510, got ''"),
        ("askSize4", "askSize4 must be a whole number, at least 0, got nan"),
    ],
)
def test_a_value_that_is_missing_is_a_bad_row(tmp_path: Path, name: str, says: str) -> None:
    values = pa.array([None if at == 99 else value for at, value in enumerate(DAY[name].tolist())])

    _, problems, _ = replayed(path := put(tmp_path / "a.parquet", DAY, **{name: values}))

    assert problems == [f"{path}, row 100: {says}"]


def test_text_that_is_none_is_a_bad_row(tmp_path: Path) -> None:
    raw = pa.array([b"\xff\xfe" if at == 99 else text.encode() for at, text in enumerate(DAY["updateTime"].tolist())])
    texts = pa.Array.from_buffers(pa.string(), 200, raw.buffers())

    _, problems, _ = replayed(path := put(tmp_path / "a.parquet", DAY, updateTime=texts))

    assert problems == [f"{path}, row 100: updateTime must be like 21:00:00.500, got '\ufffd\ufffd'"]


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    _, problems, _ = replayed(put(tmp_path / "a.parquet", DAY, bid1=np.full(200, -1.0)))

    assert len(problems) == 101
    assert problems[-1] == "100 more bad rows of shfe:RB2510"


def test_a_damaged_page_ends_the_file_and_gives_the_book_up(tmp_path: Path) -> None:
    long = {name: np.concatenate([values, values]) for name, values in DAY.items()}
    path = tmp_path / "a.parquet"
    table = pa.table(long)
    pq.write_table(table, path, row_group_size=200, use_dictionary=False, write_page_checksum=True)
    metadata = pq.ParquetFile(path).metadata.row_group(1).column(table.schema.names.index("askSize4"))
    content = bytearray(path.read_bytes())
    content[metadata.data_page_offset : metadata.data_page_offset + 20] = b"\xff" * 20
    path.write_bytes(content)

    events, problems, is_through = replayed(path)

    (problem,) = problems
    assert re.match(rf"{path}: damaged behind row \d+: ", problem)
    assert isinstance(events[-1], Disconnected)
    assert is_through


def test_a_file_that_is_cut_cannot_be_read_and_says_so(tmp_path: Path) -> None:
    path = put(tmp_path / "a.parquet", DAY)
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(FeedError, match=r"a\.parquet cannot be read: "):
        open_replay([tmp_path])


# ------------------------------------------------------------------- what is none of it


def test_tables_of_other_columns_and_empty_ones_are_passed_over(tmp_path: Path) -> None:
    pq.write_table(pa.table({"bid1": [1.0]}), tmp_path / "a.parquet")
    put(tmp_path / "b.parquet", part(DAY, slice(0)))

    assert find_shfe([tmp_path / "a.parquet", tmp_path / "b.parquet"]) == ([], set())
    with pytest.raises(FeedError, match=r"a\.parquet is no recording"):
        open_replay([tmp_path / "a.parquet"])


def test_a_column_of_another_type_is_named(tmp_path: Path) -> None:
    for name, values, says in (
        ("updateTime", np.arange(200), "updateTime must be text, got int64"),
        ("epochTime", np.arange(200.0), "epochTime must be whole numbers, got double"),
        ("ask1", ["1"] * 200, "ask1 must be numbers, got string"),
    ):
        path = put(tmp_path / "a.parquet", DAY, **{name: values})
        with pytest.raises(FeedError, match=re.escape(f"{path}: {says}")):
            open_replay([path])


def test_another_product_is_refused_and_named(tmp_path: Path) -> None:
    path = put(tmp_path / "a.parquet", DAY, instrumentID=["au2512"] * 200)

    with pytest.raises(FeedError, match=re.escape(f"{path}, row 1: instrumentID must be a contract of rb")):
        open_replay([path])


def test_a_day_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / f"{name}.parquet", DAY)

    with pytest.raises(UsageError, match=r"a\.parquet and .*b\.parquet overlap in time: name one of them"):
        open_replay([tmp_path])
