"""Live detection as a Ray job, from a fresh clone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from msray.on_ray.environment import free_port
from tests.end_to_end.running import REPOSITORY, environment, family, get, kill, simulator
from tests.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]
NAME = "binance_usdm:AAAUSDT"
RAY = str(Path(sys.executable).with_name("ray"))


def test_a_job_starts_what_goes_on_after_it(tmp_path: Path) -> None:
    clone, port, dashboard, api = tmp_path / "clone", free_port(), free_port(), free_port()
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(clone)], check=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # as with the environment activated
    ours = environment(PATH=path, MSRAY_STATE_DIR=str(tmp_path / "state"), MSRAY_API__PORT=str(api)) | _switches()
    subprocess.run([RAY, "get-auth-token", "--generate"], check=False, capture_output=True)
    head = subprocess.Popen(
        [RAY, "start", "--head", "--block", f"--port={port}", f"--dashboard-port={dashboard}", "--num-cpus=4"],
        env=ours,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{dashboard}"
        eventually(lambda: _answers(address), 60)
        with simulator("--synthetic", "--instruments", NAME, "--no-wait") as endpoint:
            words = [RAY, "job", "submit", "--address", address, "--working-dir", ".", "--", "python", "jobs/live.py"]
            words += ["--instruments", NAME, "--endpoint", endpoint]
            done = eventually(lambda: _submitted(words, clone, ours), 60)

            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            assert "1 books synced" in done.stdout
            book = f"http://127.0.0.1:{api}/api/v1/books/{NAME}"
            first = get(book)
            eventually(lambda: get(book)["update_id"] > first["update_id"], 10)
            assert (tmp_path / "state" / "ledger.db").exists()
    finally:
        kill(family(head.pid))
        head.wait()


def _switches() -> dict[str, str]:
    from msray.on_ray import environment as switches

    return {name: value for name, value in os.environ.items() if name.startswith("RAY_")} | switches.proxy_ports()


def _submitted(words: list[str], folder: Path, ours: dict[str, str]) -> subprocess.CompletedProcess[str] | None:
    """What became of a job; None while Ray has nobody yet to hand it to, as for a while after its dashboard answers."""
    done = subprocess.run(words, cwd=folder, env=ours, capture_output=True, text=True, timeout=200, check=False)
    return None if "No available agent" in done.stderr else done


def _answers(address: str) -> bool:
    try:
        get(
            f"{address}/api/version",
            Authorization="Bearer " + (Path.home() / ".ray" / "auth_token").read_text().strip(),
        )
    except OSError:
        return False
    return True
