import errno
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from msray.errors import CorruptLogError, UnavailableError, UsageError
from msray.feeds import segment
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.raw_log_reader import RawLog
from msray.market import LEVEL, MESSAGE, Records
from msray.prediction import Arrived, Disconnected, LogEvent, Replayed, Requested
from msray.venues import Frames
from tests.disks import refusing
from tests.feeds.clocks import SECOND, ManualClock
from tests.feeds.made import arrived, frame_rows, plain, random_events
from tests.instruments import ETH, SPOT, USDM

INSTRUMENTS = (USDM, ETH, SPOT)


def write(folder: Path, events: list[LogEvent], **options: object) -> None:
    writer = RawLogWriter(folder, INSTRUMENTS, ManualClock(), **options)  # type: ignore[arg-type]
    for event in events:
        writer.append(event)
    writer.close()


def read(folder: Path) -> tuple[list[LogEvent], RawLog]:
    log = RawLog([folder])
    return list(log.events(most_frames=1)), log


def test_events_come_back_as_they_were(tmp_path: Path) -> None:
    events = random_events(np.random.default_rng(5), 200)

    write(tmp_path, events)
    back, log = read(tmp_path)

    assert [plain(e) for e in back[1:]] == [plain(e) for e in events]
    assert log.instruments == INSTRUMENTS
    assert log.summary.events == 200
    assert log.summary.damage == []
    assert log.summary.bytes == log.total_bytes
    assert log.summary.cut_bytes == 0


def test_records_are_refused_in_words(tmp_path: Path) -> None:
    records = Records(np.zeros(1, MESSAGE), np.zeros(0, LEVEL))

    with pytest.raises(UsageError, match=f"holds what venues sent, and records of {USDM.id} are none of it"):
        write(tmp_path, [Replayed(USDM.id, records)])


def test_a_run_begins_with_nothing_known(tmp_path: Path) -> None:
    write(tmp_path, [])

    events, _ = read(tmp_path)

    assert [plain(e)[:2] for e in events] == [("disconnected", (USDM.id, ETH.id, SPOT.id))]


def test_a_snapshot_keeps_whose_it_is(tmp_path: Path) -> None:
    answer = Arrived("binance_usdm", Frames.of([b'{"lastUpdateId":1}'], 7, 1))

    write(tmp_path, [answer])
    events, _ = read(tmp_path)

    assert plain(events[1]) == ("arrived", "binance_usdm", 1, [(7, b'{"lastUpdateId":1}')])


def test_turns_of_the_loop_are_joined_and_frames_stay_the_same(tmp_path: Path) -> None:
    events = random_events(np.random.default_rng(6), 300)
    write(tmp_path, events)

    joined = list(RawLog([tmp_path]).events())

    assert frame_rows(joined) == frame_rows(events)
    assert len(joined) < 0.8 * len(events)
    assert [plain(e) for e in joined[1:] if not isinstance(e, Arrived)] == [
        plain(e) for e in events if not isinstance(e, Arrived)
    ]


def test_a_part_of_a_larger_buffer_is_written_alone(tmp_path: Path) -> None:
    whole = arrived("binance_usdm", [b"one", b"two", b"three"])
    f = whole.frames
    part = Arrived("binance_usdm", type(f)(f.buffer, f.begin[1:2], f.end[1:2], f.local_ns[1:2], -1))

    write(tmp_path, [part])
    events, _ = read(tmp_path)

    assert frame_rows(events) == [("binance_usdm", -1, 1001, b"two")]


def test_segments_change_by_size_and_sort_by_time(tmp_path: Path) -> None:
    events = random_events(np.random.default_rng(7), 300)

    write(tmp_path, events, segment_bytes=4_000)
    back, log = read(tmp_path)

    assert log.summary.segments > 5
    assert [plain(e) for e in back[1:]] == [plain(e) for e in events]


async def test_segments_change_by_the_hour_and_old_ones_are_deleted(tmp_path: Path) -> None:
    clock = ManualClock()
    writer = RawLogWriter(tmp_path, INSTRUMENTS, clock, retention_hours=24.0)
    for hour in range(60):
        writer.append(Requested(USDM.id, hour))
        await clock.advance(3600)
    writer.close()

    kept = segment.segment_paths(tmp_path)
    events, _ = read(tmp_path)

    assert len(kept) == 26
    assert [e.local_ns for e in events if isinstance(e, Requested)] == list(range(34, 60))


