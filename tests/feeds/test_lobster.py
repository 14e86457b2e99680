"""LOBSTER days from files: whole, damaged, and in company."""

import itertools
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from msray.errors import FeedError, UsageError
from msray.feeds.lobster import CHUNK_NUMBERS, find_lobster
from msray.feeds.replay import drive, open_replay
from msray.market import DEPTH, GAP, SNAPSHOT, TRADE, Messages, concatenate
from msray.prediction import CalibrationConfig, DetectionConfig, Disconnected, LogEvent, Pipeline, Replayed, WatchConfig
from tests.feeds.test_recording import depth, write
from tests.prediction.made import NEVER_CALIBRATED
from tests.venues.made_lobster import Table, as_text, made_day

OPEN = "2012-06-21_34200000_57600000"
Files = dict[str, bytes]


def texts(
    events: Table, books: Table, symbol: str = "GOOG", day: str = "2012-06-21", levels: int | None = None
) -> Files:
    levels = levels or books.shape[1] // 4
    names = [f"{symbol}_{day}_34200000_57600000_{kind}_{levels}.csv" for kind in ("message", "orderbook")]
    return {names[0]: as_text(events, is_timed=True), names[1]: as_text(books, is_timed=False)}


def put(folder: Path, files: Files) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def put_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def replayed(*paths: Path) -> tuple[list[LogEvent], list[str], bool]:
    """Events, problems, and whether all bytes were gone through."""
    replay = open_replay(paths)
    events = list(replay.events())
    return events, replay.problems, replay.bytes_read == replay.total_bytes


def messages_of(events: list[LogEvent]) -> Messages:
    return concatenate([event.records for event in events if isinstance(event, Replayed)]).messages


def kinds_of(events: list[LogEvent]) -> list[int]:
    return [int(kind) for kind in messages_of(events)["kind"]]


DAY = made_day(1, 200, 2)


def test_a_zip_and_its_unpacked_files_and_packed_files_are_the_same(tmp_path: Path) -> None:
    files = texts(*DAY)
    found = []
    for paths in (
        [put(tmp_path / "folder", files)],
        [tmp_path / "folder" / name for name in files],
        [put_zip(tmp_path / "day.zip", files | {"ReadMe.txt": b"what this is"})],
    ):
        events, problems, is_through = replayed(*paths)
        assert (problems, is_through) == ([], True)
        found.append(messages_of(events).tolist())

    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 100


def test_a_day_longer_than_a_chunk_is_read_whole(tmp_path: Path) -> None:
    ranks = 40
    rows = CHUNK_NUMBERS // (4 * ranks) + 300
    path = put_zip(tmp_path / "day.zip", texts(*made_day(2, rows, ranks)))

    events, problems, is_through = replayed(path)

    assert (problems, is_through) == ([], True)
    assert messages_of(events)["last_id"].max() > rows - 20


def test_symbols_are_merged_by_time_and_days_follow_each_other(tmp_path: Path) -> None:
    put(tmp_path, texts(*made_day(1, 300, 2), "GOOG", "2012-06-22") | texts(*DAY, "GOOG"))
    put_zip(tmp_path / "AAPL.zip", texts(*made_day(2, 300, 1), "AAPL"))

    replay = open_replay([tmp_path])
    events = list(replay.events())

    assert [one.id for one in replay.instruments] == ["lobster:AAPL", "lobster:GOOG"]
    firsts = [event.records.messages["local_ns"][0] for event in events if isinstance(event, Replayed)]
    assert firsts == sorted(firsts)
    google = messages_of([event for event in events if isinstance(event, Replayed) and event.instrument[-4:] == "GOOG"])
    assert google["kind"].tolist().count(GAP) == 2
    assert google["kind"].tolist().count(SNAPSHOT) == 2


