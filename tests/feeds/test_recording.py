import gzip
import json
import random
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from msray.errors import FeedError, UnknownNameError, UsageError
from msray.feeds.recording import RecordingGroup, open_recordings
from msray.prediction import Disconnected
from tests.feeds.made import frame_rows
from tests.instruments import USDM

NS = 1_700_000_000_000_000_000


def depth(symbol: str, number: int, venue: str = "binance_usdm", price: str = "100.50") -> str:
    extra = {"binance_usdm": {"pu": number - 1}, "binance_coinm": {"ps": "X", "pu": number - 1}, "binance_spot": {}}[
        venue
    ]
    futures = {} if venue == "binance_spot" else {"T": 1_700_000_000_000}
    return json.dumps(
        {"e": "depthUpdate", "E": 1_700_000_000_000, **futures, "s": symbol, "U": number, "u": number, **extra}
        | {"b": [[price, "1.000"]], "a": []}
    )


def snapshot(bid: str = "100.50", ask: str = "101.00") -> str:
    body = {"lastUpdateId": 5, "E": 1_700_000_000_000, "T": 1_700_000_000_000}
    return json.dumps(
        body | {"bids": [[bid, "1.000"], ["100.00", "2.000"]], "asks": [[ask, "1.000"], ["101.50", "3.000"]]}
    )


def write(path: Path, frames: list[str], begin_ns: int = NS, step_ns: int = 1000) -> Path:
    text = "".join(f"{begin_ns + i * step_ns} {frame}\n" for i, frame in enumerate(frames))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def one(*paths: Path, **options: str) -> RecordingGroup:
    groups = open_recordings(paths, **options).groups
    assert len(groups) == 1
    return groups[0]


def test_paths_are_grouped_by_instrument_and_chained_by_time(tmp_path: Path) -> None:
    write(tmp_path / "a" / "late.gz", [depth("AAA", i) for i in range(5, 9)], NS + 10**9)
    write(tmp_path / "z" / "early", [depth("AAA", i) for i in range(1, 5)])
    write(tmp_path / "b.gz", [depth("BBB", i) for i in range(3)])
    write(tmp_path / "spot", [depth("AAA", 1, "binance_spot")])
    (tmp_path / "README.md").write_text("what this is")
    (tmp_path / ".hidden").write_text("nothing")

    found = open_recordings([tmp_path])

    assert {g.instrument.id: [f.name for f in g.files] for g in found.groups} == {
        "binance_usdm:AAA": ["early", "late.gz"],
        "binance_usdm:BBB": ["b.gz"],
        "binance_spot:AAA": ["spot"],
    }
    assert len(found.ignored) == 1
    assert "README.md is no recording" in found.ignored[0]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "r", [depth("AAA", 1)])

    assert one(path, tmp_path, path).files == (path,)


def test_files_that_overlap_are_read_side_by_side(tmp_path: Path) -> None:
    write(tmp_path / "one", [depth("AAA", i) for i in range(0, 10, 2)], NS, 2000)
    write(tmp_path / "two", [depth("AAA", i) for i in range(1, 10, 2)], NS + 1000, 2000)

    rows = frame_rows(list(one(tmp_path).events()))

    assert [json.loads(row[3])["u"] for row in rows] == list(range(10))


def test_the_snapshot_carries_its_place(tmp_path: Path) -> None:
    group = one(write(tmp_path / "r", [depth("AAA", 1), snapshot()]))

    assert {row[1] for row in frame_rows(list(group.events(hint=3)))} == {3}


def test_ticks_are_read_off_the_first_snapshot(tmp_path: Path) -> None:
    write(tmp_path / "r", [depth("AAA", 1, price="100.25"), snapshot()])

    instrument = one(tmp_path).instrument

    assert instrument.is_inferred
    assert (instrument.price_decimals, instrument.size_decimals, instrument.tick, instrument.grid) == (1, 3, 5, 5)


def test_what_exchange_info_says_beside_the_file_wins(tmp_path: Path) -> None:
    write(tmp_path / "r", [depth("AAA", 1), snapshot()])
    filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.010"}, {"filterType": "LOT_SIZE", "maxQty": "1000"}]
    symbol = {"symbol": "AAA", "status": "TRADING", "quantityPrecision": 4, "filters": filters}
    (tmp_path / "exchangeInfo.json").write_text(json.dumps({"symbols": [symbol]}))

    instrument = one(tmp_path).instrument

    assert not instrument.is_inferred
    assert (instrument.price_decimals, instrument.size_decimals, instrument.tick) == (2, 4, 1)


def test_an_instrument_file_wins_over_everything(tmp_path: Path) -> None:
    write(tmp_path / "r", [depth("AAA", 1), snapshot()])
    inferred = one(tmp_path).instrument
    declared = asdict(inferred) | {"price_decimals": 3, "tick": 7, "grid": 1, "is_inferred": False}
    (tmp_path / "instruments.json").write_text(json.dumps([declared]))
    (tmp_path / "exchangeInfo.json").write_text("not looked at")

    assert asdict(one(tmp_path).instrument) == declared


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("instruments.json", "[{}]", "must be a list of instruments"),
        (
            "instruments.json",
            json.dumps([asdict(USDM) | {"price_decimals": -1}]),
            "must be a list of instruments: price_decimals of .* 0 to 18, got -1",
        ),
        ("exchangeInfo.json", "{", "exchangeInfo of binance_usdm must be"),
    ],
)
def test_a_broken_file_beside_it_is_named(tmp_path: Path, name: str, content: str, says: str) -> None:
    write(tmp_path / "r", [depth("AAA", 1), snapshot()])
    (tmp_path / name).write_text(content)

    with pytest.raises(FeedError, match=f"{name}.*{says}"):
        open_recordings([tmp_path])


