"""A day appears whole or not at all, and nothing is mixed in silence."""

import errno
from pathlib import Path
from typing import Any

import pytest

from msray.errors import CorruptLogError, UnavailableError, UsageError
from msray.feeds.lake import part_writer, writer
from msray.feeds.lake.part import Source, find_parts, read_part
from msray.feeds.lake.writer import LakeWriter, source_of
from msray.market import DEPTH, REGRID, SNAPSHOT, Records
from tests.feeds.lakes import DAY_NS, FILES, FIRST_DAY, contents, market, plain, small_parts, write_lake
from tests.instruments import SPOT
from tests.naive.exchange import record

OTHERS = (Source("c.gz", 7, "2" * 64),)


def states(days: list[Any]) -> list[tuple[str, str]]:
    return [(one.day[-2:], one.state) for one in days]


def test_days_are_folders(tmp_path: Path) -> None:
    days = write_lake(tmp_path, market())

    assert states(days) == [("26", "written"), ("27", "written"), ("28", "written")]
    folder = tmp_path / "venue=binance_spot" / "symbol=BTCUSDT"
    assert sorted(path.name for path in folder.iterdir()) == [f"day=2024-06-{day}" for day in (26, 27, 28)]
    assert sum(one.bytes for one in days) == sum(part.path.stat().st_size for part in find_parts([tmp_path]))
    assert [one.messages for one in days] == [41, 40, 40]


def test_writing_the_same_again_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    write_lake(tmp_path, market())
    before = contents(tmp_path)

    days = write_lake(tmp_path, market())

    assert {state for _, state in states(days)} == {"unchanged"}
    assert contents(tmp_path) == before
    assert [one.messages for one in days] == [41, 40, 40]


def test_how_records_are_batched_changes_no_content(tmp_path: Path) -> None:
    whole = [writer.concatenate(market())]

    write_lake(tmp_path / "one", whole)
    write_lake(tmp_path / "many", market())

    one, many = ([part.head.content for part in find_parts([tmp_path / name])] for name in ("one", "many"))
    assert one == many


def test_a_day_that_was_made_of_other_files_is_refused_unless_it_is_to_go(tmp_path: Path) -> None:
    write_lake(tmp_path, market(days=2))
    before = contents(tmp_path)

    with pytest.raises(UsageError, match=r"day=2024-06-26 was made of other files, .*: a.gz, b.gz") as caught:
        write_lake(tmp_path, market(first_id=500), sources=OTHERS)
    assert "--replace" in caught.value.hint
    assert contents(tmp_path) == before

    days = write_lake(tmp_path, market(first_id=500), sources=OTHERS, replace=True)
    assert states(days) == [("26", "replaced"), ("27", "replaced"), ("28", "written")]
    found = [some for part in find_parts([tmp_path]) for some in read_part(part.path)]
    assert plain(found) == plain(market(first_id=500))


def test_a_day_that_does_not_say_what_it_is_can_be_replaced(tmp_path: Path) -> None:
    write_lake(tmp_path, market(days=2))
    find_parts([tmp_path])[1].path.write_bytes(b"nothing")

    with pytest.raises(CorruptLogError, match=r"day=2024-06-27/part-00000.parquet: cannot be read"):
        write_lake(tmp_path, market(days=2))

    assert states(write_lake(tmp_path, market(days=2), replace=True)) == [("26", "unchanged"), ("27", "replaced")]


def test_a_day_that_cannot_take_its_place_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lake(tmp_path, market(days=1))
    before = contents(tmp_path)
    rename = Path.rename

    def refusing(self: Path, target: Path) -> Path:
        if self.suffix == ".partial":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refusing)
    with pytest.raises(UnavailableError, match="Input/output error"):
        write_lake(tmp_path, market(days=1, first_id=500), sources=OTHERS, replace=True)

    assert contents(tmp_path) == before


def test_another_grid_is_another_day(tmp_path: Path) -> None:
    write_lake(tmp_path, market(days=1))

    with pytest.raises(UsageError, match="was made of other files, or on another grid"):
        write_lake(tmp_path, market(days=1), instrument=SPOT.regridded(3, 1))


