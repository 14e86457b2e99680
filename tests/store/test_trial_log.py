"""The log of trials: durable, shared by processes, kept by what was recorded; and a search's own part of it."""

import errno
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from msray.backtest.variants import BINS
from msray.errors import CorruptLogError, UnavailableError, UsageError
from msray.market import Records
from msray.store.search_log import SearchLog
from msray.store.trial_log import LoggedTrial, Recorded, TrialLog, merged
from msray.tuning import Trial
from tests.backtest.made import random_messages, records, signal, tape
from tests.disks import refusing
from tests.end_to_end.running import environment
from tests.tuning.made import SPACE, WINDOWS, held, parameters, tried

RECORDED = Recorded(instruments=("a:X",), begin_ns=1, end_ns=9, digest="0123456789abcdef" * 2)
ONE = LoggedTrial(
    trial_id="1" * 32,
    run_id="20240808-235416-3fa2c1",
    study="s",
    strategy="follower",
    parameters={"x": 1.5, "kind": "a"},
    state="whole",
    scores=(0.1, -0.2),
    returns=(0.1, *[None] * (BINS - 1)),
)


def test_what_is_appended_is_read_again(tmp_path: Path) -> None:
    other = replace(ONE, trial_id="2" * 32, state="failed", problem="KeyError: é", scores=())

    TrialLog(tmp_path / "runs", RECORDED).append([ONE, other])

    log = TrialLog(tmp_path / "runs", RECORDED)
    assert log.read() == [ONE, other]
    assert log.path == tmp_path / "runs" / "trials" / "0123456789abcdef.jsonl"
    assert np.isnan(ONE.on_axis[1:]).all()


def test_of_one_trial_of_one_run_the_later_line_counts(tmp_path: Path) -> None:
    log = TrialLog(tmp_path, RECORDED)

    log.append([replace(ONE, state="running", scores=(0.1,))])
    log.append([ONE, replace(ONE, run_id="20240808-235417-3fa2c1")])

    assert log.read() == [ONE, replace(ONE, run_id="20240808-235417-3fa2c1")]


def test_one_configuration_is_one_trial_whoever_tried_it() -> None:
    more = replace(ONE, run_id="other", returns=(0.1, 0.2, *[None] * (BINS - 2)))

    assert merged([more, ONE]) == {ONE.trial_id: more}
    assert merged([ONE, more, replace(ONE, trial_id="2")]).keys() == {ONE.trial_id, "2"}


def test_what_is_less_whole_replaces_nothing_where_nothing_was_traded() -> None:
    whole = replace(ONE, returns=(None,) * BINS)
    begun = replace(whole, run_id="other", state="running", scores=(0.1,))
    pruned = replace(begun, state="pruned")

    assert merged([whole, begun, pruned]) == {ONE.trial_id: whole}
    assert merged([begun, pruned]) == merged([pruned, begun]) == {ONE.trial_id: pruned}


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    log = TrialLog(tmp_path, RECORDED)
    log.append([ONE, ONE])
    whole = log.path.read_bytes()

    long = whole + b'{"trial_id":"' + b"3" * 200_000
    for torn in (whole + b'{"trial_id":"3', long, whole[:-1], whole[: len(whole.splitlines()[0]) + 5], whole[:10]):
        log.path.write_bytes(torn)
        log.append([ONE])
        assert TrialLog(tmp_path, RECORDED).read() == [ONE]


def bytes_read() -> int:
    """By this process so far."""
    return int(Path("/proc/self/io").read_text().partition("rchar: ")[2].partition("\n")[0])


def test_a_long_log_is_not_read_to_be_appended_to(tmp_path: Path) -> None:
    log = TrialLog(tmp_path, RECORDED)
    log.append([ONE] * 5000)

    before = bytes_read()
    log.append([ONE])

    assert bytes_read() - before < 100_000 < log.path.stat().st_size


@pytest.mark.parametrize("line", [b"{}", b"[1]", b"nothing", b'{"trial_id":1}', b"\xff", b"[" * 100_000])
def test_a_line_that_is_no_trial_is_named(tmp_path: Path, line: bytes) -> None:
    log = TrialLog(tmp_path, RECORDED)
    with log.path.open("ab") as file:
        file.write(line + b"\n")
    log.append([ONE])

    with pytest.raises(CorruptLogError, match="line 2 is no trial"):
        log.read()


