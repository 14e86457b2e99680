"""``msray replay``: recordings and raw logs through the pipeline that runs live."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msray.cli.arguments import PATHS, check_outputs, speed_of
from msray.cli.output import Output
from msray.errors import UsageError

if TYPE_CHECKING:
    from msray.detectors import Calibration
    from msray.feeds.replay import Replay, ReplayResult
    from msray.market import Signal
    from msray.prediction import DetectionConfig, Forecasting, Lane, Pipeline, Rows, RowSink
    from msray.store.tables import TableWriter

_COLUMNS = (
    "instrument",
    "messages",
    "level_changes",
    "trades",
    "gaps",
    "snapshots",
    "state",
    "final_update_id",
    "signals",
    "seconds",
    "level_changes_per_second",
)


def replay(  # noqa: PLR0913 (a flag each)
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=PATHS)],
    venue: Annotated[str | None, typer.Option(help="Venue of recordings, where their shape does not tell.")] = None,
    speed: Annotated[str, typer.Option(help="10x, 0.5, or max: as fast as it goes.")] = "max",
    from_: Annotated[str | None, typer.Option("--from", help="Local time from which signals are told.")] = None,
    until: Annotated[str | None, typer.Option(help="Local time to stop at, as 2024-08-08T23:55:00Z.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
    calibration: Annotated[Path | None, typer.Option(metavar="FILE", help="Made by `msray calibrate`.")] = None,
    bbo: Annotated[Path | None, typer.Option(metavar="FILE", help="Parquet: best prices after each message.")] = None,
    depth: Annotated[Path | None, typer.Option(metavar="FILE", help="Parquet: all levels at the end.")] = None,
    features: Annotated[Path | None, typer.Option(metavar="FILE", help="Parquet: all features, each message.")] = None,
    signals: Annotated[Path | None, typer.Option(metavar="FILE", help="Parquet: the signals.")] = None,
    model: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Predict with it; may be repeated.")] = None,
) -> None:
    """Replay recordings or a raw log: books, features, signals, and what the feed was worth.

    PATHS are files and folders. Those of one instrument become one chain, whatever their order; whose they are is read
    from the shape of the messages, from the names of files as LOBSTER and Tardis.dev give them, or from the columns of
    SHFE snapshots. A raw log is replayed with the configuration it was written under, unless --config names another,
    and gives the ids of the signals that its run gave, those of its models too. What lies before --from is folded as
    fast as it goes, so that what is told has the ids that it has in the whole. With --model, or `predict.models` in the
    configuration, trained models predict, and what came of it is shown beside what needs no model.
    """
    from msray.cli.calibrations import remembering
    from msray.cli.predicting import forecasting_for
    from msray.clock import SystemClock
    from msray.feeds.playback import Playback
    from msray.feeds.replay import drive, open_replay
    from msray.prediction import Pipeline, shared_sink
    from msray.store.ledger_records import parse_time

    out: Output = context.obj
    files = [one.resolve() for one in (bbo, depth, features, signals) if one is not None]
    if len(set(files)) < len(files):
        raise UsageError("--bbo, --depth, --features and --signals must name different files")
    opened = open_replay(paths, venue=venue)
    check_outputs((bbo, depth, features, signals), [*opened.files, config, calibration])
    words, known = words_for(opened, config, calibration)
    clock = SystemClock()
    with ExitStack() as stack:
        tables = _Tables(stack, bbo, features)
        results = {name: _writer(stack, path, name) for name, path in (("depth", depth), ("signal", signals)) if path}

        def make(sink: "Callable[[str], RowSink | None]") -> Pipeline:
            return Pipeline(
                opened.instruments,
                words,
                calibrations=known,
                solver=remembering(),
                sink=lambda name: shared_sink(tables.sink(name), sink(name)),
                timer=clock.monotonic_ns,
            )

        forecasting = forecasting_for(opened, config, model, make, clock.monotonic_ns)
        with show_progress(out, "replay", opened) as progress:
            result = drive(
                opened,
                forecasting,
                clock=clock,
                speed=speed_of(speed),
                until_ns=None if until is None else parse_time(until),
                progress=progress,
                playback=Playback(0 if from_ is None else parse_time(from_)),
            )
        _write_results(results, forecasting.pipeline, result.signals)
    _report(out, opened, forecasting, result)


def words_for(
    opened: "Replay", config: Path | None, calibration: Path | None
) -> tuple["DetectionConfig", dict[str, "Calibration"]]:
    """The user's words, and the calibrations in force at the start: of the run that wrote a raw log, else ours."""
    from msray.cli.calibrations import calibrations_for
    from msray.cli.settings_file import load_settings
    from msray.feeds.replay import LogReplay
    from msray.prediction import read_log_metadata

    said = read_log_metadata(opened.log.metadata) if isinstance(opened, LogReplay) and config is None else None
    words, known = said or (load_settings(config).detection, {})
    file = calibration or (words.calibration.file if said is None else None)
    if isinstance(opened, LogReplay):
        opened.is_as_written = said is not None and file is None
    if file is not None:
        known = calibrations_for(file, {instrument.id for instrument in opened.instruments}, words)
    return words, known


