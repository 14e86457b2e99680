"""Every Binance chain of the recordings, through the command line, against a book of decimals and bookTicker."""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sortedcontainers import SortedDict

from msray.cli.app import main

_2024 = "binance_2024-08-08_multi_venue/"
CHAINS = {
    "usdm_btc_2024": [_2024 + "usdm/btcusdt_20240808.gz"],
    "usdm_eth_2024": [_2024 + "usdm/ethusdt_20240808.gz"],
    "spot_btc_2024": [_2024 + f"spot/btcusdt_2024080{day}.gz" for day in (8, 9)],
    "spot_eth_2024": [_2024 + f"spot/ethusdt_2024080{day}.gz" for day in (8, 9)],
    "cm_btc_2024": [_2024 + f"cm/btcusd_perp_2024080{day}.gz" for day in (8, 9)],
    "usdm_btc_2023": [f"binance_2023-04-04_usdm_spot/usdm/btcusdt_2023040{day}.dat.gz" for day in (4, 5)],
    "spot_nexo": [f"binance_spot_nexousdt_24h/nexousdt_202407{day}.dat.gz" for day in (23, 24)],
}
TICKER_EXCEPTIONS = {"spot_btc_2024": 2}
"""Messages at which a bookTicker a few ids later is missing from the recording."""

Row = tuple[int, float, float, float, float]


class DecimalBook:
    """Price to size in decimals, a sorted dict a side; the venue's numbered rules, as written."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.sides = [SortedDict(), SortedDict()]
        for side, key in enumerate(("bids", "asks")):
            self._set(side, snapshot[key])

    def apply(self, message: dict[str, Any]) -> Row:
        self._set(0, message["b"])
        self._set(1, message["a"])
        (bid, bid_size), (ask, ask_size) = self.sides[0].peekitem(-1), self.sides[1].peekitem(0)
        return message["u"], float(bid), float(bid_size), float(ask), float(ask_size)

    def _set(self, side: int, levels: list[list[str]]) -> None:
        book = self.sides[side]
        for price, size in levels:
            if Decimal(size):
                book[Decimal(price)] = Decimal(size)
            else:
                book.pop(Decimal(price), None)


def lines(data_dir: Path, name: str) -> Iterator[dict[str, Any]]:
    for file in CHAINS[name]:
        with gzip.open(data_dir / file) as text:
            for line in text:
                message = json.loads(line.split(b" ", 1)[1])
                yield message.get("data", message)


def naive_replay(messages: list[dict[str, Any]]) -> tuple[list[Row], DecimalBook]:
    """Best prices and sizes after every applied depth message, and the book at the end."""
    snapshot = next(m for m in messages if "lastUpdateId" in m)
    is_futures = any("pu" in m for m in messages)
    book, last, rows = DecimalBook(snapshot), snapshot["lastUpdateId"], []
    for message in messages:
        if message.get("e") != "depthUpdate" or message["u"] < last or (not is_futures and message["u"] <= last):
            continue
        rows.append(book.apply(message))
        last = message["u"]
    return rows, book


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words under which nothing calibrates itself: these tests are about books."""
    path = tmp_path_factory.mktemp("config") / "msray.yaml"
    path.write_text("detection:\n  calibration:\n    bars: 100000\n")
    return path


def replayed(paths: list[Path], config: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    outputs = [f"--{name}={folder / name}.parquet" for name in ("bbo", "depth", "signals")]
    assert main(["replay", *map(str, paths), "--config", str(config), "--json", *outputs]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["schema"] == "msray.replay/1"
    (instrument,) = document["data"]["instruments"]
    return {str(key): value for key, value in instrument.items()}


@pytest.mark.parametrize("name", CHAINS)
def test_replay_equals_a_decimal_book_and_the_venues_own_ticker(
    name: str, data_dir: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = list(lines(data_dir, name))
    rows, book = naive_replay(messages)

    said = replayed([data_dir / file for file in reversed(CHAINS[name])], config, tmp_path, capsys)

    bbo = pl.read_parquet(tmp_path / "bbo.parquet")
    found = bbo.select("update_id", "bid_price", "bid_size", "ask_price", "ask_size").rows()
    assert found == rows, "best prices and sizes after every depth message"
    depth = pl.read_parquet(tmp_path / "depth.parquet")
    for side, key in enumerate(("bid", "ask")):
        levels = depth.filter(pl.col("side") == key).select("price", "size").rows()
        assert dict(levels) == {float(price): float(size) for price, size in book.sides[side].items()}
    assert (said["state"], said["gaps"], said["snapshots"]) == ("synced", 0, 1)
    assert said["snapshot_requests"] <= 1, "none where the snapshot comes first"
    assert (said["messages"], said["final_update_id"]) == (len(rows), rows[-1][0])
    wrong = ticker_differences(messages, bbo)
    assert wrong <= TICKER_EXCEPTIONS.get(name, 0), "the latest bookTicker by id"
    signals = pl.read_parquet(tmp_path / "signals.parquet")
    assert len(signals) == said["signals"]
    assert len(signals) >= 1 or name == "spot_nexo", "at least one signal on each busy recording"


def ticker_differences(messages: list[dict[str, Any]], bbo: pl.DataFrame) -> int:
    """Depth messages after which the latest bookTicker by id, not by arrival, says something else."""
    tickers = [m for m in messages if m.get("e", "bookTicker") == "bookTicker" and "B" in m]
    tickers.sort(key=lambda m: m["u"])
    ids = np.array([m["u"] for m in tickers])
    latest = np.searchsorted(ids, bbo["update_id"].to_numpy(), side="right") - 1
    wrong = 0
    for at, row in zip(latest, bbo.select("bid_price", "bid_size", "ask_price", "ask_size").iter_rows(), strict=True):
        if at >= 0:
            wrong += tuple(float(tickers[at][key]) for key in "bBaA") != row
    return wrong


def test_a_recording_without_a_snapshot_reports_unsynced_not_rows(
    data_dir: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = replayed([data_dir / "binance_2023-04-04_usdm_spot/spot/btcusdt_20230405.dat.gz"], config, tmp_path, capsys)

    assert (said["state"], said["messages"], said["snapshots"], said["snapshot_requests"]) == ("unsynced", 0, 0, 1)
    assert said["final_update_id"] is None
    assert pl.read_parquet(tmp_path / "bbo.parquet").is_empty()
    assert pl.read_parquet(tmp_path / "depth.parquet").is_empty()


def test_many_paths_are_grouped_by_instrument_and_give_the_same_twice(
    data_dir: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for run in range(2):
        path = tmp_path / f"{run}.parquet"
        folder = data_dir / "binance_2024-08-08_multi_venue"
        assert main(["replay", str(folder), "--config", str(config), "--signals", str(path), "--json"]) == 0
        data = json.loads(capsys.readouterr().out)["data"]
        assert sorted(one["instrument"] for one in data["instruments"]) == [
            "binance_coinm:BTCUSD_PERP",
            "binance_spot:BTCUSDT",
            "binance_spot:ETHUSDT",
            "binance_usdm:BTCUSDT",
            "binance_usdm:ETHUSDT",
        ]
        found.append(pl.read_parquet(path)["signal_id"].to_list())

    assert found[0] == found[1]
    assert len(set(found[0])) == len(found[0]) >= 5
