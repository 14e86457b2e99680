"""``POST /api/v1/signals``, durable before its 201, through Serve as it is deployed, Serve by default, and uvicorn."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import aiohttp
import numpy as np
from figures import Figure

SERVED = """
import sys, time
from pydantic import SecretStr
from msray.api.config import ApiConfig
from msray.on_ray import board, ledger_actor, serving, session
session.start_local()
ledger_actor.start_ledger(sys.argv[1])
board.start_board()
serving.start_api(ApiConfig(port=int(sys.argv[2]), ledger_url=SecretStr(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
session.leave()
"""
ALONE = """
import asyncio, sys, threading
from pydantic import SecretStr
from msray.api.config import ApiConfig
from msray.api.server import APIServer
server = APIServer(ApiConfig(port=int(sys.argv[2]), ledger_url=SecretStr(sys.argv[1])))
threading.Thread(target=lambda: (sys.stdin.read(), server.stop()), daemon=True).start()
asyncio.run(server.serve(lambda url: print("ready", flush=True)))
"""
WAYS = {
    "serve": (SERVED, {}),
    "serve, default mode": (SERVED, {"RAY_SERVE_ENABLE_HA_PROXY": "0", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "0"}),
    "uvicorn": (ALONE, {}),
}
REQUESTS = {1: 1000, 32: 6000}
PORT = 8765


async def post_figures() -> list[Figure]:
    """p95 at 1 and at 32 connections, each way, with the part that the app itself takes."""
    p95: dict[str, dict[int, float]] = {}
    parts = ""
    for way, (program, words) in WAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            ledger = str(Path(folder) / "ledger.db")
            with subprocess.Popen(
                [sys.executable, "-c", program, ledger, str(PORT)],
                env=os.environ | words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ) as process:
                assert process.stdout is not None
                assert process.stdin is not None
                while "ready" not in process.stdout.readline():
                    if process.poll() is not None:
                        raise SystemExit(f"{way} did not start")
                await _post(1, 100)
                p95[way] = {clients: await _post(clients, count) for clients, count in REQUESTS.items()}
                if way == "serve":
                    parts = _parts()
                process.stdin.close()
    return [
        Figure(
            name=f"POST through Serve, {clients} connections, p95",
            value=round(p95["serve"][clients], 2),
            unit="ms",
            goal={1: 5.0, 32: 60.0}[clients],
            beside={way: round(p95[way][clients], 2) for way in WAYS if way != "serve"},
            how=f"{count} requests, SQLite synchronous=FULL, client on the same 2 cores; over all: {parts}",
        )
        for clients, count in REQUESTS.items()
    ]


async def _post(clients: int, count: int) -> float:
    took_ms: list[float] = []
    tag = time.time_ns()

    async def client(number: int, session: aiohttp.ClientSession) -> None:
        for at in range(count // clients):
            body = {"symbol": "BTCUSDT", "venue": "binance_usdm", "signal_type": f"t{at % 5}", "score": 0.5}
            body["price"] = float(tag % 10**9 + number * 10**5 + at)
            started = time.perf_counter()
            async with session.post(f"http://127.0.0.1:{PORT}/api/v1/signals", json=body) as answer:
                await answer.read()
                assert answer.status == 201, await answer.text()
            took_ms.append((time.perf_counter() - started) * 1e3)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=clients)) as session:
        await asyncio.gather(*(client(number, session) for number in range(clients)))
    return float(np.percentile(took_ms, 95))


def _parts() -> str:
    """Mean of what the app and the commit take, from the metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=10) as answer:
        lines = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[:1] != "#")
    route = 'microstructure_http_request_seconds_{}{{route="/api/v1/signals"}}'
    app = float(lines[route.format("sum")]) / max(float(lines[route.format("count")]), 1)
    commits = max(float(lines["microstructure_ledger_commit_seconds_count"]), 1)
    commit = float(lines["microstructure_ledger_commit_seconds_sum"]) / commits
    return f"in the app {app * 1e3:.2f} ms, a commit {commit * 1e3:.2f} ms in the mean"
