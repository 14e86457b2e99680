"""Logs of latencies, from files that configurations name and into the folders of runs."""

from pathlib import Path

import pyarrow as pa

from msray.backtest.config import BacktestConfig
from msray.backtest.latency_log import LatencyLog
from msray.errors import FeedError, UsageError
from msray.store.columns import need, read_columns
from msray.store.tables import TableWriter

COLUMNS = ("sent_ns", "entry_ns", "response_ns")
LATENCY_SCHEMA = pa.schema([(name, pa.int64()) for name in COLUMNS])


def with_log(config: BacktestConfig, folder: Path | None = None) -> BacktestConfig:
    """A configuration with the log of latencies that it names, if it names one.

    Parameters
    ----------
    config
        Perhaps with a name in ``latency.log``.
    folder
        From where a relative name counts; by default the working directory.

    Raises
    ------
    UsageError, FeedError
        As :func:`read_latency_log` does.
    """
    log = config.latency.log
    if not isinstance(log, Path):
        return config
    latency = config.latency.model_copy(update={"log": read_latency_log((folder or Path()) / log)})
    return config.model_copy(update={"latency": latency})


def read_latency_log(path: Path) -> LatencyLog:
    """What real orders took.

    Parameters
    ----------
    path
        CSV or Parquet, a row an order: ``sent_ns``, ``entry_ns``, ``response_ns``, as
        :class:`~msray.backtest.latency_log.LatencyLog` has them. Other columns are passed over.

    Raises
    ------
    UsageError
        If it is not there.
    FeedError
        If it cannot be read, a column is missing, or a value is out of its range.
    """
    columns = read_columns(path)
    need(path, columns, COLUMNS)
    try:
        return LatencyLog(*(columns[name] if len(columns[name]) else () for name in COLUMNS))
    except UsageError as error:
        raise FeedError(f"{path}: {error}", hint=error.hint) from error


def write_latency_log(path: Path, log: LatencyLog) -> None:
    """Write it as :func:`read_latency_log` reads it."""
    with TableWriter(path, LATENCY_SCHEMA) as table:
        table.append({name: getattr(log, name) for name in COLUMNS})
