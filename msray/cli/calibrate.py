"""``msray calibrate``: a calibration file from recordings of quiet hours."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msray.cli.arguments import PATHS, check_outputs
from msray.cli.output import Output
from msray.cli.replay import show_progress
from msray.errors import FeedError

if TYPE_CHECKING:
    from msray.detectors import Calibration
    from msray.market import Signal
    from msray.prediction import DetectionConfig, Lane

_COLUMNS = ("instrument", "watch", "promised_a_day", "seen_a_day", "seen_low", "seen_high", "bars", "extrapolated")
_DAY_MS = 86_400_000


def calibrate(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=PATHS)],
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it.")] = Path("calibration.json"),
    bars: Annotated[int | None, typer.Option(min=60, help="Bars to learn from; else as configured.")] = None,
    first_bar: Annotated[int | None, typer.Option(min=0, help="First of them, counted from the epoch's first.")] = None,
    venue: Annotated[str | None, typer.Option(help="Venue of recordings, where their shape does not tell.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
) -> None:
    """Learn from recordings what quiet bars are, for `msray replay --calibration` and `detection.calibration.file`.

    The first epoch of each instrument that has enough bars is learned from. What follows in the recording is watched
    with the result, and the alarms it raised are shown beside the promised rate; not all of them need be false.
    """
    from msray.cli.settings_file import load_settings
    from msray.feeds.replay import drive, open_replay
    from msray.prediction import Pipeline
    from msray.store.calibrations import save_calibrations

    out: Output = context.obj
    opened = open_replay(paths, venue=venue)
    check_outputs([file], [*opened.files, config])
    said = load_settings(config).detection
    asked = {"bars": bars, "first_bar": first_bar, "delay_bars": 0}
    chosen = said.calibration.model_copy(update={k: v for k, v in asked.items() if v is not None})
    words = said.model_copy(update={"calibration": chosen})
    pipeline = Pipeline(opened.instruments, words)
    with show_progress(out, "calibrate", opened) as progress:
        result = drive(opened, pipeline, progress=progress)
    found = {name: _calibration(name, lane, words) for name, lane in pipeline.lanes.items()}
    save_calibrations(file, found.values())
    rows = [row for name, lane in pipeline.lanes.items() for row in _rows(found[name], lane, words, result.signals)]
    out.data({"file": file, "calibrations": [_document(one, rows) for one in found.values()]})
    out.table(_COLUMNS, [[_cell(row[column]) for column in _COLUMNS] for row in rows])
    out.note(f"written to {file}")


def _calibration(name: str, lane: "Lane", words: "DetectionConfig") -> "Calibration":
    engine = lane.engine
    if engine.calibration is not None:
        return engine.calibration
    if engine.calibration_task is not None:  # the recording ended with the last bar of the calibration
        return engine.calibration_task.solve()
    needed = words.calibration.first_bar + words.calibration.bars
    raise FeedError(
        f"{name} must have an epoch of {needed} bars of {words.bar_ms} ms, got {engine.closed_bars} in its last",
        hint="give a longer recording, or fewer --bars",
    )


def _rows(
    calibration: "Calibration", lane: "Lane", words: "DetectionConfig", signals: "list[Signal]"
) -> list[dict[str, Any]]:
    """Promised and seen rates, a row a watch."""
    from msray.detectors import seen_rate

    bars_a_day = _DAY_MS / words.bar_ms
    watched = max(lane.engine.row_event_ns - calibration.last_ns, 0) // (words.bar_ms * 1_000_000)
    rows = []
    for name, watch in calibration.watches.items():
        mine = [one for one in signals if one.instrument == calibration.instrument and one.signal_type == name]
        alarms = sum(one.calibration == calibration.digest for one in mine)
        seen, (low, high) = seen_rate(alarms, watched) if watched else (None, (None, None))
        rows.append(
            {
                "instrument": calibration.instrument,
                "watch": name,
                "promised_a_day": bars_a_day / watch.arl0,
                "promised_low": bars_a_day / watch.arl0_high,
                "promised_high": bars_a_day / watch.arl0_low,
                "seen_a_day": None if seen is None else seen * bars_a_day,
                "seen_low": None if low is None else low * bars_a_day,
                "seen_high": None if high is None else high * bars_a_day,
                "alarms": alarms,
                "watched_bars": watched,
                "bars": watch.bars,
                "extrapolated": watch.extrapolated,
                "degenerate": watch.degenerate,
            }
        )
    return rows


def _document(calibration: "Calibration", rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "instrument": calibration.instrument,
        "digest": calibration.digest,
        "bars": calibration.bars,
        "first_ns": calibration.first_ns,
        "last_ns": calibration.last_ns,
        "watches": [row for row in rows if row["instrument"] == calibration.instrument],
    }


def _cell(value: object) -> object:
    return "" if value is None else round(value, 2) if isinstance(value, float) else value
