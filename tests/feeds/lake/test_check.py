"""Whatever is wrong with a lake is found, and named by file and reason."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from msray.errors import UsageError
from msray.feeds.lake.check import check_lake
from msray.feeds.lake.part import KEY, Part, find_parts, read_part
from msray.market import DEPTH, Records
from tests.feeds.lakes import market, plain, small_parts, write_lake
from tests.naive.exchange import record


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three days of several parts, with a gap in the second."""
    small_parts(monkeypatch)
    write_lake(tmp_path / "lake", market(skip=(25,)))
    return tmp_path / "lake"


def reasons(lake: Path) -> list[str]:
    return [f"{one.file.parent.name[-2:]}/{one.file.stem[-1]}: {one.reason}" for one in check_lake([lake])[1]]


Edit = Callable[[pa.Table], pa.Table]


def rewrite(part: Part, *, head: dict[str, object] | None = None, table: Edit | None = None) -> None:
    """The part with another footer or other content."""
    old = pq.read_table(part.path)
    new = table(old) if table else old
    said = msgspec.structs.replace(part.head, **(head or {}))
    pq.write_table(new.replace_schema_metadata({KEY: msgspec.json.encode(said)}), part.path)


def test_a_good_lake_is_good(lake: Path) -> None:
    told: list[int] = []

    parts, damage = check_lake([lake], told.append)

    assert damage == []
    assert sum(part.head.messages for part in parts) == 120
    assert sum(part.head.gaps for part in parts) == 1
    assert told[-1] == sum(part.path.stat().st_size for part in parts)


def test_a_day_and_a_part_of_a_good_lake_are_good_by_themselves(lake: Path) -> None:
    for day in lake.rglob("day=*"):
        assert check_lake([day])[1] == []
    assert check_lake([day / "part-00001.parquet"])[1] == []


def test_a_flipped_byte_is_found_or_changes_nothing(lake: Path) -> None:
    path = find_parts([lake])[2].path
    good, whole = path.read_bytes(), plain(list(read_part(path)))
    found = 0
    for at in range(4, len(good), max(len(good) // 60, 1)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :])
        if check_lake([path])[1]:
            found += 1
        else:  # statistics, which nobody here reads, have no checksum
            assert plain(list(read_part(path))) == whole, at
    assert found > 30


def edited(name: str, row: int, value: int) -> Edit:
    def edit(table: pa.Table) -> pa.Table:
        values = table.column(name).to_pylist()
        values[row] = value
        field = table.schema.field(name)
        return table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))

    return edit


@pytest.mark.parametrize(
    ("head", "table", "says"),
    [
        ({}, edited("last_id", 3, 777), "content must be what the footer says"),
        ({}, edited("kind", 3, 0), "kind of a message must be"),
        ({}, lambda table: table.drop_columns(["trade_ns"]), "columns must be those of version 1"),
        ({"content": "0" * 64}, None, "content must be what the footer says"),
        ({"trades": 99}, None, "trades must be 99, got"),
        ({"messages": 99}, None, "must have 99 messages, got"),
        ({"last_local_ns": 5}, None, "last_local_ns must be 5, got"),
        ({"gaps": 4}, None, "gaps must be 4, got"),
        ({"day": "2024-06-29"}, None, "must lie in the folder of binance_spot:BTCUSDT and day 2024-06-29"),
        ({"number": 7}, None, "must lie in its place: it is part 7 of the day"),
        ({"is_last": True}, None, "must be the last part of its day"),
        ({"version": 3}, None, "version of a lake must be 1, got 3"),
    ],
)
def test_a_part_that_is_not_what_it_says_is_named(
    lake: Path, head: dict[str, object], table: Edit | None, says: str
) -> None:
    rewrite(find_parts([lake])[1], head=head, table=table)

    found = reasons(lake)

    assert any(one.startswith("26/1: " + says) for one in found), found


def test_a_part_that_is_gone_is_missed(lake: Path) -> None:
    parts = find_parts([lake])
    parts[1].path.unlink()

    count = sum(part.head.day.endswith("26") for part in parts)
    assert reasons(lake) == [
        "26/2: must lie in its place: it is part 2 of the day",
        "26/2: follows a part that is not there",
        *(f"26/{n}: must lie in its place: it is part {n} of the day" for n in range(3, count)),
    ]


def test_the_last_part_of_a_day_is_missed_too(lake: Path) -> None:
    last = [part for part in find_parts([lake]) if part.head.day.endswith("28")][-1]
    last.path.unlink()

    assert reasons(lake) == [f"28/{last.head.number - 1}: parts of its day behind it are not there"]


def test_a_day_that_is_gone_is_missed(lake: Path) -> None:
    shutil.rmtree(next(lake.rglob("day=2024-06-27")))

    assert reasons(lake) == ["28/0: follows a part that is not there"]


def test_a_part_in_another_day_is_named(lake: Path) -> None:
    folder = next(lake.rglob("day=2024-06-27"))
    folder.rename(folder.with_name("day=2024-06-30"))

    assert reasons(lake)[0] == "30/0: must lie in the folder of binance_spot:BTCUSDT and day 2024-06-27"


def test_messages_of_another_day_are_named(tmp_path: Path) -> None:
    write_lake(tmp_path, market(days=1))
    (part,) = find_parts([tmp_path])
    times = pq.read_table(part.path).column("event_ns").to_pylist()
    rewrite(part, table=edited("event_ns", 40, times[40] + 86_400 * 10**9))

    assert "26/0: messages must be of 2024-06-26" in reasons(tmp_path)


def crossing(at: int) -> Records:
    stamps = {"event_ns": market()[1].messages["event_ns"][0] + at, "local_ns": at}
    return record(DEPTH, [(0, 200, 1)] if at % 2 else [(0, 100, at)], first_id=at, last_id=at, **stamps)


def test_a_book_that_stays_crossed_is_named(tmp_path: Path) -> None:
    write_lake(tmp_path / "a", [market()[0], *(crossing(at) for at in (2, 3, 4))])
    write_lake(tmp_path / "b", [market()[0], *(crossing(at) for at in (2, 3, 4, 5))])

    assert reasons(tmp_path / "a") == [], "twice running is no worse than a detector takes it"
    assert reasons(tmp_path / "b") == ["26/0: book must not stay crossed, as it does from update 5 on"]


def test_nothing_to_check_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no parts of a lake"):
        check_lake([tmp_path])
