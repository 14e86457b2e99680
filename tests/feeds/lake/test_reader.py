"""A lake as a source: in order, and honest about what is not there."""

from pathlib import Path

import pytest

from msray.errors import UsageError
from msray.feeds.lake.part import Source, find_parts
from msray.feeds.lake.reader import LakeGroup
from msray.feeds.replay import drive, open_replay
from msray.market import GAP, GapReason, Messages, concatenate
from msray.prediction import Pipeline, Replayed
from tests.feeds.lakes import DAY_NS, market, plain, small_parts, write_lake
from tests.instruments import ETH, SPOT
from tests.prediction.made import NEVER_CALIBRATED


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three days of several parts."""
    small_parts(monkeypatch)
    write_lake(tmp_path, market())
    return tmp_path


def replayed(*paths: Path) -> tuple[list[Replayed], list[str], bool]:
    replay = open_replay(paths)
    events = list(replay.events())
    assert all(isinstance(event, Replayed) for event in events)
    return events, replay.problems, replay.bytes_read == replay.total_bytes  # type: ignore[return-value]


def messages_of(events: list[Replayed]) -> Messages:
    return concatenate([event.records for event in events]).messages


def test_a_lake_a_day_and_a_part_can_be_replayed(lake: Path) -> None:
    events, problems, is_through = replayed(lake)
    assert (plain([event.records for event in events]), problems, is_through) == (plain(market()), [], True)

    day = next(lake.rglob("day=2024-06-27"))
    assert len(messages_of(replayed(day)[0])) == 40
    assert len(messages_of(replayed(day / "part-00001.parquet")[0])) < 20


def test_instruments_of_a_lake_are_merged_by_time(lake: Path) -> None:
    write_lake(lake, market(days=1), instrument=ETH)

    events, _, _ = replayed(lake)

    firsts = [int(event.records.messages["local_ns"][0]) for event in events]
    assert firsts == sorted(firsts)
    assert {event.instrument for event in events} == {ETH.id, SPOT.id}


def test_a_damaged_part_is_named_and_leaves_a_gap(lake: Path) -> None:
    path = find_parts([lake])[4].path
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)

    events, problems, is_through = replayed(lake)

    assert [problem.startswith(f"{path}: cannot be read") for problem in problems] == [True]
    assert is_through
    m = messages_of(events)
    assert (m["prev_id"][m["kind"] == GAP] == GapReason.SEQUENCE).all()
    assert (m["kind"] == GAP).sum() == 1


def test_a_missing_part_is_named_and_leaves_a_gap(lake: Path) -> None:
    parts = find_parts([lake])
    parts[5].path.unlink()

    events, problems, _ = replayed(lake)

    assert problems == [f"{parts[6].path}: follows a part that is not there"]
    m = messages_of(events)
    assert (m["kind"] == GAP).sum() == 1
    replay = open_replay([lake])
    pipeline = Pipeline(replay.instruments, NEVER_CALIBRATED)
    drive(replay, pipeline)
    assert pipeline.lanes[SPOT.id].sync.state == "unsynced", "there is no snapshot behind it"


def test_days_of_other_files_between_are_no_damage(tmp_path: Path) -> None:
    def shifted(days: int) -> list[object]:
        found = market(days=1, first_id=500 * days)
        for part in found:
            part.messages["event_ns"] += days * DAY_NS * (part.messages["event_ns"] > 0)
        return found  # type: ignore[return-value]

    write_lake(tmp_path, [*market(days=1), *shifted(2)])  # type: ignore[list-item]
    write_lake(tmp_path, shifted(1), sources=[Source("b", 1, "2" * 64)])  # type: ignore[arg-type]

    events, problems, _ = replayed(tmp_path)

    assert problems == []
    kinds = messages_of(events)["kind"].tolist()
    assert kinds.count(GAP) == 1, "what came before the third day is not what lies before it"


def test_an_instrument_that_is_declared_in_two_ways_is_refused(tmp_path: Path) -> None:
    write_lake(tmp_path, market(days=1))
    later = market(days=1)
    for part in later:
        part.messages["event_ns"] += DAY_NS * (part.messages["event_ns"] > 0)
    write_lake(tmp_path, later, instrument=SPOT.regridded(3, 1), sources=[Source("b", 1, "2" * 64)])

    with pytest.raises(UsageError, match=r"day=2024-06-27.* declares binance_spot:BTCUSDT differently from .*26"):
        open_replay([tmp_path])


def test_a_group_can_be_read_again(lake: Path) -> None:
    group = LakeGroup(find_parts([lake]))

    once, again = (plain([event.records for event in group.events()]) for _ in range(2))  # type: ignore[union-attr]

    assert once == again
    assert group.bytes_read == group.total_bytes
