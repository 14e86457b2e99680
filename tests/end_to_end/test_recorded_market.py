"""Five instruments of three markets and a model: a recording played as Binance would, live, equal to its replay."""

import contextlib
import json
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
from tests.store.trained import a_trained_registry
from tests.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(400)]

RECORDING = "binance_2024-08-08_multi_venue"
SPEED = 20
CONFIG = """
instruments: [{names}]
endpoint: {endpoint}
api: {{port: {port}}}
detection: {{calibration: {{file: calibration.json}}}}
predict:
  models: [small]
  interval_seconds: 0.5
  signal_horizon: 5
  signal_cooldown_seconds: 0
  most_waiting_rows: 2000
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


def test_books_signals_and_predictions_are_those_of_the_exchange_and_of_a_replay(
    data_dir: Path, tmp_path: Path
) -> None:
    recording, again, of_log = data_dir / RECORDING, tmp_path / "again.parquet", tmp_path / "of_log.parquet"
    digest = a_trained_registry(tmp_path / "models").record("small", 1).digest
    msray(tmp_path, "calibrate", str(recording), "--out", "calibration.json", "--bars", "240", timeout_s=200)
    port, found, shown, compared, wrong = free_port(), list[Any](), list[Any](), 0, list[str]()

    with simulator("--recording", str(recording), "--speed", str(SPEED), "--one-socket") as url:
        names = [one["instrument"] for one in get(f"{url}/oracle/status")["instruments"]]
        quoted = ", ".join(f"'{name}'" for name in names)
        (tmp_path / "msray.yaml").write_text(CONFIG.format(names=quoted, endpoint=url, port=port))
        api = f"http://127.0.0.1:{port}"
        with start(tmp_path, "live", "--one-socket", "--until-end") as live:
            eventually(lambda: get(f"{url}/oracle/status")["state"] == "playing", 100)
            eventually(lambda: _is_up(api), 60)
            with connect(f"ws://127.0.0.1:{port}/api/v1/stream?topics=signals,predictions&resume_from=0") as socket:
                while live.poll() is None:
                    try:
                        checked, differing = wrong_books(api, url, names)
                        compared, wrong = compared + checked, wrong + differing
                        found += _frames(socket, 0.5)
                        shown += get(f"{api}/api/v1/predictions/{names[0]}")["predictions"]
                    except (OSError, ConnectionClosed):  # it ends as the market does
                        break
            out, err = live.communicate(timeout=100)
            assert live.returncode == 0, out + err

    stored = msray(tmp_path, "signals", "--limit", "100000")["data"]["signals"]
    msray(tmp_path, "replay", str(recording), "--signals", str(again))
    told = msray(tmp_path, "replay", "state/raw_log/shard-0", "--signals", str(of_log))["data"]
    (model,) = json.loads(out)["data"]["models"]
    ids = {one["signal_id"] for one in stored}
    detected = {one["signal_id"] for one in stored if one["signal_type"] != "prediction"}

    assert len(names) == 5
    assert compared > 50
    assert not wrong
    assert detected
    assert len(ids) == len(stored)
    assert detected == set(pl.read_parquet(again).filter(pl.col("signal_type") != "prediction")["signal_id"])

    assert (model["model"], model["digest"]) == ("small:1", digest)
    assert model["predictions"] >= model["signals"] > 0
    assert model["scores"][0]["rows"] > 0
    assert model["scores"][0]["base_rate"] is not None
    assert told["problems"] == []
    assert told["predictions"]["made"] >= model["predictions"]
    assert sorted(ids) == sorted(pl.read_parquet(of_log)["signal_id"])
    assert len(ids - detected) >= model["signals"]  # as it was told, a moment before the end

    assert {one["data"]["signal_id"] for one in found if one["type"] == "signal"} <= ids
    assert {"signal", "prediction"} <= {one["type"] for one in found}
    assert {one["digest"] for one in shown} == {digest}


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
