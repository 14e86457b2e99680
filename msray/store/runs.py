"""Run folders: all that a backtest gave, written whole or not at all, and never over another one.

::

    runs/20240808-235416-3fa2c1/
        config.yaml       what was assumed; msray backtest --config takes it
        metrics.json      the report's figures
        trades.parquet    closed trades, a row each
        fills.parquet     our fills
        signals.parquet   what the detectors raised
        report.html       the report for people
        latency-*.parquet what orders took, where that was measured
        calibrations.json what detectors knew from the start, where they knew something
"""

import contextlib
import json
import math
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from pydantic import BaseModel

from msray.backtest.config import BacktestConfig
from msray.backtest.latency_log import LatencyLog
from msray.backtest.portfolio import Trade
from msray.backtest.report import BacktestReport
from msray.backtest.result import BacktestResult
from msray.detectors import Calibration
from msray.errors import ConfigError, FeedError, UnavailableError, UsageError
from msray.market import PRICE_DECIMALS
from msray.store.calibrations import calibrations_text
from msray.store.durable import partial_of, sync_folder, write_new
from msray.store.latency_log import with_log, write_latency_log
from msray.store.tables import SIGNAL_SCHEMA, TableWriter, signal_columns

SCHEMA = "msray.run/1"
CALIBRATIONS = "calibrations.json"
TRIALS = "trials.parquet"
"""What only the folder of a search has."""
CURVES = "learning_curves.parquet"
"""What only the folder of a training has."""
SECOND = 1_000_000_000

TRADE_SCHEMA = pa.schema(
    [
        ("instrument", pa.string()),
        ("side", pa.int8()),
        ("entry_ns", pa.int64()),
        ("exit_ns", pa.int64()),
        ("size", pa.float64()),
        ("entry_price", pa.float64()),
        ("exit_price", pa.float64()),
        ("gross", pa.float64()),
        ("fees", pa.float64()),
        ("funding", pa.float64()),
        ("net", pa.float64()),
        ("net_return", pa.float64()),
        ("reason", pa.string()),
    ]
)
FILL_SCHEMA = pa.schema(
    [
        ("instrument", pa.string()),
        ("order_id", pa.int64()),
        ("side", pa.int8()),
        ("price", pa.float64()),
        ("size", pa.float64()),
        ("is_maker", pa.bool_()),
        ("exchange_ns", pa.int64()),
        ("local_ns", pa.int64()),
    ]
)