async def test_the_open_segment_is_never_deleted(tmp_path: Path) -> None:
    clock = ManualClock()
    writer = RawLogWriter(tmp_path, INSTRUMENTS, clock, segment_hours=1000.0, retention_hours=0.0)
    writer.append(Requested(USDM.id, 1))
    await clock.advance(500 * 3600)
    writer.append(Requested(USDM.id, 2))

    assert len(segment.segment_paths(tmp_path)) == 1
    writer.close()


async def test_old_segments_that_somebody_still_reads_are_spared(tmp_path: Path) -> None:
    """As after a weekend: what an earlier run found is looked for in them first."""
    clock = ManualClock()
    for _ in range(3):
        RawLogWriter(tmp_path, INSTRUMENTS, clock).close()
        await clock.advance(3600)
    old = segment.segment_paths(tmp_path)
    await clock.advance(72 * 3600)

    writer = RawLogWriter(tmp_path, INSTRUMENTS, clock, spare=old[:1])
    first = segment.segment_paths(tmp_path)
    writer.spared.clear()
    await clock.advance(3600)
    writer.append(Requested(USDM.id, 1))

    assert first[:2] == [old[0], old[2]], "the last one was open until now, as far as its name says"
    assert segment.segment_paths(tmp_path)[0] == old[2]
    writer.close()


def test_a_second_run_appends_a_segment_even_if_the_clock_was_set_back(tmp_path: Path) -> None:
    for now, marker in ((9_000 * SECOND, 1), (1_000 * SECOND, 2), (1_000 * SECOND, 3)):
        writer = RawLogWriter(tmp_path, INSTRUMENTS, ManualClock(now))
        writer.append(Requested(USDM.id, marker))
        writer.close()

    events, log = read(tmp_path)

    assert log.summary.segments == 3
    assert [type(e).__name__ for e in events] == ["Began", "Requested"] * 3
    assert [e.local_ns for e in events if isinstance(e, Requested)] == [1, 2, 3]


def test_runs_with_other_instruments_read_as_one_log(tmp_path: Path) -> None:
    for now, instruments, place in ((1, (ETH, USDM), 0), (2, (SPOT, USDM, ETH), 1)):
        writer = RawLogWriter(tmp_path, instruments, ManualClock(now * SECOND))
        writer.append(Arrived("binance_usdm", Frames.of([b"snapshot of ETH"], 5, place)))
        writer.append(Requested(ETH.id, 6))
        writer.close()

    events, log = read(tmp_path)

    assert log.instruments == (ETH, USDM, SPOT)
    assert {row[1] for row in frame_rows(events)} == {0}
    assert {e.instrument for e in events if isinstance(e, Requested)} == {ETH.id}


def test_an_instrument_that_changed_is_no_longer_the_same_log(tmp_path: Path) -> None:
    finer = ETH.regridded(3, 1)
    for now, one in ((1, ETH), (2, finer)):
        RawLogWriter(tmp_path, (one,), ManualClock(now)).close()

    with pytest.raises(UsageError, match="declares binance_usdm:ETHUSDT differently"):
        RawLog([tmp_path])


async def test_runs_that_wrote_at_the_same_time_are_read_one_after_the_other(tmp_path: Path) -> None:
    clock = ManualClock()
    writers = {}
    for instrument in (USDM, ETH):
        writers[instrument.id] = RawLogWriter(tmp_path / instrument.symbol, [instrument], clock, segment_bytes=1)
        await clock.advance(1)
    for number in range(3):
        for name, writer in writers.items():
            writer.append(Requested(name, number))
            await clock.advance(1)
    for writer in writers.values():
        writer.close()

    log = RawLog([tmp_path / USDM.symbol, tmp_path / ETH.symbol])

    events = list(log.events())
    names = [event.instrument if isinstance(event, Requested) else "" for event in events]
    assert names == ["", USDM.id, USDM.id, USDM.id, "", ETH.id, ETH.id, ETH.id]
    assert log.summary.damage == []


def test_a_segment_that_is_named_beside_its_folder_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, [Requested(USDM.id, 1)])

    log = RawLog([tmp_path, *segment.segment_paths(tmp_path)])

    assert len(list(log.events())) == 2


