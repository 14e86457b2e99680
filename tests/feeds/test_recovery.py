"""What a run found and may not have stored: its raw log, cut at any byte, gives exactly what it gave until there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from msray.errors import CorruptLogError
from msray.feeds import segment
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.raw_log_reader import RawLog
from msray.feeds.recovery import MARK, settle, signals_again, unsettled
from msray.feeds.replay import LogReplay, drive
from msray.market import UNCALIBRATED
from msray.prediction import DetectionConfig, Pipeline
from tests.feeds.clocks import SECOND, ManualClock
from tests.feeds.runs import INSTRUMENTS, Run, live, market
from tests.prediction.made import BTC, CALIBRATED, ETH, NEVER_CALIBRATED, START_NS, OnceSolver


def again(segments: list[Path]) -> list[str]:
    return [signal.signal_id for signals in signals_again(segments) for signal in signals]


def replayed(folder: Path) -> list[str]:
    """As ``msray replay FOLDER`` does."""
    log = LogReplay(RawLog([folder]))
    log.is_as_written = True
    return [signal.signal_id for signal in drive(log, Pipeline(log.instruments, DetectionConfig())).signals]


@pytest.fixture(autouse=True)
def solved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A calibration takes its time: each only once in these tests."""
    monkeypatch.setattr("msray.prediction.engine.SpotSolver", OnceSolver)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Run]]:
    """A run that calibrated itself in the middle, in one segment."""
    folder = tmp_path_factory.mktemp("killed")
    run = live(folder, market())
    ids = run.signals()
    assert len(ids) >= 8
    assert len(set(ids)) == len(ids)
    assert run.calibrations.keys() == {BTC.id, ETH.id}
    yield folder, run


def test_the_whole_log_gives_every_signal_in_order(killed: tuple[Path, Run]) -> None:
    folder, run = killed

    assert unsettled(folder) == {run.session: segment.segment_paths(folder)}
    assert sorted(again(segment.segment_paths(folder))) == sorted(run.signals())
    by_instrument = [
        [s.signal_id for _, _, signals in run.found for s in signals if s.instrument == one.id] for one in INSTRUMENTS
    ]
    found = [signal for signals in signals_again(segment.segment_paths(folder)) for signal in signals]
    assert [[s.signal_id for s in found if s.instrument == one.id] for one in INSTRUMENTS] == by_instrument