def test_days_and_recordings_are_replayed_together(tmp_path: Path) -> None:
    put(tmp_path / "lobster", texts(*DAY))
    write(tmp_path / "binance" / "a", [depth("AAA", i) for i in range(5)])

    replay = open_replay([tmp_path])
    result = drive(replay, Pipeline(replay.instruments, NEVER_CALIBRATED))

    assert [one.id for one in replay.instruments] == ["binance_usdm:AAA", "lobster:GOOG"]
    assert result.frames == 5 + len(messages_of(list(replay.events())))


def test_until_ends_a_day_early(tmp_path: Path) -> None:
    replay = open_replay([put(tmp_path, texts(*DAY))])
    pipeline = Pipeline(replay.instruments, NEVER_CALIBRATED)
    times = messages_of(list(replay.events()))["local_ns"]
    until_ns = int(times[len(times) // 2])

    drive(replay, pipeline, until_ns=until_ns)

    assert pipeline.lanes["lobster:GOOG"].figures.last_local_ns == until_ns


def lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def changed(file: int, row: int, text: bytes) -> Files:
    """A day with one line replaced."""
    files = texts(*DAY)
    name = list(files)[file]
    rows = lines(files[name])
    rows[row - 1] = text
    return files | {name: b"".join(rows)}


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        (0, b"34200.5,1,7\n", "message must be time, type, .* direction, got '34200.5,1,7'"),
        (0, b"\n", "message must be .*, got ''"),
        (0, b"34200.5,9,7,1,100,1\n", "type must be 1 to 7, got 9"),
        (1, b"1010,5,1000\xff\n", "book must be ask price, .* of each level, got '1010,5,1000.'"),
        (1, b"1010,5,1000,5,1010,5,990,5\n", "levels must be in order.* got 1010,5,1000,5,1010,5,990,5"),
    ],
)
def test_a_damaged_row_is_named_by_file_and_line_and_the_rest_comes(
    tmp_path: Path, file: int, text: bytes, says: str
) -> None:
    events, problems, _ = replayed(put(tmp_path, changed(file, 100, text)))

    name = ("message", "orderbook")[file]
    (problem,) = problems
    assert problem.startswith(f"{tmp_path}/GOOG_{OPEN}_{name}_2.csv, line 100: ")
    assert re.search(says, problem)
    kinds = kinds_of(events)
    assert (kinds.count(GAP), kinds.count(SNAPSHOT)) == (2, 2)
    assert messages_of(events)["last_id"].max() > 190


def test_many_damaged_rows_are_counted(tmp_path: Path) -> None:
    files = texts(*DAY)
    events, problems, _ = replayed(put(tmp_path, files | {next(iter(files)): b"nonsense\n" * 200}))

    assert len(problems) == 101
    assert problems[-1] == "100 more bad rows of lobster:GOOG"
    assert kinds_of(events) == [GAP]


def test_a_file_that_ends_before_the_other_is_named_and_the_book_given_up(tmp_path: Path) -> None:
    files = texts(*DAY)
    book = f"GOOG_{OPEN}_orderbook_2.csv"

    events, problems, _ = replayed(put(tmp_path, files | {book: b"".join(lines(files[book])[:150])}))

    assert problems == [f"{tmp_path / book}: ends behind line 150, where GOOG_{OPEN}_message_2.csv goes on"]
    assert messages_of(events)["last_id"].max() <= 150
    assert isinstance(events[-1], Disconnected)


@pytest.mark.parametrize("file", ["message", "orderbook"])
def test_a_line_without_an_end_is_not_believed(tmp_path: Path, file: str) -> None:
    files = texts(*DAY)
    name = f"GOOG_{OPEN}_{file}_2.csv"

    events, problems, _ = replayed(put(tmp_path, files | {name: files[name][:-1]}))

    assert problems[0] == f"{tmp_path / name}: ends in the middle of line 200"
    assert messages_of(events)["last_id"].max() < 200
    assert isinstance(events[-1], Disconnected)