def test_two_writers_of_one_folder_are_refused(tmp_path: Path) -> None:
    first = RawLogWriter(tmp_path, INSTRUMENTS, ManualClock())

    with pytest.raises(UsageError, match="being written by another process"):
        RawLogWriter(tmp_path, INSTRUMENTS, ManualClock())

    first.close()
    RawLogWriter(tmp_path, INSTRUMENTS, ManualClock()).close()


def test_a_log_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    writer = RawLogWriter(tmp_path, INSTRUMENTS, ManualClock())
    for i in range(3):
        writer.append(Requested(USDM.id, i))
        events, _ = read(tmp_path)
        assert len(events) == 2 + i
    writer.close()


# -------------------------------------------------------------------- full disks


def test_what_does_not_fit_is_cut_off_and_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = RawLogWriter(tmp_path, INSTRUMENTS, ManualClock())
    writer.append(Requested(USDM.id, 1))

    for room in (0, 11, 27):
        with monkeypatch.context() as patch:
            patch.setattr("msray.feeds.raw_log.os.writev", lambda f, p, room=room: _write_some(f, p, room))
            patch.setattr("msray.feeds.raw_log.os.write", refusing(errno.ENOSPC))
            with pytest.raises(UnavailableError, match="cannot be written: No space left on device"):
                writer.append(Requested(USDM.id, 2))
    writer.append(Requested(USDM.id, 3))
    writer.close()
    events, log = read(tmp_path)

    assert [e.local_ns for e in events[1:]] == [1, 3]  # type: ignore[union-attr]
    assert log.summary.damage == []


_real_write = os.write


def _write_some(file: int, pieces: list[bytes], most: int) -> int:
    return _real_write(file, b"".join(pieces)[:most]) if most else 0


def test_a_short_write_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = RawLogWriter(tmp_path, INSTRUMENTS, ManualClock())
    events = random_events(np.random.default_rng(8), 30)

    monkeypatch.setattr("msray.feeds.raw_log.os.writev", lambda f, p: _write_some(f, p, 13))
    for event in events:
        writer.append(event)
    writer.close()

    assert [plain(e) for e in read(tmp_path)[0][1:]] == [plain(e) for e in events]


def test_a_torn_block_that_cannot_be_cut_off_ends_its_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = RawLogWriter(tmp_path, INSTRUMENTS, ManualClock())
    writer.append(Requested(USDM.id, 1))

    with monkeypatch.context() as patch:
        patch.setattr("msray.feeds.raw_log.os.writev", lambda f, p: _write_some(f, p, 13))
        patch.setattr("msray.feeds.raw_log.os.write", refusing(errno.EIO))
        patch.setattr("msray.feeds.raw_log.os.ftruncate", refusing(errno.EIO))
        with pytest.raises(UnavailableError, match="Input/output error"):
            writer.append(Requested(USDM.id, 2))
    writer.append(Requested(USDM.id, 3))
    writer.close()
    events, log = read(tmp_path)

    assert [e.local_ns for e in events[1:]] == [1, 3]  # type: ignore[union-attr]
    assert log.summary.cut_bytes == 13


def test_a_segment_that_cannot_be_begun_leaves_the_one_before_it_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = RawLogWriter(tmp_path, INSTRUMENTS, ManualClock(), segment_bytes=1)

    with monkeypatch.context() as patch:
        patch.setattr("msray.feeds.raw_log.os.writev", refusing(errno.EROFS))
        patch.setattr(Path, "unlink", refusing(errno.EROFS))
        with pytest.raises(UnavailableError, match="Read-only file system"):
            writer.append(Requested(USDM.id, 1))

    writer.sync()
    writer.close()


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UnavailableError, match="cannot be written"):
        RawLogWriter(tmp_path / "file", INSTRUMENTS, ManualClock())


# -------------------------------------------------------------------- damage


def _two_segments(folder: Path) -> tuple[list[LogEvent], list[Path]]:
    events = random_events(np.random.default_rng(9), 40)
    write(folder, events, segment_bytes=2_000)
    return events, segment.segment_paths(folder)


def _marked(back: list[LogEvent]) -> list[tuple[object, ...]]:
    """Events with every mark of a loss in the same words."""
    everything = (USDM.id, ETH.id, SPOT.id)
    return [
        ("LOST",) if isinstance(event, Disconnected) and event.instruments == everything else plain(event)
        for event in back
    ]


