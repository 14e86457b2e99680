"""SHFE snapshots: Parquet files of one contract, a trading day each, told by their columns.

The rows go to :class:`~msray.venues.ShfeDecoder`. A row that it refuses is a problem that names file and row.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from msray.errors import FeedError, UsageError
from msray.feeds.lake import is_part
from msray.prediction import Disconnected, LogEvent, Replayed
from msray.venues import SHFE_COLUMNS, ShfeDecoder, shfe_instrument

CHUNK_ROWS = 8192
"""Rows that are read at once."""

_MOST_TEXTS = 100


@dataclass(frozen=True, slots=True)
class _File:
    """One file, and what its first and last row say."""

    path: Path
    rows: int
    contract: str
    begin_ns: int
    end_ns: int


class ShfeGroup:
    """The files of one contract.

    Parameters
    ----------
    files
        At least one, as :func:`find_shfe` found them.

    Raises
    ------
    UsageError
        If two of them are of the same time.
    """

    def __init__(self, files: Sequence[_File]) -> None:
        self._files = sorted(files, key=lambda one: one.begin_ns)
        self.instrument = shfe_instrument(self._files[0].contract)
        self.begin_ns = self._files[0].begin_ns
        self.files = tuple(one.path for one in self._files)
        self.total_bytes = sum(path.stat().st_size for path in self.files)
        self.bytes_read = 0
        self._told: list[str] = []
        self._untold = 0
        for before, one in pairwise(self._files):
            if one.begin_ns <= before.end_ns:
                raise UsageError(f"{before.path} and {one.path} overlap in time: name one of them")

    @property
    def problems(self) -> list[str]:
        """Rows that were not believed, files that ended early."""
        untold = f"{self._untold} more bad rows of {self.instrument.id}"
        return [*self._told, *([untold] if self._untold else [])]

    def events(self, *, hint: int = 0) -> Iterator[LogEvent]:
        """Its records in order; a ``Disconnected`` where a file ends early. ``hint`` is of no use here."""
        self._told, self._untold, self.bytes_read = [], 0, 0
        for one in self._files:
            before = self.bytes_read
            yield from self._read(one)
            self.bytes_read = before + one.path.stat().st_size

    def _read(self, one: _File) -> Iterator[LogEvent]:
        decoder, last_ns = ShfeDecoder(one.contract), one.begin_ns
        before, size = self.bytes_read, one.path.stat().st_size
        try:
            with pq.ParquetFile(one.path) as file:
                for batch in file.iter_batches(CHUNK_ROWS, columns=list(SHFE_COLUMNS)):
                    records, refused = decoder.decode(_columns(batch))
                    for row in refused:
                        self._report(f"{one.path}, row {row.row}: {row.reason}")
                    self.bytes_read = before + size * decoder.rows // one.rows
                    if len(records):
                        last_ns = int(records.messages["local_ns"][-1])
                        yield Replayed(self.instrument.id, records)
        except (pa.ArrowException, OSError) as error:
            self._told.append(f"{one.path}: damaged behind row {decoder.rows}: {_line(error)}")
            yield Disconnected((self.instrument.id,), last_ns)

    def _report(self, text: str) -> None:
        if len(self._told) < _MOST_TEXTS:
            self._told.append(text)
        else:
            self._untold += 1


def find_shfe(paths: Iterable[Path]) -> tuple[list[ShfeGroup], set[Path]]:
    """The files of SHFE snapshots among some files.

    Parameters
    ----------
    paths
        Files; those that are no Parquet, belong to a lake, or have other columns are passed over.

    Returns
    -------
    groups
        One a contract, by contract.
    used
        The paths that belong to them.

    Raises
    ------
    FeedError
        If a Parquet file cannot be read, a column has no such type, or the contract is not known.
    UsageError
        If two files of a contract are of the same time.
    """
    found: dict[str, list[_File]] = {}
    for path in paths:
        if path.suffix == ".parquet" and not is_part(path.absolute()) and (file := _opened(path)):
            found.setdefault(file.contract, []).append(file)
    groups = [ShfeGroup(some) for _, some in sorted(found.items())]
    return groups, {path for group in groups for path in group.files}


def _opened(path: Path) -> _File | None:
    """What a file says of itself; None where it has other columns, or no rows."""
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            if not rows or not set(SHFE_COLUMNS) <= set(schema.names):
                return None
            _check_types(path, schema)
            table = file.read(["instrumentID", "epochTime"])
    except (pa.ArrowException, OSError) as error:
        raise FeedError(f"{path} cannot be read: {_line(error)}") from error
    ends = _columns(table.take([0, rows - 1]).combine_chunks().to_batches()[0])
    contract = str(ends["instrumentID"][0])
    try:
        shfe_instrument(contract)
    except FeedError as error:
        raise FeedError(f"{path}, row 1: {error}") from error
    begin_us, end_us = ends["epochTime"].tolist()
    return _File(path, rows, contract, 1000 * begin_us, 1000 * end_us)


def _check_types(path: Path, schema: pa.Schema) -> None:
    is_whole, is_float = pa.types.is_integer, pa.types.is_floating
    for name, wanted in SHFE_COLUMNS.items():
        kind = schema.field(name).type
        if wanted is str:
            is_fine, what = pa.types.is_string(kind) or pa.types.is_large_string(kind), "text"
        elif wanted is int:
            is_fine, what = is_whole(kind), "whole numbers"
        else:
            is_fine, what = is_whole(kind) or is_float(kind), "numbers"
        if not is_fine:
            raise FeedError(f"{path}: {name} must be {what}, got {kind}")


def _columns(batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
    """Columns as the decoder takes them. What is missing is 0 as a time, NaN as a number and no text."""
    columns: dict[str, NDArray[Any]] = {}
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if SHFE_COLUMNS[name] is str:
            texts = (text or b"" for text in values.cast(pa.large_binary()).to_pylist())
            columns[name] = np.array([text.decode("utf-8", "replace") for text in texts], object)
            continue
        kind, missing = (pa.int64(), 0) if SHFE_COLUMNS[name] is int else (pa.float64(), np.nan)
        columns[name] = pc.fill_null(values.cast(kind), missing).to_numpy(zero_copy_only=False)
    return columns


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
