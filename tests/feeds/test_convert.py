"""A lake gives the signals of what it was made of."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from msray.errors import UsageError
from msray.feeds.convert import convert
from msray.feeds.lake.check import check_lake
from msray.feeds.lake.part import find_parts, read_part
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.replay import Replay, drive, open_replay
from msray.market import GAP, REGRID, REQUEST, SNAPSHOT, concatenate
from msray.prediction import CalibrationConfig, DetectionConfig, LogEvent, Pipeline, WatchConfig
from tests.feeds.clocks import ManualClock
from tests.feeds.lakes import contents
from tests.feeds.test_lobster import put_zip, texts
from tests.feeds.test_recording import depth, snapshot, write
from tests.prediction.made import BTC, ETH, NEVER_CALIBRATED, SPOT, START_NS, market_events
from tests.venues.made_lobster import made_day

SECOND = 1_000_000_000
ALL = (BTC, ETH, SPOT)
REAL = DetectionConfig(
    bar_ms=100,
    arl0=20,
    watches=tuple(
        WatchConfig(name=name, feature=name, detector="cusum")
        for name in ("imbalance_l1", "spread_ticks", "quote_rate_1s", "trade_imbalance_10s")
    ),
    calibration=CalibrationConfig(bars=100_000),
)


def signals(replay: Replay, words: DetectionConfig = NEVER_CALIBRATED) -> tuple[dict[str, list[str]], Pipeline]:
    """Ids by instrument, and the pipeline that found them."""
    pipeline = Pipeline(replay.instruments, words)
    found = drive(replay, pipeline).signals
    return {one.id: [s.signal_id for s in found if s.instrument == one.id] for one in replay.instruments}, pipeline


def write_log(folder: Path, events: Sequence[LogEvent]) -> None:
    writer = RawLogWriter(folder, ALL, ManualClock())
    for event in events:
        writer.append(event)
    writer.close()


def check(replayed: Path, lake: Path, words: DetectionConfig = NEVER_CALIBRATED, *, least: int = 5) -> Pipeline:
    """Convert, verify, and compare the signals; answers the pipeline of the lake."""
    convert(open_replay([replayed]), lake)
    expected, source = signals(open_replay([replayed]), words)

    found, pipeline = signals(open_replay([lake]), words)

    assert check_lake([lake])[1] == []
    assert found == expected
    assert sum(map(len, found.values())) >= least
    for name, lane in pipeline.lanes.items():
        other = source.lanes[name]
        assert lane.sync.counts == other.sync.counts
        assert lane.engine.counts == other.engine.counts
        assert lane.quality() == other.quality()
    return pipeline


def test_a_raw_log_with_losses_and_audits_gives_the_same_signals(tmp_path: Path) -> None:
    write_log(tmp_path / "log", market_events(ALL, seconds=24, lost=(12,), audited=(5, 18)))

    pipeline = check(tmp_path / "log", tmp_path / "lake")

    assert pipeline.lanes[BTC.id].sync.counts.audits >= 1
    assert pipeline.lanes[BTC.id].sync.counts.gaps == 1
    kinds = {
        int(kind)
        for part in find_parts([tmp_path / "lake"])
        for r in read_part(part.path)
        for kind in r.messages["kind"]
    }
    assert kinds >= {GAP, REQUEST, SNAPSHOT}


def test_two_runs_of_a_log_do_not_join(tmp_path: Path) -> None:
    write_log(tmp_path / "log", market_events(ALL, seconds=12, seed=1))
    write_log(tmp_path / "log", market_events(ALL, seconds=12, seed=9, start_ns=START_NS + 60 * SECOND))

    pipeline = check(tmp_path / "log", tmp_path / "lake")

    assert pipeline.lanes[BTC.id].sync.counts.gaps == 1
    assert pipeline.lanes[BTC.id].sync.counts.snapshots == 2


def test_a_finer_grid_is_kept(tmp_path: Path) -> None:
    frames = [snapshot(), *(depth("AAA", i, price=f"100.{50 + i % 7}") for i in range(5, 60))]
    write(tmp_path / "rec" / "a", frames, step_ns=SECOND)

    check(tmp_path / "rec", tmp_path / "lake", least=0)

    (part,) = find_parts([tmp_path / "lake"])
    kinds = concatenate(list(read_part(part.path))).messages["kind"]
    assert (kinds == REGRID).sum() >= 1
    assert part.head.ends_as.grid < part.head.instrument.grid * 10 ** (
        part.head.ends_as.price_decimals - part.head.instrument.price_decimals
    )


def test_lobster_days_give_the_same_signals(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    put_zip(source / "1.zip", texts(*made_day(5, 3000, 5)))
    put_zip(source / "2.zip", texts(*made_day(6, 1000, 5), day="2012-06-22"))
    put_zip(source / "3.zip", texts(*made_day(7, 1000, 1), symbol="AAPL"))

    check(source, tmp_path / "lake", REAL, least=2)

    assert [part.head.day for part in find_parts([tmp_path / "lake"])] == ["2012-06-21", "2012-06-21", "2012-06-22"]


@pytest.mark.parametrize(
    ("name", "bar_ms"),
    [
        ("binance_2024-08-08_multi_venue/usdm/btcusdt_20240808.gz", 100),
        ("binance_2024-08-08_multi_venue/cm", 100),
        ("binance_spot_nexousdt_24h", 1000),
        ("lobster_2012-06-21/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip", 1000),
    ],
)
def test_real_recordings_give_the_same_signals(name: str, bar_ms: int, data_dir: Path, tmp_path: Path) -> None:
    check(data_dir / name, tmp_path, REAL.model_copy(update={"bar_ms": bar_ms}), least=2)


def test_converting_again_changes_nothing_and_a_lake_can_be_converted(tmp_path: Path) -> None:
    write_log(tmp_path / "log", market_events(ALL, seconds=12))
    convert(open_replay([tmp_path / "log"]), tmp_path / "lake")
    before = contents(tmp_path / "lake")

    days, refused = convert(open_replay([tmp_path / "log"]), tmp_path / "lake")
    convert(open_replay([tmp_path / "lake"]), tmp_path / "copy")

    assert {one.state for one in days} == {"unchanged"}
    assert refused == 0
    assert contents(tmp_path / "lake") == before
    contents_of = [[part.head.content for part in find_parts([tmp_path / name])] for name in ("lake", "copy")]
    assert contents_of[0] == contents_of[1]


def test_every_instrument_begins_with_nothing_known(tmp_path: Path) -> None:
    write(tmp_path / "rec" / "a", [snapshot(), *(depth("AAA", i) for i in range(5, 9))])

    convert(open_replay([tmp_path / "rec"]), tmp_path / "lake")

    (part,) = find_parts([tmp_path / "lake"])
    assert next(read_part(part.path)).messages["kind"][0] == GAP


def test_sources_are_those_of_the_instrument(tmp_path: Path) -> None:
    write(tmp_path / "rec" / "a", [depth("AAA", i) for i in range(5)])
    write(tmp_path / "rec" / "b", [depth("BBB", i) for i in range(5)])

    convert(open_replay([tmp_path / "rec"]), tmp_path / "lake")

    found = {
        part.head.instrument.symbol: [s.name for s in part.head.sources] for part in find_parts([tmp_path / "lake"])
    }
    assert found == {"AAA": ["a"], "BBB": ["b"]}


def test_what_could_not_be_read_is_counted(tmp_path: Path) -> None:
    bad = json.dumps(json.loads(depth("AAA", 9)) | {"b": [["1e3", "1"]]})
    write(tmp_path / "rec" / "a", [snapshot(), *(depth("AAA", i) for i in range(5, 9)), bad])

    _, refused = convert(open_replay([tmp_path / "rec"]), tmp_path / "lake")

    assert refused == 1


def test_a_lake_beside_its_recording_is_the_same_instrument_twice(tmp_path: Path) -> None:
    write(tmp_path / "rec" / "a", [depth("AAA", i) for i in range(5)])
    convert(open_replay([tmp_path / "rec"]), tmp_path / "rec" / "lake")

    with pytest.raises(UsageError, match=r"binance_usdm:AAA is there twice: .*rec/a and .*part-00000.parquet"):
        open_replay([tmp_path / "rec"])


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    write_log(tmp_path / "log", market_events((BTC,), seconds=3))
    replay = open_replay([tmp_path / "log"])
    told: list[int] = []

    convert(replay, tmp_path / "lake", progress=told.append)

    assert told == sorted(told)
    assert told[-1] == replay.total_bytes