def test_a_log_cut_at_any_byte_gives_what_was_found_until_there(killed: tuple[Path, Run], tmp_path: Path) -> None:
    folder, run = killed
    (path,) = segment.segment_paths(folder)
    data, torn = path.read_bytes(), tmp_path / path.name
    raised = [end for _, end, signals in run.found if signals]
    sizes = {size for end in raised[:3] + raised[-2:] for size in (end - 1, end, end + 1, end + 19)}
    sizes |= set(range(run.found[0][1], len(data), len(data) // 12))

    for size in sorted(sizes):
        torn.write_bytes(data[:size])

        assert sorted(again([torn])) == sorted(run.signals(path, size)), f"cut at byte {size}"


def test_a_log_cut_in_its_header_is_nobodys(killed: tuple[Path, Run], tmp_path: Path) -> None:
    folder, _ = killed
    (path,) = segment.segment_paths(folder)
    data, torn = path.read_bytes(), tmp_path / path.name
    header = len(data) - RawLog([path]).total_bytes + RawLog([path])._segments[0].begin

    for size in (0, 1, 7, 19, 20, header - 1):
        torn.write_bytes(data[:size])

        assert unsettled(tmp_path) == {}


def test_a_log_cut_in_a_later_segment_gives_what_was_found_until_there(tmp_path: Path) -> None:
    run = live(tmp_path, market(), segment_bytes=150_000)
    paths = segment.segment_paths(tmp_path)
    assert len(paths) >= 4
    assert sorted(again(paths)) == sorted(run.signals())

    last = paths[-1]
    last.write_bytes(last.read_bytes()[:-5])

    assert unsettled(tmp_path) == {run.session: paths}
    assert sorted(again(paths)) == sorted(run.signals(last, last.stat().st_size))


def test_a_run_whose_beginning_is_gone_is_left_out_and_says_why_if_asked(tmp_path: Path) -> None:
    live(tmp_path, market(), segment_bytes=150_000)
    first, *rest = segment.segment_paths(tmp_path)

    first.unlink()

    assert unsettled(tmp_path) == {}
    with pytest.raises(CorruptLogError, match="must be segment 0 of its run, got 1"):
        next(signals_again(rest))


def test_what_lies_behind_a_missing_segment_is_left_out(tmp_path: Path) -> None:
    """Its fold would be another one, with signals that nobody found."""
    run = live(tmp_path, market(), segment_bytes=150_000)
    paths = segment.segment_paths(tmp_path)

    paths[2].unlink()

    assert unsettled(tmp_path) == {run.session: paths[:2]}
    assert set(again(paths[:2])) <= set(run.signals())


def test_two_runs_in_one_folder_are_found_again_each_by_itself(tmp_path: Path) -> None:
    one = live(tmp_path, market())
    other = live(tmp_path, market(), now_ns=START_NS + 3600 * SECOND, calibrations=list(one.calibrations.values()))

    found = unsettled(tmp_path)

    assert list(found) == [one.session, other.session]
    for run in (one, other):
        assert sorted(again(found[run.session])) == sorted(run.signals())
    assert not any(s.calibration == UNCALIBRATED for _, _, signals in other.found for s in signals)
    assert sorted(replayed(tmp_path)) == sorted(one.signals() + other.signals())


@pytest.mark.parametrize("share", [0.2, 0.29, 0.35, 1.0])
@pytest.mark.parametrize("is_known", [False, True], ids=["not yet kept", "kept"])
def test_a_replay_of_all_runs_gives_what_each_gave_wherever_one_was_killed(
    tmp_path: Path, share: float, is_known: bool
) -> None:
    """A calibration may have been kept long before it was in force, or be in force and not yet kept."""
    calibrations = list(live(tmp_path / "whole", market()).calibrations.values())
    one = live(tmp_path / "log", market()[: round(share * len(market()))])
    later = START_NS + 3600 * SECOND
    other = live(tmp_path / "log", market(), now_ns=later, calibrations=calibrations if is_known else ())

    assert sorted(replayed(tmp_path / "log")) == sorted(one.signals() + other.signals())


def test_a_run_that_looked_for_something_else_is_replayed_as_it_was(tmp_path: Path) -> None:
    one = live(tmp_path, market())
    other = live(tmp_path, market(), now_ns=START_NS + 3600 * SECOND, words=NEVER_CALIBRATED)

    assert sorted(replayed(tmp_path)) == sorted(one.signals() + other.signals())


def test_with_words_of_ones_own_all_runs_are_folded_with_them(tmp_path: Path) -> None:
    one = live(tmp_path / "log", market())
    live(tmp_path / "log", market(), now_ns=START_NS + 3600 * SECOND, words=NEVER_CALIBRATED)
    log = LogReplay(RawLog([tmp_path / "log"]))
    pipeline = Pipeline(log.instruments, CALIBRATED, calibrations=one.calibrations)

    signals = drive(log, pipeline).signals

    known = live(tmp_path / "known", market(), calibrations=list(one.calibrations.values()))
    assert sorted(s.signal_id for s in signals) == sorted(2 * known.signals())


def test_counts_of_a_replay_go_on_from_run_to_run(tmp_path: Path) -> None:
    live(tmp_path, market())
    once = LogReplay(RawLog([tmp_path]))
    machine = Pipeline(once.instruments, CALIBRATED, solver=OnceSolver())
    drive(once, machine)
    first = machine.lanes[BTC.id].quality(), machine.lanes[BTC.id].engine.counts

    live(tmp_path, market(), now_ns=START_NS + 3600 * SECOND)
    twice = LogReplay(RawLog([tmp_path]))
    machine = Pipeline(twice.instruments, CALIBRATED, solver=OnceSolver())
    drive(twice, machine)
    both = machine.lanes[BTC.id].quality(), machine.lanes[BTC.id].engine.counts

    for name in ("depth_messages", "trades", "level_changes"):
        assert getattr(both[0], name) == 2 * getattr(first[0], name)
    assert both[0].gaps == 2 * first[0].gaps + 1, "between the runs"
    assert (both[1].depth_messages, both[1].epochs) == (2 * first[1].depth_messages, 2 * first[1].epochs)
    assert both[0].repeated_trades == 0, "the ids of another run say nothing"


def test_a_settled_run_is_done_with(killed: tuple[Path, Run], tmp_path: Path) -> None:
    one = live(tmp_path, market()[:50])
    other = live(tmp_path, market()[:50], now_ns=START_NS + SECOND)

    settle(tmp_path, one.session)
    settle(tmp_path, one.session)

    assert list(unsettled(tmp_path)) == [other.session]
    settle(tmp_path, other.session)
    assert unsettled(tmp_path) == {}


def test_the_mark_of_a_run_goes_when_its_segments_have_gone(tmp_path: Path) -> None:
    run = live(tmp_path, market()[:50])
    settle(tmp_path, run.session)
    assert (tmp_path / f"{run.session}{MARK}").exists()

    for path in segment.segment_paths(tmp_path):
        path.unlink()

    assert unsettled(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_are_let_be(tmp_path: Path) -> None:
    run = live(tmp_path, market()[:50])
    for name in (f"notes{MARK}", f"²{MARK}", "9.msraylog", "readme.txt", f"{segment.SUFFIX}"):
        (tmp_path / name).write_text("not ours")

    assert list(unsettled(tmp_path)) == [run.session]
    assert len(list(tmp_path.iterdir())) == 6


def test_no_folder_holds_no_runs(tmp_path: Path) -> None:
    assert unsettled(tmp_path / "missing") == {}


def test_a_run_that_does_not_say_what_it_looked_for_is_refused(tmp_path: Path) -> None:
    writer = RawLogWriter(tmp_path, INSTRUMENTS, ManualClock(), metadata={"exchange_info": {}})
    writer.close()

    with pytest.raises(CorruptLogError, match="does not say what its run looked for"):
        next(signals_again(segment.segment_paths(tmp_path)))