def test_a_damaged_archive_gives_what_could_be_unpacked(tmp_path: Path) -> None:
    path = put_zip(tmp_path / "day.zip", texts(*made_day(4, 20_000, 10)))
    with zipfile.ZipFile(path) as archive:
        at = archive.infolist()[1].header_offset + 100_000
    content = bytearray(path.read_bytes())
    content[at : at + 50] = bytes(50)
    path.write_bytes(content)

    events, problems, _ = replayed(path)

    assert any("damaged" in one and "orderbook" in one for one in problems)
    assert kinds_of(events).count(DEPTH) > 1000
    assert isinstance(events[-1], Disconnected)


WATCHED = ("imbalance_l1", "imbalance_l5", "spread_ticks", "quote_rate_1s", "trade_imbalance_10s")
ALARMING = DetectionConfig(
    bar_ms=1000,
    arl0=20,
    watches=tuple(WatchConfig(name=name, feature=name, detector="cusum") for name in WATCHED),
    calibration=CalibrationConfig(bars=100_000),
)


def ids_of(folder: Path) -> list[str]:
    replay = open_replay([folder])
    return [one.signal_id for one in drive(replay, Pipeline(replay.instruments, ALARMING)).signals]


def test_a_shorter_day_gives_the_first_signals_of_the_whole(tmp_path: Path) -> None:
    events, books = made_day(5, 3000, 5)
    whole = ids_of(put(tmp_path / "whole", texts(events, books)))

    found = []
    for rows in (1, 500, 1200, 1900, 2600, 2999):
        part = ids_of(put(tmp_path / str(rows), texts(events[:rows], books[:rows])))
        assert whole[: len(part)] == part
        found.append(len(part))

    assert 0 == found[0] < found[2] < found[4] <= len(whole), "and they are not all late"


def test_a_file_without_its_other_half_is_refused(tmp_path: Path) -> None:
    for missing, name in enumerate(("message", "orderbook")):
        files = dict(list(texts(*DAY).items())[1 - missing : 2 - missing])
        with pytest.raises(FeedError, match=f"has no {name} file beside it"):
            open_replay([put(tmp_path / name, files)])


def test_a_day_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    put_zip(tmp_path / "day.zip", texts(*DAY))
    put(tmp_path, texts(*DAY))

    with pytest.raises(UsageError, match=r"are the same day: name one of them"):
        open_replay([tmp_path])


def test_files_of_different_levels_are_no_pair(tmp_path: Path) -> None:
    files = dict(itertools.chain(list(texts(*DAY).items())[:1], list(texts(*DAY, levels=3).items())[1:]))

    with pytest.raises(FeedError, match="must have the same levels"):
        open_replay([put(tmp_path, files)])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.zip", b"PK\x03\x04 cut off", "a.zip cannot be unpacked"),
        ("GOOG_2012-13-21_34200000_57600000_message_2.csv", b"", "month must be in 1..12"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "a.7z is no recording"),
    ],
)
def test_what_cannot_be_a_day_says_why(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    put(tmp_path, {name: content})

    with pytest.raises(FeedError, match=says):
        open_replay([tmp_path / name])


def test_an_archive_of_other_things_is_none_of_ours(tmp_path: Path) -> None:
    path = put_zip(tmp_path / "BTCUSDC-aggTrades-2025-10-08.zip", {"BTCUSDC-aggTrades-2025-10-08.csv": b"1,2\n"})

    assert find_lobster([path]) == ([], set())


def test_levels_that_a_name_does_not_keep_are_named(tmp_path: Path) -> None:
    _, problems, _ = replayed(put(tmp_path, texts(*DAY, levels=3)))

    assert len(problems) == 101
    assert "line 1: book must be ask price, ask size, bid price and bid size of each level, got " in problems[0]


def test_trades_of_a_day_keep_their_sizes(tmp_path: Path) -> None:
    events, _, _ = replayed(put(tmp_path, texts(*DAY)))

    rows = DAY[0][np.isin(DAY[0][:, 1], (4, 5))]
    records = concatenate([event.records for event in events if isinstance(event, Replayed)])
    trades = records.messages[records.messages["kind"] == TRADE]
    assert records.levels["size"][trades["begin"]].tolist() == rows[:, 3].tolist()
    assert records.levels["tick"][trades["begin"]].tolist() == rows[:, 4].tolist()
