"""Live detection on a real Ray cluster, from the command line, through kills, to the same ids in a replay."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from msray.on_ray.environment import free_port
from tests.end_to_end.running import family, get, kill, msray, processes_in, simulator, start
from tests.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

NAMES = ("binance_usdm:AAAUSDT", "binance_spot:BBBUSDT")
CONFIG = """
instruments: [{names}]
endpoint: {endpoint}
api: {{port: {port}}}
detection:
  bar_ms: 100
  false_alarms_per_day: 3000
  calibration: {{bars: 60, delay_bars: 100}}
"""


@dataclass(frozen=True)
class Running:
    """Where live detection runs, and what became of the two commands that were to start it."""

    folder: Path
    simulator: str
    api: str
    starts: list[tuple[subprocess.Popen[str], str, str]]

    def signals(self) -> list[dict[str, Any]]:
        """Every signal that the API shows."""
        found, path = [], "/api/v1/signals?order=oldest&limit=500"
        while path:
            page = get(self.api + path)
            found += page["signals"]
            path = page["next"]
        return found

    def ids(self) -> list[str]:
        """Their ids."""
        return [one["signal_id"] for one in self.signals()]

    def books(self) -> dict[str, Any]:
        """What the API says of each instrument."""
        return {one["instrument"]: one for one in get(f"{self.api}/api/v1/instruments")["instruments"]}

    @property
    def note(self) -> Path:
        """Of the head, as long as it runs."""
        return self.folder / "state" / "ray-head.json"

    def head(self) -> dict[str, Any]:
        """What the note says: the process that holds the cluster, and its dashboard."""
        found: dict[str, Any] = json.loads(self.note.read_text())
        return found

    def shard_pid(self) -> int:
        """The process of the only shard."""
        holder = msray(self.folder, "status")["data"]["shards"][0]["holder"]
        return int(holder.rsplit(" ", 1)[1])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two instruments, live; two commands were to start them at once."""
    folder = tmp_path_factory.mktemp("live")
    market = ("--synthetic", "--instruments", ",".join(NAMES), "--seed", "3", "--speed", "2", "--no-wait")
    with simulator(*market) as endpoint:
        port = free_port()
        text = CONFIG.format(names=", ".join(f"'{name}'" for name in NAMES), endpoint=endpoint, port=port)
        (folder / "msray.yaml").write_text(text)
        try:
            both = [start(folder, "live") for _ in range(2)]
            try:
                starts = [(one, *one.communicate(timeout=200)) for one in both]
            finally:
                for one in both:
                    one.kill()
            assert 0 in [one.returncode for one in both], starts
            yield Running(folder=folder, simulator=endpoint, api=f"http://127.0.0.1:{port}", starts=starts)
        finally:
            msray(folder, "down")


def test_of_two_that_start_at_once_one_runs(running: Running) -> None:
    (runs, _, said), (refused, out, _) = sorted(running.starts, key=lambda one: one[0].returncode)

    assert (runs.returncode, "INFO" in said) == (0, False)
    assert refused.returncode == 2
    assert f"by pid {runs.pid} on " in json.loads(out)["error"]["message"]


def test_books_equal_the_exchanges_own(running: Running) -> None:
    for name in NAMES:
        venue, symbol = name.split(":")
        book = get(f"{running.api}/api/v1/books/{name}?depth=20")

        truth = get(f"{running.simulator}/oracle/book?venue={venue}&symbol={symbol}&id={book['update_id']}")

        for side in ("bids", "asks"):
            shown, true = ([(Decimal(p), Decimal(s)) for p, s, *_ in one[side]] for one in (book, truth))
            assert len(shown) >= 10
            assert shown == true[: len(shown)]


def test_signals_are_the_same_over_http_and_from_the_ledger(running: Running) -> None:
    eventually(running.ids, 90)  # of a machine that does other things too
    over_http = running.signals()

    by_id = {one["signal_id"]: one for one in _stored(running)}

    assert [by_id[one["signal_id"]] for one in over_http] == over_http


def test_a_second_one_refuses_and_names_the_holder(running: Running) -> None:
    refused = msray(running.folder, "live", code=2)

    assert "shard-0 on " in refused["error"]["message"]
    assert set(running.books()) == set(NAMES)


def test_metrics_are_those_of_the_whole_system(running: Running) -> None:
    eventually(running.ids, 30)
    with urllib.request.urlopen(f"{running.api}/metrics", timeout=10) as answer:
        text = answer.read().decode()

    assert 'microstructure_messages_total{kind="depth",symbol="binance_usdm:AAAUSDT"}' in text
    assert 'microstructure_book_state{state="synced",symbol="binance_spot:BBBUSDT"} 1' in text
    assert "microstructure_signals_total{" in text


