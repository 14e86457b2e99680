"""``POST /api/v1/predict`` at a given rate: through Serve as it is deployed, without Ray, and the model in process."""

import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import numpy as np
from figures import Figure
from numpy.typing import NDArray

from msray.api.model_server import ModelServer
from msray.api.models import ModelStatus

SERVED = """
import sys
from pathlib import Path
from msray.api.config import ApiConfig
from msray.on_ray import predicting, session
from msray.on_ray.ensemble import EnsembleConfig
ledger, port, folder, words = sys.argv[1:]
session.start_local()
predicting.start_predicting(
    ApiConfig(port=int(port), ledger_url=ledger), EnsembleConfig(models_dir=folder, models=(words,))
)
print("ready", flush=True)
for asked in sys.stdin:
    from ray import serve
    states = serve.status().applications["ensemble"].deployments["ModelServer"].replica_states
    print(sum(count for state, count in states.items() if str(getattr(state, "value", state)) == "RUNNING"), flush=True)
session.leave()
"""
ALONE = """
import asyncio, sys, threading
from msray.api.config import ApiConfig
from msray.api.server import APIServer
ledger, port, folder, words = sys.argv[1:]
server = APIServer(ApiConfig(port=int(port), ledger_url=ledger, models_dir=folder, models=(words,)))
threading.Thread(target=lambda: (sys.stdin.read(), server.stop()), daemon=True).start()
asyncio.run(server.serve(lambda url: print("ready", flush=True)))
"""
PORT = 8766
WARM = 50
CLIENTS = 64
"""Questions under way at once at most; beyond that a rate is not reached, and it is said so."""
GOAL_MS = 10.0

Rows = NDArray[np.float32]


def http_figures(folder: Path, words: str, rates: list[float], seconds: float, rows: int) -> list[Figure]:
    """Latency at each rate through Serve, beside the same without Ray and the model alone."""
    server = ModelServer(folder, [words])
    (status,) = server.models()
    if not status.is_served:
        sys.stderr.write(f"{words}: {status.problem}\n")
        return []
    count = max(rows, status.least_rows)
    alone = _in_process(server, status, count)
    found: dict[str, list[tuple[list[float], float]]] = {}
    for way, program in (("serve", SERVED), ("without Ray", ALONE)):
        with _running(program, folder, words):
            asyncio.run(_ask(status, count, rate=20.0, seconds=WARM / 20.0))
            found[way] = [asyncio.run(_ask(status, count, rate, seconds)) for rate in rates]
    figures = []
    for at, rate in enumerate(rates):
        quantiles = {way: _quantiles(took[at][0]) for way, took in found.items()} | {"in process": _quantiles(alone)}
        reached = found["serve"][at][1]
        how = f"{words}, {count} rows of {len(status.features)} features, {seconds:g} s, {reached:.0f}/s reached"
        for which, name in enumerate(("p50", "p95", "p99")):
            figures.append(
                Figure(
                    name=f"POST /api/v1/predict through Serve, {rate:g}/s, {name}",
                    value=quantiles["serve"][which],
                    unit="ms",
                    goal=GOAL_MS if name == "p95" else None,
                    beside={way: values[which] for way, values in quantiles.items() if way != "serve"},
                    how=how,
                )
            )
    return figures


def scale_figures(folder: Path, words: str, rows: int, within_s: float = 240.0) -> list[Figure]:
    """Seconds until a second replica of the model answers under load, and until it is gone after it."""
    (status,) = ModelServer(folder, [words]).models()
    count = max(rows, status.least_rows)
    with _running(SERVED, folder, words) as process:
        took = asyncio.run(_scaled(process, status, count, within_s))
    how = f"{words}, {CLIENTS} clients without a pause, then one; upscale_delay_s 3, downscale_delay_s 30"
    return [
        Figure(name=f"replicas of the models {what}", value=round(seconds, 1), unit="s", how=how)
        for what, seconds in took.items()
    ]


async def _scaled(process: subprocess.Popen[str], status: ModelStatus, count: int, within_s: float) -> dict[str, float]:
    bodies = _bodies(status, count)
    took: dict[str, float] = {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        clients = [asyncio.create_task(_for_ever(session, bodies)) for _ in range(CLIENTS)]
        for what, wanted in (("1 -> 2", 2), ("2 -> 1", 1)):
            started = time.monotonic()
            while await asyncio.to_thread(_replicas, process) != wanted:
                if time.monotonic() - started > within_s:
                    raise SystemExit(f"replicas: not {what} within {within_s:g} s")
                await asyncio.sleep(0.5)
            took[what] = time.monotonic() - started
            for client in clients[1:]:
                client.cancel()
        clients[0].cancel()
        await asyncio.gather(*clients, return_exceptions=True)
    return took


def _replicas(process: subprocess.Popen[str]) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


async def _for_ever(session: aiohttp.ClientSession, bodies: Iterator[bytes]) -> None:
    while True:
        await _post(session, next(bodies))


def _in_process(server: ModelServer, status: ModelStatus, count: int) -> list[float]:
    rng = np.random.default_rng(0)
    took = []
    for _ in range(WARM + 500):
        rows = rng.normal(size=(1, count, len(status.features))).astype(np.float32)
        started = time.perf_counter()
        server.whole(status.words, rows)
        took.append((time.perf_counter() - started) * 1e3)
    return took[WARM:]


async def _ask(status: ModelStatus, count: int, rate: float, seconds: float) -> tuple[list[float], float]:
    """Milliseconds of each question, from when it was due, and the rate that was reached."""
    took: list[float] = []
    bodies, room = _bodies(status, count), asyncio.Semaphore(CLIENTS)

    async def one(session: aiohttp.ClientSession, due: float, body: bytes) -> None:
        async with room:
            await _post(session, body)
        took.append((time.perf_counter() - due) * 1e3)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session, asyncio.TaskGroup() as all_:
        started = time.perf_counter()
        for number in range(int(rate * seconds)):
            due, body = started + number / rate, next(bodies)  # written before it is due
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            all_.create_task(one(session, due, body))
    return took, len(took) / (time.perf_counter() - started)


async def _post(session: aiohttp.ClientSession, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with session.post(f"http://127.0.0.1:{PORT}/api/v1/predict", data=body, headers=headers) as answer:
        said = await answer.json()
        assert answer.status == 200, said
        assert not said["cached"]


def _bodies(status: ModelStatus, count: int) -> Iterator[bytes]:
    """One window each, no two of them alike, so that none is answered from memory."""
    rows = np.random.default_rng(time.time_ns()).normal(size=(count, len(status.features))).round(5).tolist()
    for number in itertools.count():
        rows[-1][0] = float(number)
        yield json.dumps({"model": status.words, "rows": rows}).encode()


def _quantiles(took_ms: list[float]) -> list[float]:
    return [round(float(one), 2) for one in np.percentile(took_ms, (50, 95, 99))]


@contextlib.contextmanager
def _running(program: str, folder: Path, words: str) -> Iterator[subprocess.Popen[str]]:
    """A server in a process of its own, until the block is left."""
    with tempfile.TemporaryDirectory() as place:
        arguments = [str(Path(place) / "ledger.db"), str(PORT), str(folder), words]
        with subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=os.environ.copy(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            while "ready" not in (line := process.stdout.readline()):
                if not line:
                    raise SystemExit("the server did not start")
            yield process
            process.stdin.close()
            process.wait(60)
