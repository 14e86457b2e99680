"""Recordings as events."""

import gzip
import itertools
from pathlib import Path

import pytest

from msray.errors import FeedError, UsageError
from msray.simulator.recording import RecordingSource
from msray.simulator.source import Kind
from tests.simulator.made import inner, recorded

DEPTH = b'{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":11,"u":12,"pu":10,"b":[["9.50","1.000"]],"a":[]}'
TRADE = b'{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":5,"p":"9.50","q":"1.000","X":"MARKET","m":true}'
TICKER = b'{"e":"bookTicker","u":12,"s":"BTCUSDT","b":"9.50","B":"1.000","a":"11.00","A":"5.000","T":1,"E":1}'
LEVELS = b'"bids": [["9.00", "5.000"], ["8.90", "5.000"]], "asks": [["11.00", "5.000"]]'
SNAPSHOT = b'{"lastUpdateId": 10, "E": 1, "T": 1, ' + LEVELS + b"}"


def wrapped(channel: bytes, data: bytes) -> bytes:
    return b'{"stream":"btcusdt@' + channel + b'","data":' + data + b"}"


def write(path: Path, lines: list[tuple[int, bytes]]) -> Path:
    text = b"".join(b"%d %s\n" % line for line in lines)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def small(path: Path, start: int = 1_700_000_000_000_000_000) -> Path:
    bodies = [
        wrapped(b"depth@0ms", DEPTH),
        SNAPSHOT,
        wrapped(b"trade", TRADE),
        wrapped(b"bookTicker", TICKER),
        wrapped(b"markPrice@1s", b'{"e":"markPriceUpdate"}'),
    ]
    return write(path, [(start + i, body) for i, body in enumerate(bodies)])


def test_what_is_sent_are_the_bytes_of_the_file(data_dir: Path) -> None:
    path = data_dir / "binance_2024-08-08_multi_venue" / "usdm" / "btcusdt_20240808.gz"
    source = RecordingSource([path])

    events = list(itertools.islice(source.events(), 20_000))

    lines = [
        (at_ns, body) for at_ns, body in itertools.islice(recorded(path), 20_001) if b"lastUpdateId" not in body[:20]
    ]
    assert [(event.at_ns, event.payload) for event in events] == [(at_ns, inner(body)) for at_ns, body in lines]
    assert [event.kind for event in events[:3]] == [Kind.DEPTH, Kind.BOOK_TICKER, Kind.TRADE]


def test_the_opening_snapshot_is_the_recorded_one_byte_for_byte(data_dir: Path) -> None:
    folder = data_dir / "binance_2024-08-08_multi_venue"
    source = RecordingSource([folder])

    snapshots = {listed.instrument.id: listed.snapshot for listed in source.listed}
    assert list(snapshots) == [
        "binance_coinm:BTCUSD_PERP",
        "binance_spot:BTCUSDT",
        "binance_spot:ETHUSDT",
        "binance_usdm:BTCUSDT",
        "binance_usdm:ETHUSDT",
    ]
    file = folder / "spot" / "btcusdt_20240808.gz"
    assert snapshots["binance_spot:BTCUSDT"] == next(body for _, body in recorded(file) if body.startswith(b'{"lastU'))


def test_files_are_merged_by_local_time_and_chained_by_their_first(data_dir: Path) -> None:
    folder = data_dir / "binance_spot_nexousdt_24h"
    later, earlier = folder / "nexousdt_20240724.dat.gz", folder / "nexousdt_20240723.dat.gz"
    source = RecordingSource([later, earlier])

    times = [event.at_ns for event in itertools.islice(source.events(), 5_000)]

    assert len(source.listed) == 1
    assert times == sorted(times)
    assert times[0] == 1721749183854663000, "the microseconds of the line behind the snapshot"


def test_several_instruments_are_one_stream_in_time(data_dir: Path) -> None:
    source = RecordingSource([data_dir / "binance_2024-08-08_multi_venue"])

    events = list(itertools.islice(source.events(), 20_000))

    assert {event.instrument for event in events} == set(range(5))
    assert all(a.at_ns <= b.at_ns for a, b in itertools.pairwise(events))


def test_kinds_and_later_snapshots_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    bodies = [SNAPSHOT, wrapped(b"depth@100ms", DEPTH), wrapped(b"trade", TRADE), DEPTH, TRADE, TICKER, SNAPSHOT]
    spaced = b'{"stream": "btcusdt@depth", "data": ' + DEPTH + b"}"
    write(path, [(1_700_000_000_000_000 + i, body) for i, body in enumerate([*bodies, spaced])])

    events = list(RecordingSource([path]).events())

    kinds = [Kind.DEPTH, Kind.TRADE, Kind.DEPTH, Kind.TRADE, Kind.BOOK_TICKER, Kind.SNAPSHOT, Kind.DEPTH]
    assert [event.kind for event in events] == kinds
    assert [event.payload for event in events if event.kind is Kind.DEPTH] == [DEPTH] * 3


def test_decimals_of_the_strings_are_kept(tmp_path: Path) -> None:
    (listed,) = RecordingSource([small(tmp_path / "a.dat")]).listed

    assert (listed.price_digits, listed.size_digits) == (2, 3)
    assert (listed.instrument.price_decimals, listed.instrument.id) == (1, "binance_usdm:BTCUSDT")


def test_the_venue_can_be_said(tmp_path: Path) -> None:
    (listed,) = RecordingSource([small(tmp_path / "a.dat")], venue="binance_coinm").listed

    assert listed.instrument.id == "binance_coinm:BTCUSDT"


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    path = small(tmp_path / "a.dat")
    good = path.read_bytes()
    path.write_bytes(b"nonsense\n12 {}\n" + good + b"1700000000000000 \n1700000000000000 {broken\n")
    source = RecordingSource([path])

    assert len(list(source.events())) == 3
    assert source.bad_lines == 4


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    lines = [(1_700_000_000_000_000_000 + i, wrapped(b"depth", DEPTH)) for i in range(5_000)]
    path = write(tmp_path / "a.gz", lines)
    path.write_bytes(path.read_bytes()[:-200])
    source = RecordingSource([path])

    count = len(list(source.events()))

    assert 0 < count < 5_000
    assert source.damaged_files == 1


def test_a_path_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.dat").write_text("hello\nworld\n")

    with pytest.raises(UsageError, match=r"missing\.dat is not there"):
        RecordingSource([tmp_path / "missing.dat"])
    with pytest.raises(UsageError, match="holds no recording"):
        RecordingSource([tmp_path / "empty"])
    with pytest.raises(FeedError, match="not a recording"):
        RecordingSource([tmp_path / "text.dat"])


def test_a_recorded_exchange_info_is_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "exchangeInfo_binance_usdm.json").write_bytes(b'{"symbols":[]}')
    source = RecordingSource([small(tmp_path / "a.dat")])

    assert source.exchange_info("binance_usdm") == b'{"symbols":[]}'
    assert source.exchange_info("binance_spot") is None