def _is_honest(back: list[LogEvent], events: list[LogEvent]) -> bool:
    """The events in order, none changed, and a mark wherever some are missing, but at the end."""
    at = 0
    known = [plain(e) for e in events]
    lost = False
    for event in _marked(back):
        if event == ("LOST",):
            lost = True
            continue
        step = known[at:].index(event)
        if step and not lost:
            return False
        at += step + 1
        lost = False
    return True


@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
def test_no_flipped_byte_is_ever_bridged(tmp_path: Path, which: int) -> None:
    events, paths = _two_segments(tmp_path)
    assert len(paths) >= 2
    path = paths[which]
    whole = path.read_bytes()
    header = segment.PREFIX.size + segment.PREFIX.unpack(whole[: segment.PREFIX.size])[2]
    places = [*range(segment.PREFIX.size), *range(segment.PREFIX.size, header, 97)]
    places += [*range(header, header + 120), *range(header + 120, len(whole), 11), *range(len(whole) - 40, len(whole))]

    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 0x40
        path.write_bytes(damaged)

        back, log = read(tmp_path)

        assert log.summary.damage, place
        assert _is_honest(back, events), place
    path.write_bytes(whole)


@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
def test_no_cut_is_ever_bridged(tmp_path: Path, which: int) -> None:
    events, paths = _two_segments(tmp_path)
    path = paths[which]
    whole = path.read_bytes()

    for length in range(0, len(whole), 5):
        path.write_bytes(whole[:length])

        back, log = read(tmp_path)

        assert _is_honest(back, events), length
        assert len(log.summary.damage) <= 2
    path.write_bytes(whole)


def test_a_torn_tail_is_cut_and_counted_without_a_mark(tmp_path: Path) -> None:
    events = random_events(np.random.default_rng(10), 20)
    write(tmp_path, events)
    path = segment.segment_paths(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-5])

    back, log = read(tmp_path)

    assert [plain(e) for e in back[1:]] == [plain(e) for e in events[:-1]]
    assert log.summary.cut_bytes > 0
    assert len(log.summary.damage) == 1


def test_a_missing_segment_is_marked(tmp_path: Path) -> None:
    write(tmp_path, random_events(np.random.default_rng(11), 200), segment_bytes=2_000)
    paths = segment.segment_paths(tmp_path)
    paths[2].unlink()

    back, log = read(tmp_path)

    assert _marked(back).count(("LOST",)) == 2
    assert "events before it are missing" in log.summary.damage[0]


@pytest.mark.parametrize("content", [b"", b"MSRAYLOG", b"{}", bytes(range(100)), b"MSRAYLOG" + bytes(12)])
def test_a_file_that_is_no_segment_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"1{segment.SUFFIX}"
    path.write_bytes(content)

    with pytest.raises(CorruptLogError, match=str(path)):
        RawLog([path])


@pytest.mark.parametrize(("begin", "end"), [(-1, 2), (0, 99), (2, 1), (-(2**62), 2**62)])
def test_a_table_that_points_elsewhere_is_refused(tmp_path: Path, begin: int, end: int) -> None:
    write(tmp_path, [arrived("binance_usdm", [b"abc"])])
    path = segment.segment_paths(tmp_path)[0]
    payload = np.array([1, begin, end], np.int64).tobytes() + b"abc"
    head = segment.BLOCK.pack(0, len(payload), 1, -1, segment.ARRIVED, 0)[segment.CRC_BYTES :]
    with path.open("ab") as file:
        file.write(zlib.crc32(head + payload).to_bytes(4, "little") + head + payload)

    with pytest.raises(CorruptLogError, match="names bytes that it does not have"):
        read(tmp_path)


def test_another_version_is_refused_by_number(tmp_path: Path) -> None:
    path = tmp_path / f"1{segment.SUFFIX}"
    path.write_bytes(segment.PREFIX.pack(segment.MAGIC, 9, 0, 0))

    with pytest.raises(CorruptLogError, match="version of a raw log must be 1, got 9"):
        RawLog([path])


def test_nothing_to_read_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no segments"):
        RawLog([tmp_path])
    with pytest.raises(UsageError, match="no such raw log"):
        RawLog([tmp_path / "nowhere"])
