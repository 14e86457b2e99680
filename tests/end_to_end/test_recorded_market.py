"""Five instruments of three markets: a recording played as Binance would, live, equal to its replay."""

import contextlib
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from msray.on_ray.environment import free_port
from tests.end_to_end.running import get, msray, simulator, start
from tests.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(400)]

RECORDING = "binance_2024-08-08_multi_venue"
SPEED = 20
CONFIG = """
instruments: [{names}]
endpoint: {endpoint}
api: {{port: {port}}}
detection: {{calibration: {{file: calibration.json}}}}
"""


def wrong_books(api: str, url: str, names: list[str]) -> tuple[int, list[str]]:
    """How many books were compared with the exchange's own at the same id, and those that differ."""
    compared, wrong = 0, []
    for name in names:
        venue, symbol = name.split(":")
        book = get(f"{api}/api/v1/books/{name}?depth=50")
        if book["bids"] is None:
            continue
        truth = get(f"{url}/oracle/book?venue={venue}&symbol={symbol}&id={book['update_id']}")
        compared += 1
        if any(_levels(book[side]) != _levels(truth[side])[:50] for side in ("bids", "asks")):
            wrong.append(f"{name} at {book['update_id']}")
    return compared, wrong


def _levels(levels: list[list[str]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(size)) for price, size, *_ in levels]


def test_books_and_signals_are_those_of_the_exchange_and_of_a_replay(data_dir: Path, tmp_path: Path) -> None:
    recording, again = data_dir / RECORDING, tmp_path / "again.parquet"
    msray(tmp_path, "calibrate", str(recording), "--out", "calibration.json", "--bars", "240", timeout_s=200)
    port, found, compared, wrong = free_port(), list[Any](), 0, list[str]()

    with simulator("--recording", str(recording), "--speed", str(SPEED), "--one-socket") as url:
        names = [one["instrument"] for one in get(f"{url}/oracle/status")["instruments"]]
        quoted = ", ".join(f"'{name}'" for name in names)
        (tmp_path / "msray.yaml").write_text(CONFIG.format(names=quoted, endpoint=url, port=port))
        api = f"http://127.0.0.1:{port}"
        with start(tmp_path, "live", "--one-socket", "--until-end") as live:
            eventually(lambda: get(f"{url}/oracle/status")["state"] == "playing", 100)
            eventually(lambda: _is_up(api), 60)
            with connect(f"ws://127.0.0.1:{port}/api/v1/stream?topics=signals&resume_from=0") as socket:
                while live.poll() is None:
                    try:
                        checked, differing = wrong_books(api, url, names)
                        compared, wrong = compared + checked, wrong + differing
                        found += _frames(socket, 0.5)
                    except (OSError, ConnectionClosed):  # it ends as the market does
                        break
            out, err = live.communicate(timeout=100)
            assert live.returncode == 0, out + err

    stored = {one["signal_id"] for one in msray(tmp_path, "signals", "--limit", "100000")["data"]["signals"]}
    msray(tmp_path, "replay", str(recording), "--signals", str(again))
    assert len(names) == 5
    assert compared > 50
    assert not wrong
    assert stored
    assert stored == set(pl.read_parquet(again)["signal_id"])
    assert {one["data"]["signal_id"] for one in found if one["type"] == "signal"} <= stored
    assert any(one["type"] == "signal" for one in found)


def _is_up(api: str) -> bool:
    try:
        return bool(get(f"{api}/api/v1/instruments")["instruments"])
    except OSError:
        return False


def _frames(socket: Any, seconds: float) -> list[Any]:
    """All that come in this time."""
    frames, deadline = [], time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        while True:
            frames.append(msgspec.json.decode(socket.recv(timeout=max(deadline - time.monotonic(), 0))))
    return frames
