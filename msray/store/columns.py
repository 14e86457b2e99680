"""Columns of a file that a user wrote: CSV or Parquet."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from msray.errors import FeedError, UsageError

Column = NDArray[Any]


def read_columns(path: Path) -> dict[str, Column]:
    """All columns of a file, by name; CSV where its name ends so, with a heading, else Parquet.

    Raises
    ------
    UsageError
        If it is not there.
    FeedError
        If it cannot be read.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        table = pa.csv.read_csv(path) if path.suffix.lower() == ".csv" else pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise FeedError(f"{path} cannot be read: {str(error).splitlines()[0]}", hint="Parquet, or CSV") from error
    kept = [name for name in table.column_names if not pa.types.is_nested(table.schema.field(name).type)]
    return {name: _numpy(table.column(name)) for name in kept}


def need(path: Path, columns: Mapping[str, Column], names: Sequence[str]) -> None:
    """Refuse a file without one of these columns.

    Raises
    ------
    FeedError
        It names the column, and those there are.
    """
    for name in names:
        if name not in columns:
            raise FeedError(f"{path} must have a column {name}", hint=f"it has {', '.join(columns)}")


def _numpy(column: pa.ChunkedArray) -> Column:
    values: Column = column.to_numpy()
    return values
