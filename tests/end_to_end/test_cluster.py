"""Live detection on a real Ray cluster, from the command line, through kills, to the same ids in a replay."""

import json
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
    """Where live detection runs."""

    folder: Path
    simulator: str
    api: str

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

    def head_pid(self) -> int:
        """The process that holds the cluster."""
        return int(json.loads((self.folder / "state" / "ray-head.json").read_text())["pid"])

    def shard_pid(self) -> int:
        """The process of the only shard."""
        holder = msray(self.folder, "status")["data"]["shards"][0]["holder"]
        return int(holder.rsplit(" ", 1)[1])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two instruments, live."""
    folder = tmp_path_factory.mktemp("live")
    market = ("--synthetic", "--instruments", ",".join(NAMES), "--seed", "3", "--speed", "2", "--no-wait")
    with simulator(*market) as endpoint:
        port = free_port()
        text = CONFIG.format(names=", ".join(f"'{name}'" for name in NAMES), endpoint=endpoint, port=port)
        (folder / "msray.yaml").write_text(text)
        try:
            assert "INFO" not in msray(folder, "live", timeout_s=200)["stderr"]
            yield Running(folder=folder, simulator=endpoint, api=f"http://127.0.0.1:{port}")
        finally:
            msray(folder, "down")


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

    stored = msray(running.folder, "signals", "--limit", "100000")["data"]["signals"]

    by_id = {one["signal_id"]: one for one in stored}
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
    head = json.loads((running.folder / "state" / "ray-head.json").read_text())
    token = (Path.home() / ".ray" / "auth_token").read_text().strip()
    allowed = {"Authorization": f"Bearer {token}"}

    actors = get(f"{head['dashboard']}/api/v0/actors?limit=100", **allowed)["data"]["result"]["result"]
    applications = get(f"{head['dashboard']}/api/serve/applications/", **allowed)["applications"]

    alive = {one["name"] for one in actors if one["state"] == "ALIVE"}
    assert {"msray-ledger", "msray-board", "msray-supervisor", "msray-host-0"} <= alive
    assert applications["api"]["status"] == "RUNNING"
    assert head["dashboard"].startswith("http://127.0.0.1:")


def test_ray_shows_a_shards_figures_beside_its_own(running: Running) -> None:
    head = json.loads((running.folder / "state" / "ray-head.json").read_text())
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


def test_kill_9_of_everything_loses_no_acknowledged_signal(running: Running) -> None:
    acknowledged = set(running.ids())
    kill(family(running.head_pid()))
    eventually(lambda: not _answers(running), 20)

    stored = msray(running.folder, "signals", "--limit", "100000")["data"]["signals"]
    msray(running.folder, "live", timeout_s=200)

    assert acknowledged <= {one["signal_id"] for one in stored}
    assert acknowledged <= set(running.ids())
    eventually(lambda: len(running.ids()) > len(acknowledged), 60)


def test_replaying_the_raw_log_gives_the_live_ids_kills_and_all(running: Running) -> None:
    assert msray(running.folder, "down")["data"]["was_running"]
    eventually(lambda: not processes_in(running.folder), 10)
    stored = {one["signal_id"] for one in msray(running.folder, "signals", "--limit", "100000")["data"]["signals"]}
    file = running.folder / "again.parquet"

    result = msray(running.folder, "replay", "state/raw_log/shard-0", "--signals", str(file))["data"]

    again = pl.read_parquet(file)["signal_id"].to_list()
    assert set(again) == stored
    assert len(again) == len(stored)
    assert {one["instrument"] for one in result["instruments"]} == set(NAMES)
    assert not family(running.head_pid())[1:] if (running.folder / "state" / "ray-head.json").exists() else True


def test_of_two_that_start_at_once_one_runs_and_when_terminated_leaves_nothing_running(running: Running) -> None:
    note = running.folder / "state" / "ray-head.json"
    msray(running.folder, "down")
    both = [start(running.folder, "live", "--seconds", "200") for _ in range(2)]
    try:
        eventually(lambda: any(one.poll() is not None for one in both), 100)
        refused, runs = sorted(both, key=lambda one: one.poll() is None)
        error = json.loads(refused.communicate()[0])["error"]
        eventually(lambda: _answers(running) and set(running.books()) == set(NAMES), 100)
        count, was_noted = len(processes_in(running.folder)), note.exists()
        runs.terminate()
        out, err = runs.communicate(timeout=60)
    finally:
        for one in both:
            one.kill()

    assert refused.returncode == 2
    assert f"by pid {runs.pid} on " in error["message"]
    assert count > 10
    assert was_noted
    assert (runs.returncode, json.loads(out)["error"]["code"], "Traceback" in err) == (130, "interrupted", False)
    assert not note.exists()
    eventually(lambda: not processes_in(running.folder), 10)


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
