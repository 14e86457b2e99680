"""What a part holds, and what it says of itself."""

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import CorruptLogError, UsageError
from msray.feeds.lake.part import (
    ContentDigest,
    day_name,
    days_of,
    find_parts,
    from_arrow,
    is_part,
    read_head,
    read_part,
    to_arrow,
    wrong_with,
)
from msray.market import DEPTH, GAP, MAX_TICK, OTHER, REFRESH, SNAPSHOT, TRADE, Records
from tests.feeds.lakes import DAY_NS, FIRST_DAY, market, plain, random_records, small_parts, write_lake
from tests.instruments import SPOT
from tests.naive.exchange import record


@given(st.integers(0, 1000), st.integers(0, 30))
def test_records_survive_the_way_through_a_table(seed: int, count: int) -> None:
    records = random_records(seed, count)

    back = from_arrow(to_arrow(records))

    assert back.messages.tolist() == records.messages.tolist()
    assert back.levels.tolist() == records.levels.tolist()


@given(st.integers(0, 1000), st.integers(0, 30), st.integers(1, 30))
def test_the_digest_does_not_depend_on_batches(seed: int, count: int, step: int) -> None:
    records = random_records(seed, count)
    whole, cut = ContentDigest(), ContentDigest()

    whole.add(records)
    for at in range(0, count, step):
        cut.add(records[at : at + step].copy())

    assert cut.hexdigest() == whole.hexdigest()


def test_the_digest_sees_every_number() -> None:
    digests = set()
    for change in range(8):
        records = random_records(1, 20)
        if change < 4:
            records.messages[("local_ns", "first_id", "kind", "prev_id")[change]][7] += 1
        elif change < 7:
            records.levels[("size", "tick", "flags")[change - 4]][3] += 1
        digest = ContentDigest()
        digest.add(records)
        digests.add(digest.hexdigest())

    assert len(digests) == 8


def test_all_that_was_written_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    records = market()

    write_lake(tmp_path, records)

    parts = find_parts([tmp_path])
    assert plain([some for part in parts for some in read_part(part.path)]) == plain(records)
    assert len(parts) > 6


def test_a_part_is_a_table_for_others_too(tmp_path: Path) -> None:
    records = market(days=1)
    write_lake(tmp_path, records)

    table = pl.read_parquet(tmp_path / "**" / "*.parquet", hive_partitioning=True)

    assert (table["venue"][0], table["symbol"][0], str(table["day"][0])) == (SPOT.venue, SPOT.symbol, "2024-06-26")
    levels = table.filter(kind=DEPTH)["levels"].explode().struct.unnest()
    wanted = [level for part in records if part.messages["kind"][0] == DEPTH for level in part.levels.tolist()]
    assert levels.select("size", "tick", "flags").rows() == wanted


def test_a_head_says_what_is_in_the_part(tmp_path: Path) -> None:
    write_lake(tmp_path, market(days=2, skip=(30,)))

    first, second = (part.head for part in find_parts([tmp_path]))

    assert (first.day, first.number, first.is_last, first.follows) == ("2024-06-26", 0, True, "")
    assert (first.messages, first.depth_messages, first.trades, first.snapshots) == (41, 20, 20, 1)
    assert (first.levels, first.gaps, first.first_id, first.last_id) == (62, 0, 1, 21)
    assert (second.day, second.follows, second.gaps) == ("2024-06-27", first.content, 1)
    assert second.first_event_ns == (FIRST_DAY + 1) * DAY_NS + DAY_NS // 40
    assert second.last_local_ns == (FIRST_DAY + 2) * DAY_NS - DAY_NS // 40 + 10**6
    assert [source.name for source in first.sources] == ["a.gz", "b.gz"]
    assert first.instrument == first.ends_as == SPOT


def test_a_message_that_comes_late_stays_in_the_day_that_has_begun() -> None:
    records = random_records(2, 5)
    records.messages["event_ns"] = [n * DAY_NS // 2 for n in (2, 3, 5, 1, 9)]

    days, latest_ns = days_of(records, 0)

    assert days.tolist() == [1, 1, 2, 2, 4]
    assert latest_ns == 9 * DAY_NS // 2
    assert days_of(records, 3 * DAY_NS)[0].tolist() == [3, 3, 3, 3, 4]
    assert day_name(19_900) == "2024-06-26"


@pytest.mark.parametrize(
    ("records", "says"),
    [
        (record(OTHER, []), "kind of a message"),
        (record(REFRESH, []), "kind of a message"),
        (record(9, []), "kind of a message"),
        (record(GAP, [], prev_id=7), "reason of a gap"),
        (record(GAP, [(0, 1, 1)], prev_id=1), "a trade must have one level, a gap and a request none"),
        (record(TRADE, []), "a trade must have one level"),
        (record(DEPTH, [(0, -1, 1)]), f"tick must be 0 to {MAX_TICK}, got -1 to -1"),
        (record(SNAPSHOT, [(0, 1, -1)]), "size must be 0 to"),
        (record(DEPTH, [(0, 1, 0)]), ""),
    ],
)
def test_what_cannot_have_arrived_is_no_record(records: Records, says: str) -> None:
    assert wrong_with(records).startswith(says)
    assert bool(wrong_with(records)) == bool(says)


def test_parts_are_told_by_their_names() -> None:
    day = Path("/x/venue=a/symbol=B/day=2024-01-01")

    assert is_part(day / "part-00000.parquet")
    assert not is_part(day / "other.parquet")
    assert not is_part(Path("/x/venue=a/symbol=B/.day=2024-01-01.12-ab.partial/part-00000.parquet"))
    assert not is_part(Path("/part-00000.parquet"))


def test_a_folder_without_parts_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no parts of a lake in") as caught:
        find_parts([tmp_path])
    assert caught.value.hint == "msray data convert makes a lake"
    with pytest.raises(UsageError, match=r"no such lake: .*nowhere"):
        find_parts([tmp_path / "nowhere"])


def _foreign(path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(path)


def _with_metadata(path: Path, text: bytes) -> None:
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"msray": text}), path)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_foreign, "was not written by msray"),
        (lambda path: path.write_bytes(b"PAR1"), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "cannot be read"),
        (lambda path: _with_metadata(path, b"{"), "does not say what it is"),
        (lambda path: _with_metadata(path, b"[]"), "does not say what it is"),
        (lambda path: _with_metadata(path, b'{"version": 1, "day": 3}'), "does not say what it is"),
        (lambda path: _with_metadata(path, b'{"version": 2}'), "version of a lake must be 1, got 2"),
    ],
)
def test_a_part_that_does_not_say_what_it_is_is_refused_by_name(tmp_path: Path, spoil: object, says: str) -> None:
    write_lake(tmp_path, market(days=1))
    (part,) = find_parts([tmp_path])

    spoil(part.path)  # type: ignore[operator]

    with pytest.raises(CorruptLogError, match=f"part-00000.parquet: {says}"):
        read_head(part.path)
