"""The Parquet files of a replay: exactly these columns, whole or not at all."""

import errno
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from msray.book import L2Book
from msray.cli.app import main
from msray.errors import UnavailableError, UsageError
from msray.features import FEATURES
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.raw_log_reader import RawLog
from msray.market import DEPTH, LEVEL, MAX_TICK, MESSAGE
from msray.prediction import LogEvent, Pipeline, Rows, log_metadata
from msray.store import tables
from msray.store.tables import (
    BBO_SCHEMA,
    DEPTH_SCHEMA,
    FEATURE_SCHEMA,
    SIGNAL_SCHEMA,
    BboTable,
    FeatureRows,
    TableWriter,
    depth_columns,
    signal_columns,
)
from tests.disks import refusing
from tests.feeds.clocks import ManualClock
from tests.prediction.made import BTC, CALIBRATED, ETH, SPOT, market_events, run
from tests.store.examples import a_signal, some_signals

SCHEMA = pa.schema([("number", pa.int64()), ("name", pa.string())])
KINDS = ("bbo", "depth", "features", "signals")
ISSUED = {
    "bbo": {
        "local_ns": pl.Int64,
        "exchange_ns": pl.Int64,
        "instrument": pl.String,
        "update_id": pl.Int64,
        "bid_price": pl.Float64,
        "bid_size": pl.Float64,
        "ask_price": pl.Float64,
        "ask_size": pl.Float64,
    },
    "features": {
        "local_ns": pl.Int64,
        "exchange_ns": pl.Int64,
        "instrument": pl.String,
        "update_id": pl.Int64,
        "epoch_id": pl.Int64,
    }
    | {feature.name: pl.Float64 for feature in FEATURES},
    "depth": {
        "instrument": pl.String,
        "update_id": pl.Int64,
        "side": pl.String,
        "price": pl.Float64,
        "size": pl.Float64,
        "covered": pl.Boolean,
    },
    "signals": {
        "signal_id": pl.String,
        "event_ns": pl.Int64,
        "instrument": pl.String,
        "signal_type": pl.String,
        "detector": pl.String,
        "score": pl.Float64,
        "direction": pl.Int8,
        "change_ns": pl.Int64,
    },
}


def columns(count: int, first: int = 0) -> dict[str, Any]:
    return {"number": np.arange(first, first + count), "name": [f"n{i}" for i in range(first, first + count)]}


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---------------------------------------------------------------- one table


def test_rows_come_back_in_order_over_many_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_GROUP_ROWS", 100)
    path = tmp_path / "t.parquet"

    with TableWriter(path, SCHEMA) as writer:
        for first in range(0, 1000, 30):
            writer.append(columns(30, first))

    found = pl.read_parquet(path)
    assert found["number"].to_list() == list(range(1020))
    assert found["name"][-1] == "n1019"
    assert writer.rows == 1020
    assert pq.ParquetFile(path).num_row_groups == 9
    assert pq.read_schema(path).equals(SCHEMA)


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "t.parquet", SCHEMA):
        pass

    assert pl.read_parquet(tmp_path / "t.parquet").schema == {"number": pl.Int64, "name": pl.String}


def test_it_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"

    with TableWriter(path, SCHEMA) as writer:
        writer.append(columns(5))
        assert not path.exists()
        assert [name.startswith(".t.parquet.") for name in files(tmp_path)] == [True], "hidden, beside it"

    assert files(tmp_path) == ["t.parquet"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_an_older_file_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"older")

    with pytest.raises(error), TableWriter(path, SCHEMA) as writer:
        writer.append(columns(5))
        raise error

    assert path.read_bytes() == b"older"
    assert files(tmp_path) == ["t.parquet"]


def test_a_new_one_takes_the_place_of_an_older(tmp_path: Path) -> None:
    for count in (5, 2):
        with TableWriter(tmp_path / "t.parquet", SCHEMA) as writer:
            writer.append(columns(count))

    assert len(pl.read_parquet(tmp_path / "t.parquet")) == 2


@pytest.mark.parametrize("where", ["write_table", "close", "fsync", "replace"])
def test_a_full_disk_leaves_nothing_behind_wherever_it_shows(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"older")

    owner = {"fsync": os, "replace": Path}.get(where, pq.ParquetWriter)
    refused = pytest.raises(UnavailableError, match=r"cannot write .*t\.parquet: No space left")
    with refused, TableWriter(path, SCHEMA) as writer:
        writer.append(columns(5))
        monkeypatch.setattr(owner, where, refusing(errno.ENOSPC))
    monkeypatch.undo()

    assert path.read_bytes() == b"older"
    assert files(tmp_path) == ["t.parquet"]


