"""``msray runs``: what backtests left is listed and shown, and a damaged folder stops nothing."""

import os
import shutil
from pathlib import Path

import pytest

from msray.backtest.config import BacktestConfig
from msray.backtest.run import backtest
from msray.store.runs import write_run
from tests.backtest.made import records, tape
from tests.backtest.planted import leaning_market
from tests.cli.conftest import Msray

OLD, NEW = "20240808-235416-3fa2c1", "20240809-000000-aaaaaa"
CONFIG = BacktestConfig(profit_target_pct=0.002, stop_loss_pct=0.0015, max_holding_seconds=15.0)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    traded = backtest([leaning_market(7, follows=True, episodes=8)], CONFIG)
    made_of = {"strategy": "follower", "files": ["a.gz", "b.gz"]}
    write_run(folder, traded, "", run_id=NEW, made_of=made_of)
    write_run(folder, backtest([tape(records())], CONFIG), "", run_id=OLD)
    return folder


@pytest.fixture
def runs(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "runs"))


def test_runs_are_listed_from_the_newest(msray: Msray, runs: Path) -> None:
    data = msray("runs", "ls", "--json").document["data"]

    assert [one["run"] for one in data["runs"]] == [NEW, OLD]
    new, old = data["runs"]
    assert (new["strategy"], new["instruments"], new["made"]) == ("follower", ["test:X"], "2024-08-09T00:00:00Z")
    assert new["low"] <= new["net_return"] <= new["high"]
    assert new["trades"] > 3
    assert 0 <= new["dsr"] <= 1
    assert (old["strategy"], old["trades"], old["low"], old["dsr"]) == ("", 0, None, None)
    assert data["damaged"] == []


def test_a_person_reads_a_row_a_run(msray: Msray, runs: Path) -> None:
    lines = msray("runs", "ls").out.splitlines()

    assert [line.split("\t")[0] for line in lines] == ["run", NEW, OLD]
    assert lines[1].split("\t")[1:3] == ["follower", "test:X"]


@pytest.mark.parametrize("file", ["metrics.json", "config.yaml"])
def test_a_damaged_run_is_named_and_the_others_are_listed(msray: Msray, runs: Path, file: str) -> None:
    (runs / NEW / file).write_text("{")

    told, said = msray("runs", "ls", "--json"), msray("runs", "ls")

    data = told.document["data"]
    assert told.code == said.code == 0
    assert [one["run"] for one in data["runs"]] == [OLD]
    assert [one["run"] for one in data["damaged"]] == [NEW]
    assert file in data["damaged"][0]["reason"]
    assert f"{NEW} is damaged" in said.err
    assert msray("runs", "show", NEW).code == 2


def test_where_there_are_none_it_is_said(msray: Msray, tmp_path: Path) -> None:
    said = msray("runs", "ls")

    assert (said.code, "no runs in" in said.err) == (0, True)
    assert msray("runs", "show").code == 2


def test_the_newest_is_shown_as_the_backtest_showed_it(msray: Msray, runs: Path) -> None:
    said = msray("runs", "show")

    lines = said.out.splitlines()
    assert lines[0] == f"{NEW}: follower on a.gz, b.gz"
    assert [line.split("\t")[0] for line in lines if line.split("\t")[0] in ("instrument", "reason", "summary")]
    assert lines[-1] == msray("runs", "show", "--json").document["data"]["verdict"]
    assert f"{NEW}{os.sep}report.html" in said.err


def test_what_is_undefined_is_said_so(msray: Msray, runs: Path) -> None:
    said = msray("runs", "show", OLD[:9])

    assert said.code == 0
    assert "DSR, PBO\tnot defined, not defined" in said.out


@pytest.mark.parametrize(("name", "says"), [("2024", "run must name one"), ("2025", "unknown run '2025'")])
def test_a_name_of_none_or_of_several_is_refused(msray: Msray, runs: Path, name: str, says: str) -> None:
    said = msray("runs", "show", name)

    assert (said.code, says in said.err) == (2, True)
