"""Backtests on a cluster: the same as in one process, whatever dies meanwhile."""

import functools
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import ray

from msray.backtest import (
    BacktestConfig,
    BacktestResult,
    Cell,
    CellResult,
    SignalFollower,
    backtest,
    cut_time,
    make_cells,
    make_stage,
    span_of,
)
from msray.backtest.config import SECOND, LatencyConfig
from msray.backtest.latency_log import LatencyLog
from msray.errors import UnavailableError, UsageError
from msray.on_ray.backtests import run_all_on_ray, run_on_ray
from msray.store.grid_log import run_grid
from tests.backtest.planted import INSTRUMENT, leaning
from tests.end_to_end.running import environment
from tests.feeds.clocks import ManualClock
from tests.on_ray.tried import Noted, Telling, made
from tests.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.timeout(200)]


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
        [BacktestConfig(profit_target_pct=profit, max_holding_seconds=15.0) for profit in (0.001, 0.002, 0.003, 0.004)],
        [[INSTRUMENT.id]],
        cut_time(*span_of([leaning()]), 10),
    )


def is_idle() -> bool:
    return bool(ray.available_resources().get("CPU") == ray.cluster_resources()["CPU"])


@pytest.fixture(scope="module")
def expected() -> list[CellResult]:
    return run_grid(make_stage([leaning()], cells()), cells(), SignalFollower)


def test_without_a_cluster_none_is_started() -> None:
    with pytest.raises(UnavailableError, match="none has been joined"):
        run_on_ray(make_stage([leaning()], cells()), [cells()], SignalFollower, lambda _: None)


def test_a_grid_on_ray_gives_what_it_gives_in_one_process(joined: None, expected: list[CellResult]) -> None:
    done: list[int] = []

    found = run_grid(
        make_stage([leaning()], cells()), cells(), SignalFollower, run=run_on_ray, progress=done.append, **SMALL
    )

    assert found == expected
    assert sum(result.trades for result in found) > 40
    assert len(done) > 5
    assert done[-1] == len(cells())


def test_a_backtest_on_ray_gives_what_it_gives_in_one_process(joined: None) -> None:
    log = LatencyLog(span_of([leaning()]), [0, SECOND], [SECOND, 0])
    config = BacktestConfig(
        profit_target_pct=0.002, stop_loss_pct=0.0015, max_holding_seconds=15.0, latency=LatencyConfig(log=log)
    )
    ran: list[BacktestResult] = []

    def run(*words: object) -> list[BacktestResult]:
        ran.extend(run_all_on_ray(*words))
        return ran

    found = backtest([leaning()], config, run=run)

    assert found.as_dict() == backtest([leaning()], config).as_dict()
    assert len(ran) == 27


def test_what_is_wrong_with_the_tapes_is_said_as_in_one_process(joined: None) -> None:
    with pytest.raises(UsageError, match="clock_correction_ms must be at least"):
        run_all_on_ray([leaning()], [BacktestConfig(clock_correction_ms=-1.0)], SignalFollower)


def test_a_worker_loads_neither_database_nor_web_server_and_compiles_nothing(joined: None) -> None:
    found: list[CellResult] = []

    run_on_ray(make_stage([leaning()], cells()), [cells()[:20], cells()[20:]], Telling, found.extend)

    told = {result.problem.partition("RuntimeError: ")[2].partition(" (")[0] for result in found if result.problem}
    assert told <= {"[] [0, 0] 1", "[] [0, 0] 0"}
    assert told


def test_tapes_are_read_where_they_were_put(joined: None) -> None:
    def owners(stage: object) -> list[tuple[bool, bool]]:
        (tape,) = stage.tapes.values()  # type: ignore[attr-defined]
        arrays = (tape.records.messages, tape.records.levels, tape.bests, tape.row_message)
        return [(array.flags.owndata, array.flags.writeable) for array in arrays]

    put = ray.put(make_stage([leaning()], cells()))

    assert ray.get(ray.remote(owners).remote(put)) == [(False, False)] * 4


def test_a_group_whose_worker_dies_is_run_again(joined: None, tmp_path: Path, expected: list[CellResult]) -> None:
    dying = partial(Noted, folder=tmp_path, fatal=0.003, most=1)

    found = run_grid(make_stage([leaning()], cells()), cells(), dying, run=run_on_ray, **SMALL)

    assert len(list(tmp_path.glob("died*"))) == 1
    assert found == expected


def test_a_cell_that_no_worker_survives_is_named_and_its_neighbours_are_run(
    joined: None, tmp_path: Path, expected: list[CellResult]
) -> None:
    dying = partial(Noted, folder=tmp_path, fatal=0.003, most=99)
    found: list[CellResult] = []

    run_on_ray(make_stage([leaning()], cells()), [cells()[1:3]], dying, found.extend)

    assert [result.key for result in found if result.problem] == [cells()[2].key]
    assert [result for result in found if not result.problem] == [expected[1]]


def test_an_interrupt_cancels_what_runs_and_keeps_what_is_done(joined: None, tmp_path: Path) -> None:
    stage, path = make_stage([leaning()], cells()), tmp_path / "grid.jsonl"
    (tmp_path / "notes").mkdir()
    noted = partial(Noted, folder=tmp_path / "notes")

    def interrupted(done: int) -> None:
        if done > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_grid(stage, cells(), noted, run=run_on_ray, path=path, progress=interrupted, **SMALL)
    eventually(is_idle)

    assert len(path.read_text().splitlines()) == 3


PROGRAM = """
import sys
from functools import partial
from pathlib import Path
from msray.on_ray import session
from tests.on_ray.test_backtests import SMALL, Noted, cells, leaning, make_stage, run_grid, run_on_ray
session.join(sys.argv[1])
folder = Path(sys.argv[2])
noted = partial(Noted, folder=folder / "notes", holds=29)
run_grid(make_stage([leaning()], cells()), cells(), noted, run=run_on_ray, path=folder / "grid.jsonl", **SMALL)
"""


def test_a_grid_whose_driver_was_killed_goes_on_where_it_was(
    joined: None, tmp_path: Path, expected: list[CellResult]
) -> None:
    path, notes, address = tmp_path / "grid.jsonl", tmp_path / "notes", ray.get_runtime_context().gcs_address
    notes.mkdir()
    os.mkfifo(notes / "gate")
    driver = subprocess.Popen([sys.executable, "-c", PROGRAM, address, str(tmp_path)], env=environment())
    eventually(lambda: path.exists() and path.read_bytes().count(b"\n") > 3 and made(notes) > 29, 60)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    eventually(is_idle, 60)
    kept = path.read_bytes().rpartition(b"\n")[0].count(b'"key"')
    for note in notes.glob("made*"):
        note.unlink()

    found = run_grid(
        make_stage([leaning()], cells()), cells(), partial(Noted, folder=notes, holds=29), run=run_on_ray, path=path
    )

    assert found == expected
    assert kept >= 13
    assert made(notes) == len(cells()) - kept