_FIGURES = {
    *("verdict", "instruments", "events", "begin_ns", "end_ns", "signals", "orders", "fills", "trades"),
    *("open_positions", "initial_capital", "final_equity", "net_return", "net_return_interval", "max_drawdown"),
    *("trade_figures", "costs", "by_instrument", "by_reason", "halted", "precision_at_k", "random_precision"),
    *("moves", "move_pct", "lead_time_s", "dsr", "pbo", "trials", "different_trials", "best_trial_net_return"),
}
"""What every run has."""
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_DIGEST = re.compile(r"[0-9a-f]{6,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that was written.

    Attributes
    ----------
    run_id
        Its name.
    folder
        Where it is.
    config
        What it assumed.
    metrics
        Its figures, as :meth:`~msray.backtest.report.BacktestReport.as_dict` names them; None where one is undefined.
    """

    run_id: str
    folder: Path
    config: BacktestConfig
    metrics: Mapping[str, Any]

    @property
    def made(self) -> datetime:
        """When, as its name says."""
        return datetime.strptime(self.run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def new_run_id(now_ns: int, digest: str) -> str:
    """Name of a run: when it was made, in UTC, and the first digits of a digest of what went in.

    Raises
    ------
    UsageError
        If the time is no int64 since 1970, or the digest is not at least 6 hexadecimal digits.

    Examples
    --------
    >>> new_run_id(1_723_161_256 * SECOND, "3fa2c1d0")
    '20240808-235416-3fa2c1'
    """
    if not 0 <= now_ns < 2**63:
        raise UsageError(f"now_ns must be 0 to {2**63 - 1}, got {now_ns}")
    if not _DIGEST.fullmatch(digest):
        raise UsageError(f"digest must be at least 6 digits 0-9 and a-f, got {digest[:80]!r}")
    return f"{datetime.fromtimestamp(now_ns // SECOND, UTC):%Y%m%d-%H%M%S}-{digest[:6]}"


def write_run(
    folder: Path,
    report: BacktestReport,
    page: str,
    *,
    run_id: str,
    sections: Mapping[str, BaseModel] | None = None,
    made_of: Mapping[str, Any] | None = None,
    calibrations: Collection[Calibration] = (),
) -> Path:
    """Write a run's folder.

    Parameters
    ----------
    folder
        Where runs are; made if it is not there.
    report
        What came out.
    page
        The same for people, an HTML document.
    run_id
        As :func:`new_run_id` makes it.
    sections
        More of the configuration, by section: ``detection``.
    made_of
        What went in beside the configuration, for ``metrics.json``: strategy, files.
    calibrations
        In force from the start.

    Returns
    -------
    Path
        The run's folder.

    Raises
    ------
    UsageError
        If there is such a run already, or the folder cannot be made.
    UnavailableError
        If it cannot be written, as on a full disk; then nothing of it is left.
    """
    target, config = folder / checked_run_id(run_id), report.result.config
    tree = {name: one.model_dump(mode="json") for name, one in {**(sections or {}), "backtest": config}.items()}
    metrics = {"schema": SCHEMA, "run_id": run_id, **(made_of or {}), **plain_json(report.as_dict())}
    with whole_folder(target) as partial:
        write_papers(partial, tree, metrics, page, log=config.latency.log, calibrations=calibrations)
        for name, schema, columns in _tables(report.result):
            with TableWriter(partial / name, schema) as table:
                table.append(columns)
    return target


def write_papers(
    folder: Path,
    tree: Mapping[str, Any],
    metrics: Mapping[str, Any],
    page: str | None = None,
    *,
    log: Path | LatencyLog | None = None,
    calibrations: Collection[Calibration] = (),
) -> None:
    """Write what every run's folder has: configuration, figures, a page, and the files that the first of them names.

    Parameters
    ----------
    folder
        Empty.
    tree, metrics, page
        What becomes ``config.yaml``, ``metrics.json`` and, if there is one, ``report.html``.
    log
        ``latency.log`` of the section ``backtest``.
    calibrations
        If there are any, ``calibration.file`` of the section ``detection`` names theirs.
    """
    if calibrations:
        words = tree["detection"]
        tree = {**tree, "detection": {**words, "calibration": {**words["calibration"], "file": CALIBRATIONS}}}
        write_new(folder / CALIBRATIONS, calibrations_text(calibrations).encode())
    write_new(folder / "config.yaml", yaml.safe_dump(dict(tree), sort_keys=False, allow_unicode=True).encode())
    write_new(folder / "metrics.json", (json.dumps(metrics, indent=1, allow_nan=False) + "\n").encode())
    if page is not None:
        write_new(folder / "report.html", page.encode())
    if isinstance(log, LatencyLog):
        write_latency_log(folder / log.name, log)


def read_run(folder: Path) -> Run:
    """Read what a run assumed and its figures.

    Raises
    ------
    ConfigError
        If a file is missing, damaged or of another version.
    """
    metrics = read_json(folder / "metrics.json")
    if not isinstance(metrics, dict) or metrics.get("schema") != SCHEMA:
        raise ConfigError(f"{folder / 'metrics.json'} must be a document of schema {SCHEMA}")
    if missing := sorted(_FIGURES - metrics.keys()):
        raise ConfigError(f"{folder / 'metrics.json'} must have the figures of a run, has no {', '.join(missing)}")
    path = folder / "config.yaml"
    try:
        tree = yaml.safe_load(_read(path))
        config = BacktestConfig.model_validate(tree["backtest"])
    except (yaml.YAMLError, ValueError, LookupError, TypeError) as error:
        raise ConfigError(f"{path} is no configuration of a backtest: {error}") from error
    try:
        config = with_log(config, folder)
    except (UsageError, FeedError) as error:
        raise ConfigError(str(error), hint=error.hint) from error
    return Run(run_id=folder.resolve().name, folder=folder, config=config, metrics=metrics)


def list_runs(folder: Path) -> list[Path]:
    """Folders of the runs in a folder, the oldest first; empty where it is not there. What is in them is not read.

    Searches and trainings are none.
    """
    return [one for one in _named(folder) if not any((one / other).exists() for other in (TRIALS, CURVES))]


def list_trainings(folder: Path) -> list[Path]:
    """The same of trainings."""
    return [one for one in _named(folder) if (one / CURVES).exists()]


def _named(folder: Path) -> list[Path]:
    return (
        sorted(one for one in folder.iterdir() if _ID.fullmatch(one.name) and one.is_dir()) if folder.is_dir() else []
    )


def checked_run_id(run_id: str) -> str:
    """A name that cannot lead out of the folder of runs."""
    if not _ID.fullmatch(run_id):
        raise UsageError(f"run_id must look like 20240808-235416-3fa2c1, got {run_id[:80]!r}")
    return run_id


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its name when all is written, and is gone if anything fails."""
    partial = partial_of(target)
    if target.exists():
        raise UsageError(f"there is a run {target} already")
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
    try:
        yield partial
        sync_folder(partial)
        partial.rename(target)
        with contextlib.suppress(OSError):  # it is there, and whole; only a loss of power could take the name
            sync_folder(target.parent)
    except OSError as error:
        if target.exists():  # another one took the name in the meantime
            raise UsageError(f"there is a run {target} already") from error
        hint = "free space on its disk, or name another folder"
        raise UnavailableError(f"cannot write {target}: {error.strerror or error}", hint=hint) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _tables(result: BacktestResult) -> Iterator[tuple[str, pa.Schema, Mapping[str, Any]]]:
    trades = {name: [getattr(trade, name) for trade in result.trades] for name in Trade.__dataclass_fields__}
    # A strategy's words may hold what no encoding knows.
    trades["reason"] = [reason.encode(errors="replace").decode() for reason in trades["reason"]]
    yield "trades.parquet", TRADE_SCHEMA, trades
    instruments = {instrument.id: instrument for instrument in result.instruments}
    fills = {name: [getattr(fill, name) for fill in result.fills] for name in FILL_SCHEMA.names}
    fills |= {
        "side": [fill.side.sign for fill in result.fills],
        "price": [fill.price / 10**PRICE_DECIMALS for fill in result.fills],
        "size": [instruments[fill.instrument].size(fill.size) for fill in result.fills],
    }
    yield "fills.parquet", FILL_SCHEMA, fills
    yield "signals.parquet", SIGNAL_SCHEMA, signal_columns(result.signals)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}", hint="msray backtest writes runs") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} must be UTF-8: {error}") from error


def read_json(path: Path) -> Any:
    """What is in a file of JSON.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    try:
        return json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error


def plain_json(value: Any) -> Any:
    """The same in what JSON knows: NaN and infinities become null, numpy becomes Python."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