def test_the_ray_dashboard_knows_everything_by_name(running: Running) -> None:
    head = running.head()
    token = (Path.home() / ".ray" / "auth_token").read_text().strip()
    allowed = {"Authorization": f"Bearer {token}"}

    actors = get(f"{head['dashboard']}/api/v0/actors?limit=100", **allowed)["data"]["result"]["result"]
    applications = get(f"{head['dashboard']}/api/serve/applications/", **allowed)["applications"]

    alive = {one["name"] for one in actors if one["state"] == "ALIVE"}
    assert {"msray-ledger", "msray-board", "msray-supervisor", "msray-host-0"} <= alive
    assert applications["api"]["status"] == "RUNNING"
    assert head["dashboard"].startswith("http://127.0.0.1:")


def test_ray_shows_a_shards_figures_beside_its_own(running: Running) -> None:
    head = running.head()
    token = (Path.home() / ".ray" / "auth_token").read_text().strip()

    groups = get(f"{head['dashboard']}/api/prometheus/sd", Authorization=f"Bearer {token}")

    targets = [target for group in groups for target in group["targets"]]
    wanted = "ray_msray_books_synced{"
    line = eventually(lambda: next((one for one in _lines(targets) if one.startswith(wanted)), ""), 40)
    assert 'shard="shard-0"' in line
    assert float(line.rsplit(" ", 1)[1]) == len(NAMES)


def test_a_killed_shard_is_back_with_its_books_and_loses_nothing(running: Running) -> None:
    before = set(eventually(running.ids, 30))
    pid = running.shard_pid()

    kill([pid])
    started = time.monotonic()
    eventually(lambda: running.shard_pid() != pid, 30)
    eventually(lambda: all(one["state"] == "synced" for one in running.books().values()), 30)

    assert time.monotonic() - started < 30
    ids = eventually(lambda: len(running.ids()) > len(before) and running.ids(), 60)
    assert before <= set(ids)
    assert len(ids) == len(set(ids))
    assert msray(running.folder, "status")["data"]["shards"][0]["restarts"] >= 1


@dataclass(frozen=True)
class Restarted:
    """Live detection that was killed as a whole and started again, in the foreground."""

    acknowledged: set[str]
    stored: set[str]
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def restarted(running: Running) -> Iterator[Restarted]:
    acknowledged = set(eventually(running.ids, 90))
    kill(family(running.head()["pid"]))
    eventually(lambda: not _answers(running), 20)
    stored = {one["signal_id"] for one in _stored(running)}
    with start(running.folder, "live", "--seconds", "250") as process:
        try:
            eventually(lambda: _answers(running) and set(running.books()) == set(NAMES), 100)
            yield Restarted(acknowledged, stored, process)
        finally:
            process.kill()


def test_kill_9_of_everything_loses_no_acknowledged_signal(running: Running, restarted: Restarted) -> None:
    assert restarted.acknowledged <= restarted.stored
    assert restarted.acknowledged <= set(running.ids())
    eventually(lambda: len(running.ids()) > len(restarted.acknowledged), 60)


@dataclass(frozen=True)
class Ended:
    """What there was before it was terminated, and what it said."""

    processes: int
    was_noted: bool
    out: str
    err: str


@pytest.fixture(scope="module")
def ended(running: Running, restarted: Restarted) -> Ended:
    processes, was_noted = len(processes_in(running.folder)), running.note.exists()
    restarted.process.terminate()
    return Ended(processes, was_noted, *restarted.process.communicate(timeout=60))


def test_when_terminated_it_leaves_nothing_running(running: Running, restarted: Restarted, ended: Ended) -> None:
    assert ended.processes > 10
    assert ended.was_noted
    assert (restarted.process.returncode, json.loads(ended.out)["error"]["code"]) == (130, "interrupted")
    assert "Traceback" not in ended.err
    assert not running.note.exists()
    eventually(lambda: not processes_in(running.folder), 10)


def test_replaying_the_raw_log_gives_the_live_ids_kills_and_all(running: Running, ended: Ended) -> None:
    stored = {one["signal_id"] for one in _stored(running)}
    file = running.folder / "again.parquet"

    result = msray(running.folder, "replay", "state/raw_log/shard-0", "--signals", str(file))["data"]

    again = pl.read_parquet(file)["signal_id"].to_list()
    assert set(again) == stored
    assert len(again) == len(stored)
    assert {one["instrument"] for one in result["instruments"]} == set(NAMES)


def _stored(running: Running) -> list[dict[str, Any]]:
    """What the ledger holds, read from its file."""
    found: list[dict[str, Any]] = msray(running.folder, "signals", "--limit", "100000")["data"]["signals"]
    return found


def _lines(targets: list[str]) -> list[str]:
    found: list[str] = []
    for target in targets:
        with urllib.request.urlopen(f"http://{target}/metrics", timeout=10) as answer:
            found += answer.read().decode().splitlines()
    return found


def _answers(running: Running) -> bool:
    try:
        running.books()
    except OSError:
        return False
    return True
