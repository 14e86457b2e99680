"""Live detection, its evaluation and a backtest as Ray jobs, from a fresh clone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from msray.on_ray.environment import free_port
from tests.end_to_end.running import REPOSITORY, environment, family, get, kill, msray, simulator
from tests.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]
NAME = "binance_usdm:AAAUSDT"
WORDS = """
detection: {bar_ms: 100, arl0: 200, calibration: {bars: 600, delay_bars: 300}}
backtest: {profit_target_pct: 0.0005, stop_loss_pct: 0.0003, max_holding_seconds: 20, clock_correction_ms: 1300}
"""
RAY = str(Path(sys.executable).with_name("ray"))


@dataclass(frozen=True)
class Head:
    """A cluster that takes jobs, from a clone of this repository."""

    clone: Path
    address: str
    dashboard: str
    environment: dict[str, str]

    def submit(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a job to its end."""
        command = [RAY, "job", "submit", "--address", self.dashboard, "--working-dir", ".", "--", "python", *words]
        return eventually(lambda: _submitted(command, self.clone, self.environment), 60)


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    folder, port, dashboard = tmp_path_factory.mktemp("jobs"), free_port(), free_port()
    clone = folder / "clone"
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(clone)], check=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # as with the environment activated
    api = {"MSRAY_STATE_DIR": str(folder / "state"), "MSRAY_API__PORT": str(free_port())}
    ours = environment(PATH=path, **api) | _switches()
    subprocess.run([RAY, "get-auth-token", "--generate"], check=False, capture_output=True)
    ports = (f"--port={port}", f"--dashboard-port={dashboard}", "--dashboard-agent-listen-port=0")
    process = subprocess.Popen(
        [RAY, "start", "--head", "--block", *ports, "--num-cpus=4"],
        env=ours,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{dashboard}"
        eventually(lambda: _answers(url), 60)
        yield Head(clone, f"127.0.0.1:{port}", url, ours)
    finally:
        kill(family(process.pid))
        process.wait()


def recording(data_dir: Path) -> Path:
    return data_dir.resolve() / "binance_2024-08-08_multi_venue" / "usdm" / "btcusdt_20240808.gz"


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What a job printed with ``--json``, between words of Ray's."""
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (found,) = (json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"schema"'))
    data: dict[str, Any] = found["data"]
    return data


def test_what_live_detection_finds_in_a_recording_is_judged_as_what_a_replay_finds(
    head: Head, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "msray.yaml").write_text(WORDS)
    words = (str(recording(data_dir)), "--config", str(tmp_path / "msray.yaml"), "--json")

    data = document(head.submit("jobs/detect_and_evaluate.py", "--live", "max", *words))

    assert data == msray(tmp_path, "evaluate", *words)["data"]
    assert data["rows"] > 10
    assert data["lead_time"]["random"]["draws"] == 1000


def test_a_job_starts_what_goes_on_after_it_until_down(head: Head, tmp_path: Path) -> None:
    with simulator("--synthetic", "--instruments", NAME, "--no-wait") as endpoint:
        done = head.submit("jobs/live.py", "--instruments", NAME, "--endpoint", endpoint)

        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert "1 books synced" in done.stdout
        book = f"http://127.0.0.1:{head.environment['MSRAY_API__PORT']}/api/v1/books/{NAME}"
        first = get(book)
        eventually(lambda: get(book)["update_id"] > first["update_id"], 10)
        assert (Path(head.environment["MSRAY_STATE_DIR"]) / "ledger.db").exists()

        assert msray(tmp_path, "down", "--address", head.address)["data"]["was_running"]
        with pytest.raises(httpx.TransportError):
            httpx.get(book)
        assert not msray(tmp_path, "down", "--address", head.address)["data"]["was_running"]


def test_a_backtest_is_a_job_that_says_what_it_says_without_one(head: Head, data_dir: Path, tmp_path: Path) -> None:
    words = (str(recording(data_dir)), "--clock-correction-ms", "1300", "--json")

    data = document(head.submit("jobs/backtest.py", *words))

    expected = msray(tmp_path, "backtest", *words)["data"]
    assert data.pop("run_folder") != expected.pop("run_folder")
    assert data == expected
    assert data["trials"] == 27


def _switches() -> dict[str, str]:
    from msray.on_ray import environment as switches

    return {name: value for name, value in os.environ.items() if name.startswith("RAY_")} | switches.proxy_ports()


def _submitted(words: list[str], folder: Path, ours: dict[str, str]) -> subprocess.CompletedProcess[str] | None:
    """What became of a job; None while Ray has nobody yet to hand it to, as for a while after its dashboard answers."""
    done = subprocess.run(words, cwd=folder, env=ours, capture_output=True, text=True, timeout=200, check=False)
    return None if "No available agent" in done.stderr else done


def _answers(dashboard: str) -> bool:
    try:
        get(
            f"{dashboard}/api/version",
            Authorization="Bearer " + (Path.home() / ".ray" / "auth_token").read_text().strip(),
        )
    except OSError:
        return False
    return True