def test_exchange_info_that_does_not_list_the_symbol_is_no_help_and_no_harm(tmp_path: Path) -> None:
    write(tmp_path / "r", [depth("AAA", 1), snapshot()])
    (tmp_path / "exchangeInfo.json").write_text('{"symbols":[]}')

    assert one(tmp_path).instrument.is_inferred


def test_the_venue_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "r", [depth("AAA", 1, "binance_usdm")])

    assert one(path).instrument.id == "binance_usdm:AAA"
    assert one(path, venue="binance_coinm").instrument.id == "binance_coinm:AAA"
    with pytest.raises(UnknownNameError, match="binance_spott"):
        open_recordings([path], venue="binance_spott")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "r is empty"),
        (b"# notes\n", r"r is no recording: line 1 must be a receive time .* got '# notes'"),
        (b"\xff\xfe\x00\x01" * 30, "r is no recording: line 1 must be"),
        (b"x" * 5_000_000, "r is no recording: line 1 must be"),
        (b"1700000000000 {}\n", "r, line 1 to 1: venue must be told"),
        (b"1700000000000 not json\n" * 3, "r, line 1 to 3: venue must be told"),
        (b"\x1f\x8b\x08\x00", "r cannot be unpacked: cut off"),
        (b"\x1f\x8bgarbage garbage garbage", "r cannot be unpacked: damaged"),
    ],
)
def test_a_named_file_that_is_no_recording_says_file_line_and_reason(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "r"
    path.write_bytes(content)

    with pytest.raises(FeedError, match=says):
        open_recordings([path])


def test_a_folder_without_recordings_says_so(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="no recording in"):
        open_recordings([tmp_path])


def test_a_path_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file or folder: .*nowhere"):
        open_recordings([tmp_path / "nowhere"])


def test_a_chain_whose_file_is_cut_off_goes_on_behind_a_mark(tmp_path: Path) -> None:
    frames = [depth("AAA", i) + " " * (i % 60) for i in range(3000)]
    first = write(tmp_path / "1.gz", frames[:2000])
    write(tmp_path / "2.gz", frames[2000:], NS + 10**9)
    first.write_bytes(first.read_bytes()[:-3000])
    group = one(tmp_path)

    events = list(group.events())
    ids = [json.loads(row[3])["u"] for row in frame_rows(events)]

    assert ids == [*range(len(ids) - 1000), *range(2000, 3000)]
    assert 1000 < len(ids) < 3000
    marks = [i for i, event in enumerate(events) if isinstance(event, Disconnected)]
    assert len(frame_rows(events[: marks[0]])) == len(ids) - 1000
    assert [text.startswith(str(first)) for text in group.damage] == [True]


def test_weird_lines_are_counted_and_the_rest_comes(tmp_path: Path) -> None:
    rng = random.Random(12)
    path = tmp_path / "r"
    lines, good = [], 0
    for i in range(2000):
        if i and rng.random() < 0.3:
            lines.append(rng.randbytes(rng.randrange(60)).replace(b"\n", b"") + b"\n")
        else:
            lines.append(f"{NS + i} {depth('AAA', i)}\n".encode())
            good += 1
    path.write_bytes(b"".join(lines))
    group = one(path)

    rows = frame_rows(list(group.events(chunk_bytes=5000)))

    assert len(rows) == good
    assert group.lines == 2000
    assert group.bad_lines == 2000 - good


def test_the_real_recordings_are_found_whole(data_dir: Path) -> None:
    found = open_recordings([data_dir / "binance_2024-08-08_multi_venue"])

    ids = [group.instrument.id for group in found.groups]
    assert sorted(ids) == [
        "binance_coinm:BTCUSD_PERP",
        "binance_spot:BTCUSDT",
        "binance_spot:ETHUSDT",
        "binance_usdm:BTCUSDT",
        "binance_usdm:ETHUSDT",
    ]
    lines = Counter[str]()
    for group in found.groups:
        for event in group.events():
            lines[group.instrument.id] += len(event.frames)  # type: ignore[union-attr]
        assert group.bytes_read == group.total_bytes
        assert (group.bad_lines, group.damage) == (0, [])
    assert lines == {
        "binance_usdm:BTCUSDT": 93954,
        "binance_usdm:ETHUSDT": 74655,
        "binance_spot:BTCUSDT": 41249 + 58325,
        "binance_spot:ETHUSDT": 33618 + 46126,
        "binance_coinm:BTCUSD_PERP": 48270 + 50116,
    }


def test_the_chunks_of_a_real_recording_do_not_matter(data_dir: Path) -> None:
    group = one(data_dir / "binance_2023-04-04_usdm_spot" / "usdm" / "btcusdt_20230404.dat.gz")

    large = frame_rows(list(group.events()))
    small = frame_rows(list(group.events(chunk_bytes=300_001)))

    assert large == small
    assert len(large) == 13384