class _Tables:
    """Where rows go while the replay runs; none of it exists under its name before the replay has ended well."""

    def __init__(self, stack: ExitStack, bbo: Path | None, features: Path | None) -> None:
        from msray.store.tables import BboTable, FeatureRows

        self._sinks: list[RowSink] = []
        if bbo:
            self._sinks.append(BboTable(_writer(stack, bbo, "bbo")))
        if features:
            self._sinks.append(FeatureRows(_writer(stack, features, "feature")))

    def sink(self, _: str) -> "RowSink | None":
        """Somewhere for an instrument's rows, if anybody wants them."""
        return self._take if self._sinks else None

    def _take(self, rows: "Rows") -> None:
        for sink in self._sinks:
            sink(rows)


def _writer(stack: ExitStack, path: Path, kind: str) -> "TableWriter":
    from msray.store import tables

    return stack.enter_context(tables.TableWriter(path, getattr(tables, f"{kind.upper()}_SCHEMA")))


def _write_results(writers: dict[str, "TableWriter"], pipeline: "Pipeline", signals: "list[Signal]") -> None:
    from msray.store.tables import depth_columns, signal_columns

    if "depth" in writers:
        for lane in pipeline.lanes.values():
            if lane.engine.is_synced:
                writers["depth"].append(depth_columns(lane.engine.book, lane.sync.book_id))
    if "signal" in writers and signals:
        writers["signal"].append(signal_columns(signals))


@contextmanager
def show_progress(out: Output, what: str, opened: "Replay") -> Iterator[Any]:
    """Bytes gone through, as the steps that a progress bar wants."""
    with out.progress(what, opened.total_bytes, "bytes") as advance:
        seen = 0

        def show(done: int) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        yield show


def _report(out: Output, opened: "Replay", forecasting: "Forecasting", result: "ReplayResult") -> None:
    from msray.cli.predicting import show_scores, told

    pipeline, predictions = forecasting.pipeline, told(forecasting)
    problems = [*opened.problems, *forecasting.problems]
    rows = [_figures(name, lane) for name, lane in pipeline.lanes.items()]
    out.data(
        {
            "instruments": rows,
            "signals": len(result.signals),
            "seconds": round(result.total_s, 6),
            "refused": {str(reason): count for reason, count in pipeline.refused.items()},
            "predictions": predictions,
            "problems": problems,
        }
    )
    out.table(_COLUMNS, [[row[column] for column in _COLUMNS] for row in rows])
    for row in rows:
        noted = {name: value for name, value in row["quality"].items() if value and name not in row}
        out.note(f"{row['instrument']}: " + ", ".join(f"{name} {value:g}" for name, value in noted.items()))
    if forecasting.forecasts.runners:
        out.note(f"{predictions['made']} predictions, {predictions['signals']} signals of models among all")
        show_scores(out, predictions["scores"])
    for problem in problems:
        out.note(problem)


def _figures(name: str, lane: "Lane") -> dict[str, Any]:
    """What one instrument's replay came to."""
    engine, counts = lane.engine, lane.sync.counts
    seconds = lane.busy_ns / 1e9
    return {
        "instrument": name,
        "messages": engine.counts.depth_messages,
        "level_changes": engine.level_changes,
        "trades": lane.quality().trades,
        "gaps": counts.gaps,
        "snapshots": counts.snapshots,
        "snapshot_requests": counts.snapshots_needed,
        "state": lane.sync.state,
        "final_update_id": lane.sync.book_id if engine.is_synced else None,
        "signals": engine.counts.signals,
        "seconds": round(seconds, 6),
        "level_changes_per_second": round(engine.level_changes / seconds) if seconds else 0,
        "calibration": engine.calibration.digest if engine.calibration else None,
        "quality": lane.quality().as_dict(),
    }