def test_a_full_disk_in_the_middle_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_GROUP_ROWS", 10)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", refusing(errno.ENOSPC))

    with pytest.raises(UnavailableError, match="No space left"), TableWriter(tmp_path / "t", SCHEMA) as writer:
        writer.append(columns(20))

    assert files(tmp_path) == []


def test_a_place_that_is_none_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    for path in (tmp_path, Path(), Path("/"), tmp_path / "missing" / "t", tmp_path / "file" / "t"):
        with pytest.raises(UsageError, match=f"cannot write {path}"):
            TableWriter(path, SCHEMA)
    assert files(tmp_path) == ["file"]


def test_two_tables_of_one_name_are_never_mixed(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with TableWriter(path, SCHEMA) as one, TableWriter(path, SCHEMA) as other:
        one.append(columns(50))
        other.append(columns(3))

    assert len(pl.read_parquet(path)) == 50, "of the one that ended last"
    assert files(tmp_path) == ["t.parquet"]


def test_rows_that_do_not_fit_the_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError), TableWriter(tmp_path / "t", SCHEMA) as writer:
        writer.append({"number": [1]})
    with pytest.raises(ValueError, match="same length"), TableWriter(tmp_path / "t", SCHEMA) as writer:
        writer.append({"number": [1, 2], "name": ["a"]})

    assert files(tmp_path) == []


# ---------------------------------------------------------------- what is in them


def some_rows(bests: list[tuple[int, int, int, int]]) -> Rows:
    messages = np.zeros(len(bests), MESSAGE)
    messages["kind"], messages["local_ns"], messages["event_ns"] = DEPTH, 7, 5
    messages["last_id"] = range(100, 100 + len(bests))
    values = np.arange(len(bests) * len(FEATURES), dtype=float).reshape(len(bests), -1)
    return Rows(BTC, 77, messages, np.array(bests, np.int64).reshape(-1, 4), values)


def test_prices_and_sizes_are_in_quote_and_base_units_and_an_empty_side_is_not_a_number(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "t", BBO_SCHEMA) as writer:
        BboTable(writer)(some_rows([(610_005, 1_500, 610_006, 3), (-1, 0, MAX_TICK + 1, 0)]))

    rows = pl.read_parquet(tmp_path / "t").rows()
    assert rows[0] == (7, 5, BTC.id, 100, 61_000.5, 1.5, 61_000.6, 0.003)
    assert rows[1][:4] == (7, 5, BTC.id, 101)
    assert all(np.isnan(value) for value in rows[1][4:])


def test_a_sink_keeps_nothing_that_will_be_overwritten(tmp_path: Path) -> None:
    """Rows are valid until the sink returns; the writer keeps them longer."""
    rows = some_rows([(610_005, 1_500, 610_006, 3)])
    with TableWriter(tmp_path / "b", BBO_SCHEMA) as bests, TableWriter(tmp_path / "f", FEATURE_SCHEMA) as features:
        BboTable(bests)(rows)
        FeatureRows(features)(rows)
        rows.bests[:], rows.values[:] = 0, 0.0
        for name in rows.messages.dtype.names or ():
            rows.messages[name] = 0

    assert pl.read_parquet(tmp_path / "b").rows() == [(7, 5, BTC.id, 100, 61_000.5, 1.5, 61_000.6, 0.003)]
    assert pl.read_parquet(tmp_path / "f").rows() == [(7, 5, BTC.id, 100, 77, *map(float, range(len(FEATURES))))]


def test_a_book_is_listed_bids_then_asks_best_first(tmp_path: Path) -> None:
    book = L2Book(SPOT)
    levels = [(5 * 10**8, 6_100_000, 0), (10**8, 6_099_999, 0), (2 * 10**8, 6_100_001, 1), (3 * 10**8, 6_100_009, 1)]
    book.load(np.array([levels[1], levels[0], levels[3], levels[2]], LEVEL), 2)
    book.apply(np.array([(7 * 10**8, 6_000_000, 0)], LEVEL))

    with TableWriter(tmp_path / "t", DEPTH_SCHEMA) as writer:
        writer.append(depth_columns(book, 42))

    assert pl.read_parquet(tmp_path / "t").rows() == [
        (SPOT.id, 42, "bid", 61_000.0, 5.0, True),
        (SPOT.id, 42, "bid", 60_999.99, 1.0, True),
        (SPOT.id, 42, "bid", 60_000.0, 7.0, False),
        (SPOT.id, 42, "ask", 61_000.01, 2.0, True),
        (SPOT.id, 42, "ask", 61_000.09, 3.0, True),
    ]