def test_days_of_different_files_lie_beside_each_other(tmp_path: Path) -> None:
    write_lake(tmp_path, market(days=1))
    later = market(days=2, first_id=100)
    for part in later:
        part.messages["event_ns"] += DAY_NS * (part.messages["event_ns"] > 0)

    assert states(write_lake(tmp_path, later, sources=OTHERS)) == [("27", "written"), ("28", "written")]


def test_a_conversion_that_stops_leaves_whole_days_and_goes_on_later(tmp_path: Path) -> None:
    writer = LakeWriter(tmp_path, SPOT, FILES)
    for records in market()[:90]:  # in the middle of the third day
        writer.append(records)
    writer.abort()

    assert [path.name for path in sorted(tmp_path.rglob("*day=*"))] == ["day=2024-06-26", "day=2024-06-27"]
    days = write_lake(tmp_path, market())
    assert states(days) == [("26", "unchanged"), ("27", "unchanged"), ("28", "written")]
    found = [some for part in find_parts([tmp_path]) for some in read_part(part.path)]
    assert plain(found) == plain(market())
    parts = find_parts([tmp_path])
    assert [part.head.follows for part in parts] == ["", parts[0].head.content, parts[1].head.content]


def test_parts_of_a_day_are_numbered_and_the_last_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)

    write_lake(tmp_path, market(days=1))

    found = [(part.head.number, part.head.is_last, part.path.name) for part in find_parts([tmp_path])]
    assert found == [(n, n == len(found) - 1, f"part-{n:05d}.parquet") for n in range(len(found))]
    assert len(found) > 3


def test_the_day_of_the_first_records_is_that_of_the_first_event_time(tmp_path: Path) -> None:
    """Spot snapshots have none, and are received when the next day has begun here already."""
    midnight = (FIRST_DAY + 1) * DAY_NS
    parts = [
        record(SNAPSHOT, [(0, 100, 5)], last_id=1, local_ns=midnight + 5),
        record(DEPTH, [], first_id=2, last_id=2, event_ns=midnight - 1, local_ns=midnight + 6),
        record(DEPTH, [], first_id=3, last_id=3, event_ns=midnight, local_ns=midnight + 7),
    ]

    assert [(one.day, one.messages) for one in write_lake(tmp_path, parts)] == [("2024-06-26", 2), ("2024-06-27", 1)]


def test_records_without_any_event_time_have_the_day_on_which_they_were_received(tmp_path: Path) -> None:
    parts = [record(SNAPSHOT, [(0, 100, 5)], last_id=1, local_ns=FIRST_DAY * DAY_NS + 5)]

    assert [one.day for one in write_lake(tmp_path, parts)] == ["2024-06-26"]


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    assert write_lake(tmp_path, [market()[0][:0]]) == []
    assert contents(tmp_path) == {}


def test_a_part_says_on_which_grid_it_begins_and_ends(tmp_path: Path) -> None:
    def regrid(at: int) -> Records:
        event_ns = market(days=2)[at].messages["event_ns"][0]
        return record(REGRID, [], first_id=3, last_id=1, prev_id=10, event_ns=event_ns)

    parts = market(days=2)
    parts.insert(20, regrid(20))

    write_lake(tmp_path, parts)

    first, second = (part.head for part in find_parts([tmp_path]))
    finer = SPOT.regridded(3, 1)
    assert (first.instrument, first.ends_as, second.instrument, second.ends_as) == (SPOT, finer, finer, finer)


def test_a_full_disk_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lake(tmp_path, market(days=1))
    before = contents(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(part_writer.os, "fsync", full)
    with pytest.raises(UnavailableError, match="cannot be written: No space left on device"):
        write_lake(tmp_path, market(days=2), sources=OTHERS, replace=True)

    assert contents(tmp_path) == before


def test_a_source_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(b"abc")

    assert source_of(path) == Source("a.gz", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
