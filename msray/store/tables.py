"""Parquet tables that appear whole or not at all."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from msray.book import L2Book
from msray.errors import UnavailableError, UsageError
from msray.features import FEATURES
from msray.market import ASK, MAX_TICK, Signal
from msray.prediction import Rows
from msray.store.durable import partial_of

_GROUP_ROWS = 65_536

BBO_SCHEMA = pa.schema(
    [
        ("local_ns", pa.int64()),
        ("exchange_ns", pa.int64()),
        ("instrument", pa.string()),
        ("update_id", pa.int64()),
        ("bid_price", pa.float64()),
        ("bid_size", pa.float64()),
        ("ask_price", pa.float64()),
        ("ask_size", pa.float64()),
    ]
)
FEATURE_SCHEMA = pa.schema(
    [
        ("local_ns", pa.int64()),
        ("exchange_ns", pa.int64()),
        ("instrument", pa.string()),
        ("update_id", pa.int64()),
        ("epoch_id", pa.int64()),
        *((feature.name, pa.float64()) for feature in FEATURES),
    ]
)
DEPTH_SCHEMA = pa.schema(
    [
        ("instrument", pa.string()),
        ("update_id", pa.int64()),
        ("side", pa.string()),
        ("price", pa.float64()),
        ("size", pa.float64()),
        ("covered", pa.bool_()),
    ]
)
SIGNAL_SCHEMA = pa.schema(
    [
        ("signal_id", pa.string()),
        ("event_ns", pa.int64()),
        ("instrument", pa.string()),
        ("signal_type", pa.string()),
        ("detector", pa.string()),
        ("score", pa.float64()),
        ("direction", pa.int8()),
        ("change_ns", pa.int64()),
        ("size_sigma", pa.float64()),
        ("event_kind", pa.string()),
        ("event_id", pa.int64()),
        ("calibration", pa.string()),
        ("price", pa.float64()),
        ("shares", pa.map_(pa.string(), pa.float64())),
        ("features", pa.map_(pa.string(), pa.float64())),
    ]
)


class TableWriter:
    """Writes one Parquet file beside its final name and moves it there when it is complete.

    Parameters
    ----------
    path
        Final name; its folder must exist.
    schema
        Columns.

    Raises
    ------
    UsageError
        If the file cannot be created.
    UnavailableError
        Later, if it cannot be written, as on a full disk.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.rows = 0
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        if path.is_dir():
            raise UsageError(f"cannot write {path}: it is a folder")
        # A name of its own: two tables meant for one path must not be mixed, whoever writes the other one.
        self._partial = partial_of(path)
        try:
            self._writer = pq.ParquetWriter(self._partial, schema, compression="zstd")
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from error

    def append(self, columns: Mapping[str, Any]) -> None:
        """Add rows; every column of the schema, all of one length."""
        arrays = [_array(columns[field.name], field.type) for field in self._schema]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._waiting.append(batch)
        self._waiting_rows += len(batch)
        self.rows += len(batch)
        if self._waiting_rows >= _GROUP_ROWS:
            with self._as_unavailable():
                self._flush()

    def close(self) -> None:
        """Complete the file and give it its name; where that fails, leave nothing behind."""
        with contextlib.ExitStack() as undo:
            undo.callback(self.abort)
            with self._as_unavailable():
                self._flush()
                self._writer.close()
                with self._partial.open("rb+") as file:
                    os.fsync(file.fileno())
                self._partial.replace(self.path)
            undo.pop_all()

    def abort(self) -> None:
        """Leave nothing behind; an older file of the same name stays."""
        with contextlib.suppress(OSError):  # a full disk has no room for the end of a file that is to go
            self._writer.close()
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close() if kind is None else self.abort()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
            self._waiting = []
            self._waiting_rows = 0

    @contextlib.contextmanager
    def _as_unavailable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"cannot write {self.path}: {error.strerror or error}", hint="free space on its disk, or name another"
            ) from error


class BboTable:
    """A row sink: best prices and sizes after every depth message."""

    def __init__(self, writer: TableWriter) -> None:
        self._writer = writer

    def __call__(self, rows: Rows) -> None:
        """Write the rows."""
        bid, bid_size, ask, ask_size = rows.bests.T
        instrument = rows.instrument
        self._writer.append(
            {
                **_keys(rows),
                "bid_price": np.where(bid >= 0, instrument.price(bid), np.nan),
                "bid_size": np.where(bid >= 0, instrument.size(bid_size), np.nan),
                "ask_price": np.where(ask <= MAX_TICK, instrument.price(ask), np.nan),
                "ask_size": np.where(ask <= MAX_TICK, instrument.size(ask_size), np.nan),
            }
        )


class FeatureRows:
    """A row sink: all features after every depth message."""

    def __init__(self, writer: TableWriter) -> None:
        self._writer = writer

    def __call__(self, rows: Rows) -> None:
        """Write the rows."""
        columns = {feature.name: rows.values[:, i].copy() for i, feature in enumerate(FEATURES)}
        self._writer.append({**_keys(rows), "epoch_id": np.full(len(rows.messages), rows.epoch_id), **columns})


def depth_columns(book: L2Book, update_id: int) -> dict[str, Any]:
    """A whole book as columns of ``DEPTH_SCHEMA``, best first, bids then asks."""
    levels = book.levels()
    instrument = book.instrument
    sides = levels["flags"] & ASK
    return {
        "instrument": [instrument.id] * len(levels),
        "update_id": np.full(len(levels), update_id),
        "side": np.where(sides == ASK, "ask", "bid").tolist(),
        "price": instrument.price(levels["tick"].astype(np.int64)),
        "size": instrument.size(levels["size"]),
        "covered": [book.covers(int(side), int(tick)) for side, tick in zip(sides, levels["tick"], strict=True)],
    }


def signal_columns(signals: Iterable[Signal]) -> dict[str, Any]:
    """Signals as columns of ``SIGNAL_SCHEMA``."""
    rows = list(signals)
    columns = {name: [getattr(row, name) for row in rows] for name in SIGNAL_SCHEMA.names}
    return {
        **columns,
        "shares": [list(r.shares.items()) for r in rows],
        "features": [list(r.features.items()) for r in rows],
    }


def _keys(rows: Rows) -> dict[str, Any]:
    messages = rows.messages
    return {
        "local_ns": messages["local_ns"].copy(),
        "exchange_ns": messages["event_ns"].copy(),
        "instrument": pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(messages), np.int32)), pa.array([rows.instrument.id])
        ).cast(pa.string()),
        "update_id": messages["last_id"].copy(),
    }


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, type=kind)
