"""Clusters in processes of their own, as long as somebody holds their standard input open; and questions to them."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from msray.on_ray.environment import free_port
from tests.end_to_end.running import environment, family

SIGNAL = {"symbol": "BTCUSDT", "venue": "binance_usdm", "signal_type": "imbalance", "score": 0.5, "price": 61_000.5}
SIGNAL_READ = {key: SIGNAL[key] for key in ("signal_type", "score", "price")}
CLUSTER = """
import sys
from msray.on_ray import session
session.start_local(cpus=2)  # each more is a process that loads what the tasks need
try:
    import ray
    print(ray.get_runtime_context().gcs_address, flush=True)
    sys.stdin.read()
finally:
    session.leave()
"""
SERVED = """
import sys
from pathlib import Path
from pydantic import SecretStr
from msray.api.config import ApiConfig
from msray.on_ray import board, ensemble, ledger_actor, serving, session
ledger, port, models_dir, *models = sys.argv[1:]
session.start_local()
try:
    ledger_actor.start_ledger(ledger)
    board.start_board()
    config = ApiConfig(port=int(port), ledger_url=SecretStr(ledger))
    serving.start_serve(config)
    ensemble.start_ensemble(ensemble.EnsembleConfig(models_dir=Path(models_dir), models=tuple(models)))
    serving.start_api(config)
    import ray
    print(ray.get_runtime_context().gcs_address, flush=True)
    sys.stdin.read()
finally:
    session.leave()
"""


class Served(NamedTuple):
    """Where it answers, the cluster's address, and its first process."""

    url: str
    address: str
    pid: int

    def commands(self) -> list[str]:
        """Command lines of all its processes."""
        return commands_of(self.pid)


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A cluster, with nothing on it; its address."""
    with _running(CLUSTER, folder=folder) as (_, address):
        yield address


@contextlib.contextmanager
def served(folder: Path, models_dir: Path, *models: str, switches: Mapping[str, str]) -> Iterator[Served]:
    """A cluster with the API and models on it; with these switches of Ray, and ours for the rest."""
    port = free_port()
    words = (str(folder / "ledger.db"), str(port), str(models_dir), *models)
    with _running(SERVED, *words, folder=folder, switches=switches) as (pid, address):
        yield Served(f"http://127.0.0.1:{port}", address, pid)


def commands_of(pid: int) -> list[str]:
    """Command lines of a process and all below it."""
    lines = []
    for one in family(pid):
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode())
    return lines


def is_haproxy(command: str) -> bool:
    """Whether it is the proxy itself, and not the actor that starts it."""
    return "haproxy" in command and "ray::" not in command


def post_and_read(url: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """How a signal that is posted is answered, and what is read back of it."""
    answer = httpx.post(f"{url}/api/v1/signals", json=SIGNAL, headers=headers)
    read = httpx.get(f"{url}/api/v1/signals/{answer.json()['signal_id']}", headers=headers).raise_for_status().json()
    return answer.status_code, {key: read[key] for key in SIGNAL_READ}


@contextlib.contextmanager
def _running(
    program: str, *words: str, folder: Path, switches: Mapping[str, str] | None = None
) -> Iterator[tuple[int, str]]:
    """Its pid, and the line that it says when it is ready."""
    log, pipe = folder / "program.log", subprocess.PIPE
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [sys.executable, "-c", program, *words],
            env=environment(**(switches or {})),
            stdin=pipe,
            stdout=pipe,
            stderr=said,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline().strip()
            assert line, log.read_text()[-4000:]
            yield process.pid, line
        finally:
            process.stdin.close()
            process.wait(60)