def test_signals_keep_every_field(tmp_path: Path) -> None:
    signals = [*some_signals(3), a_signal(9, price=None, shares={}, features={"x": float("nan")}, direction=-1)]

    with TableWriter(tmp_path / "t", SIGNAL_SCHEMA) as writer:
        writer.append(signal_columns(iter(signals)))

    found = pq.read_table(tmp_path / "t").to_pylist()
    for row, signal in zip(found, signals, strict=True):
        for name in SIGNAL_SCHEMA.names:
            value = dict(row[name]) if name in ("shares", "features") else row[name]
            wanted = getattr(signal, name)
            assert value == wanted or (name == "features" and np.isnan(value["x"])), name


# ---------------------------------------------------------------- the files of ``msray replay``

INSTRUMENTS = (BTC, ETH, SPOT)


@functools.cache
def market() -> list[LogEvent]:
    return market_events(INSTRUMENTS, seconds=15, lost=(9,))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw log of three instruments, one gap each."""
    folder = tmp_path_factory.mktemp("log")
    writer = RawLogWriter(folder, INSTRUMENTS, ManualClock(), metadata=log_metadata(CALIBRATED, []))
    for event in market():
        writer.append(event)
    writer.close()
    return folder


def outputs(folder: Path) -> list[str]:
    return [f"--{kind}={folder / kind}" for kind in KINDS]


@pytest.fixture(scope="module")
def written(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, pl.DataFrame]]:
    folder = tmp_path_factory.mktemp("tables")
    assert main(["replay", str(log), *outputs(folder)]) == 0
    assert files(folder) == sorted(KINDS)
    yield {kind: pl.read_parquet(folder / kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_columns_and_types_are_as_promised(written: dict[str, pl.DataFrame], kind: str) -> None:
    schema = dict(written[kind].schema)

    if kind == "signals":
        assert list(schema)[: len(ISSUED[kind])] == list(ISSUED[kind])
        assert ISSUED[kind].items() <= schema.items()
    else:
        assert list(schema.items()) == list(ISSUED[kind].items())
    assert len(written[kind]) > 0


def test_rows_are_what_the_engines_hand_out(written: dict[str, pl.DataFrame], log: Path) -> None:
    found: dict[str, list[Any]] = {one.id: [] for one in INSTRUMENTS}

    def sink(name: str) -> Any:
        def take(rows: Rows) -> None:
            for message, values in zip(rows.messages, rows.values.copy(), strict=True):
                found[name].append((int(message["local_ns"]), int(message["event_ns"]), rows.epoch_id, values))

        return take

    machine = Pipeline(INSTRUMENTS, CALIBRATED, sink=sink)
    signals = run(machine, RawLog([log]).events())

    for name, rows in found.items():
        mine = written["features"].filter(pl.col("instrument") == name)
        assert mine["local_ns"].to_list() == [row[0] for row in rows]
        assert mine["exchange_ns"].to_list() == [row[1] for row in rows]
        assert mine["epoch_id"].to_list() == [row[2] for row in rows]
        values = mine.select(feature.name for feature in FEATURES).to_numpy()
        assert values.tobytes() == np.array([row[3] for row in rows]).tobytes()
        assert mine["epoch_id"].n_unique() == 2
    assert written["signals"]["signal_id"].to_list() == [signal.signal_id for signal in signals]
    for name, lane in machine.lanes.items():
        depth = written["depth"].filter(pl.col("instrument") == name)
        assert len(depth) == len(lane.engine.book.levels())
        assert depth["update_id"].unique().to_list() == [lane.sync.book_id]
        best = written["bbo"].filter(pl.col("instrument") == name).row(-1, named=True)
        sides = {side: depth.filter(pl.col("side") == side).row(0, named=True) for side in ("bid", "ask")}
        assert [(best[f"{side}_price"], best[f"{side}_size"]) for side in sides] == [
            (row["price"], row["size"]) for row in sides.values()
        ]


@pytest.mark.parametrize("error", [UnavailableError("gone"), KeyboardInterrupt()], ids=["error", "interrupted"])
def test_a_replay_that_fails_leaves_older_files_and_no_new_ones(
    log: Path, tmp_path: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, calls = Pipeline.apply, []
    (tmp_path / "bbo").write_bytes(b"older")

    def fail(self: Pipeline, event: Any) -> Any:
        calls.append(event)
        if len(calls) > 5:
            raise error
        return apply(self, event)

    monkeypatch.setattr(Pipeline, "apply", fail)

    assert main(["replay", str(log), *outputs(tmp_path)]) != 0

    assert files(tmp_path) == ["bbo"]
    assert (tmp_path / "bbo").read_bytes() == b"older"