def test_another_file_is_not_written_to(tmp_path: Path) -> None:
    path = TrialLog(tmp_path, RECORDED).path
    path.write_text("mine\n")

    with pytest.raises(UsageError, match="must be a log of schema"):
        TrialLog(tmp_path, RECORDED)
    assert path.read_text() == "mine\n"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")

    with pytest.raises(UsageError, match="cannot write"):
        TrialLog(tmp_path / "runs", RECORDED)


WRITER = """
import sys
from pathlib import Path
from tests.store.test_trial_log import ONE, RECORDED, TrialLog, replace
for number in range(200):
    TrialLog(Path(sys.argv[1]), RECORDED).append([replace(ONE, trial_id=f"{sys.argv[2]}-{number}")])
"""


def test_two_processes_do_each_other_no_harm(tmp_path: Path) -> None:
    words = [sys.executable, "-c", WRITER, str(tmp_path)]

    both = [subprocess.Popen([*words, name], env=environment()) for name in ("a", "b")]

    assert [one.wait(60) for one in both] == [0, 0]
    found = TrialLog(tmp_path, RECORDED).read()
    assert {one.trial_id for one in found} == {f"{name}-{number}" for name in ("a", "b") for number in range(200)}


def test_recordings_are_known_by_what_they_hold() -> None:
    log = records(*random_messages(np.random.default_rng(1), 50))
    changed = log.messages.copy()
    changed["local_ns"][7] += 1

    one = Recorded.of([tape(log)])

    assert one == Recorded.of([tape(log.copy(), signals=[(5, signal(50))])]), "whatever was found in them"
    assert one.instruments == ("test:X",)
    assert one.digest != Recorded.of([tape(Records(changed, log.levels))]).digest
    assert one.digest != Recorded.of([tape(log[:40].copy())]).digest


def search_in(folder: Path, run_id: str, study: str = "one") -> SearchLog:
    return SearchLog(
        TrialLog(folder, RECORDED),
        run_id=run_id,
        study=study,
        strategy="follower",
        space=SPACE,
        windows=WINDOWS,
        identify=lambda values: repr(sorted(values.items())),
    )


def test_a_search_knows_its_trials_again_and_what_else_was_tried(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    whole, pruned, unchanged = tried(1e-4, rng), tried(1e-4, rng, folds=2), tried(0.0, rng, chosen={})
    running = Trial(parameters=parameters(rng), folds=tried(0.0, rng, folds=1).folds)
    search, other = search_in(tmp_path, "a"), search_in(tmp_path, "b", "another")
    for trial in (unchanged, replace(whole, folds=whole.folds[:2], state="running"), whole, pruned, running):
        search.keep(trial)
    other.keep(stranger := tried(2e-4, rng))

    again = search_in(tmp_path, "c")

    assert again.begun() == [whole, pruned, running]
    again.keep(unchanged)
    (earlier,) = again.earlier
    assert earlier[: WINDOWS.folds[0].bins[1]].tolist() == list(stranger.folds[0].returns)


def test_who_looks_at_the_part_held_out_is_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    trial = tried(1e-4, rng)
    first = search_in(tmp_path, "a")
    first.keep(trial)
    assert search_in(tmp_path, "b").looks == 0

    first.keep_held_out(trial, held(1e-4, rng))
    first.keep_held_out(replace(trial, parameters={}), held(1e-4, rng))

    again = search_in(tmp_path, "b")
    assert (first.looks, again.looks) == (0, 1)
    assert again.begun() == [trial]


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = TrialLog(tmp_path, RECORDED)
    log.append([ONE])
    monkeypatch.setattr("msray.store.trial_log.os.fsync", refusing(errno.ENOSPC))

    with pytest.raises(UnavailableError, match="cannot write"):
        log.append([replace(ONE, trial_id="2" * 32)])

    monkeypatch.undo()
    assert log.read() == [ONE]
