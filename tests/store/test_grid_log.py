"""Grids that are finished whatever happens: what is done is kept, what is torn is cut, what is of others refused."""

import functools
import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest

from msray.backtest import (
    BacktestConfig,
    Cell,
    CellResult,
    SignalFollower,
    cut_time,
    make_cells,
    make_stage,
    run_serially,
    span_of,
)
from msray.errors import CorruptLogError, UnavailableError, UsageError
from msray.store.grid_log import GridLog, run_grid
from tests.backtest.planted import INSTRUMENT, leaning
from tests.feeds.clocks import ManualClock

ONE = CellResult(key="a" * 32, net_return=0.1 + 0.2, final_equity=1e4 / 3, orders=2, returns=(0.1, -0.0, 1e-300))
TWO = CellResult(key="b" * 32, problem="ZeroDivisionError: ü")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "grid.jsonl"


def written(path: Path, *groups: list[CellResult]) -> bytes:
    log = GridLog(path, "digest")
    for group in groups:
        log.append(group)
    log.close()
    return path.read_bytes()


def read(path: Path, digest: str = "digest") -> dict[str, CellResult]:
    log = GridLog(path, digest)
    log.close()
    return log.results


def test_results_come_back_bit_for_bit(path: Path) -> None:
    written(path, [ONE], [TWO])

    assert read(path) == {ONE.key: ONE, TWO.key: TWO}


def test_the_later_of_two_results_of_one_cell_counts(path: Path) -> None:
    written(path, [TWO], [replace(TWO, problem="", orders=4)])

    assert read(path)[TWO.key].orders == 4


def test_wherever_the_last_line_is_torn_the_whole_ones_are_kept(path: Path) -> None:
    begun, whole = len(written(path, [ONE])), written(path, [TWO])

    for end in range(begun, len(whole)):
        path.write_bytes(whole[:end])
        assert read(path) == {ONE.key: ONE}
        assert path.read_bytes() == whole[:begun]
    for end in range(path.read_bytes().index(b"\n") + 1):
        path.write_bytes(whole[:end])
        assert read(path) == {}


@pytest.mark.parametrize("text", ["notes", "{}\n", '{"schema":"msray.grid/2"}\n', "\n"])
def test_a_file_that_is_no_log_is_refused_and_left_alone(path: Path, text: str) -> None:
    path.write_text(text)

    with pytest.raises(UsageError, match=r"must be a log of schema msray\.grid/1, or not be there"):
        GridLog(path, "digest")
    assert path.read_text() == text


def test_a_log_of_another_grid_or_version_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, [ONE])

    with pytest.raises(UsageError, match=r"of this grid \(tapes, cells or strategy\), other, got digest"):
        GridLog(path, "other")
    monkeypatch.setattr("msray.__version__", "9.9")
    with pytest.raises(UsageError, match=r"of this version of msray, 9\.9, got "):
        GridLog(path, "digest")


@pytest.mark.parametrize("line", [b"junk", b"[]", b'{"group":[{"key":"a"}]}', b'{"group":3}'])
def test_a_damaged_line_is_named(path: Path, line: bytes) -> None:
    whole = written(path, [ONE], [TWO]).splitlines(keepends=True)
    path.write_bytes(whole[0] + line + b"\n" + whole[2])

    with pytest.raises(CorruptLogError, match=r"grid\.jsonl, line 2 is no group of results"):
        GridLog(path, "digest")


def test_a_log_has_one_writer(path: Path) -> None:
    log = GridLog(path, "digest")

    with pytest.raises(UnavailableError, match="is being written by another process"):
        GridLog(path, "digest")
    log.close()
    read(path)


def test_a_place_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere" / "grid.jsonl"):
        with pytest.raises(UsageError, match="cannot write"):
            GridLog(place, "digest")


class TickingClock(ManualClock):
    """Each cell takes 50 ms by it."""

    def monotonic_ns(self) -> int:
        self.pause(0.05)
        return super().monotonic_ns()


SMALL = {"least_s": 0.2, "clock": TickingClock()}
"""Five pilots, then groups of four."""


@functools.cache
def cells() -> list[Cell]:
    return make_cells(
        [BacktestConfig(profit_target_pct=profit, max_holding_seconds=15.0) for profit in (0.001, 0.002, 0.003)],
        [[INSTRUMENT.id]],
        cut_time(*span_of([leaning()]), 8),
    )


class Counting(SignalFollower):
    """Counts how many are made; may end the process instead."""

    made = 0
    dies_at = -1

    def __init__(self, config: BacktestConfig) -> None:
        super().__init__(config)
        type(self).made += 1
        if type(self).made == type(self).dies_at:
            os._exit(9)


@pytest.fixture
def counting() -> type[Counting]:
    Counting.made, Counting.dies_at = 0, -1
    return Counting


def test_a_grid_is_run_once(path: Path, counting: type[Counting]) -> None:
    stage, done = make_stage([leaning()], cells()), []

    first = run_grid(stage, cells(), counting, path=path, progress=done.append)
    again = run_grid(stage, cells(), counting, path=path)

    assert first == again == run_grid(stage, cells(), SignalFollower)
    assert [result.key for result in first] == [cell.key for cell in cells()]
    assert counting.made == len(cells())
    assert done[-1] == len(cells())
    assert done == sorted(done)


def _killed(path: Path) -> None:
    Counting.dies_at = 15
    run_grid(make_stage([leaning()], cells()), cells(), Counting, path=path, **SMALL)


def test_a_grid_whose_process_died_goes_on_where_it_was(path: Path, counting: type[Counting]) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_killed, args=(path,))
    process.start()
    process.join()
    groups = [len(json.loads(line)["group"]) for line in path.read_text().splitlines()[1:]]
    stage = make_stage([leaning()], cells())

    found = run_grid(stage, cells(), counting, path=path)

    assert process.exitcode == 9
    assert groups == [5, 4, 5]
    assert counting.made == len(cells()) - sum(groups)
    assert found == run_grid(stage, cells(), SignalFollower)


class Broken(SignalFollower):
    """Fails until it is mended."""

    is_mended = False

    def __init__(self, config: BacktestConfig) -> None:
        if not type(self).is_mended and config == cells()[0].config:
            raise RuntimeError("broken")
        super().__init__(config)


def test_what_failed_is_tried_again(path: Path) -> None:
    stage, done = make_stage([leaning()], cells()), []

    failed = run_grid(stage, cells(), Broken, path=path, progress=done.append)
    Broken.is_mended = True
    mended = run_grid(stage, cells(), Broken, path=path)

    assert sum(bool(result.problem) for result in failed) == 8
    assert done[-1] == len(cells()) - 8
    assert mended == run_grid(stage, cells(), SignalFollower)
    assert len(json.loads(path.read_text().splitlines()[-1])["group"]) <= 8


def test_an_interrupt_keeps_what_is_done(path: Path, counting: type[Counting]) -> None:
    stage = make_stage([leaning()], cells())

    def interrupted(stage, parts, strategy, keep):
        run_serially(stage, parts[:1], strategy, keep)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_grid(stage, cells(), counting, run=interrupted, path=path, **SMALL)
    made = counting.made
    run_grid(stage, cells(), counting, path=path)

    assert made == 9
    assert counting.made == len(cells())
