"""A real Prometheus scrapes ``msray api``, with a key."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from msray.on_ray.environment import free_port
from tests.api.service import A_SIGNAL
from tests.commands import address, start
from tests.waiting import eventually

KEY = "0123456789abcdef-sesame"
SIGNAL = {**A_SIGNAL, "venue": "binance_usdm", "signal_type": "imbalance"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    variables = {"MSRAY_API_KEY": KEY, "MSRAY_INSTRUMENTS": "binance_usdm:BTCUSDT"}
    with start(tmp_path, "api", "--port", "0", "--ledger", "l.db", **variables) as process:
        yield address(process)
        process.terminate()


@pytest.fixture
def prometheus(api: str, tmp_path: Path) -> Iterator[str]:
    """Its address."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed")
    job = {"job_name": "msray", "authorization": {"credentials": KEY}, "static_configs": [{"targets": [api]}]}
    config, where = tmp_path / "prometheus.yml", f"127.0.0.1:{free_port()}"
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}))
    files = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'prometheus'}"]
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([program, *files, f"--web.listen-address={where}"], stdout=log, stderr=log)
    with process:
        yield where
        process.terminate()


def found(where: str, path: str, name: str) -> Any:
    """What Prometheus lists under a name, once it lists anything."""

    def ask() -> Any:
        try:
            answer = httpx.get(f"http://{where}/api/v1/{path}")
        except httpx.TransportError:
            return []
        return answer.json()["data"][name] if answer.status_code == 200 else []  # 503 while it is starting

    return eventually(ask)


@pytest.mark.slow  # it looks for its targets five seconds after its start
def test_prometheus_scrapes_the_signals_that_were_posted(api: str, prometheus: str) -> None:
    for score in (0.7, 0.8):
        document = {**SIGNAL, "score": score}
        httpx.post(f"http://{api}/api/v1/signals", json=document, headers={"X-API-Key": KEY}).raise_for_status()

    # What was scraped before the second signal says less.
    (series,) = found(prometheus, 'query?query=microstructure_signals_total{symbol!="other"}>=2', "result")
    (target,) = found(prometheus, "targets", "activeTargets")

    assert series["metric"]["signal_type"] == "imbalance"
    assert series["metric"]["symbol"] == "binance_usdm:BTCUSDT"
    assert series["value"][1] == "2"
    assert (target["health"], target["lastError"], target["scrapeUrl"]) == ("up", "", f"http://{api}/metrics")
