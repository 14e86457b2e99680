"""``msray label``: what would have come of a position at each signal, or at each time of a grid."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from msray.cli.arguments import PATHS, check_outputs
from msray.cli.output import Output
from msray.cli.taped import Recorded, time_of
from msray.errors import UsageError

if TYPE_CHECKING:
    from msray.backtest import BacktestConfig
    from msray.backtest.labelling import Horizon, LabelledTape
    from msray.labels import Barriers

_COLUMNS = (
    "instrument",
    "events",
    "labels",
    "profit",
    "stop",
    "time",
    "no_quote",
    "incomplete",
    "mean_uniqueness",
    "effective_labels",
)
_SIDES = {"long": 1, "short": -1}


def label(  # noqa: PLR0913 (a flag each)
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=PATHS)],
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="Parquet: a row a label.")],
    every: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="At whole multiples of so many; else at the signals.")
    ] = None,
    profit_target: Annotated[float | None, typer.Option(help="A fraction: 0.005 is 0.5 %; else as configured.")] = None,
    stop_loss: Annotated[float | None, typer.Option(help="Likewise.")] = None,
    max_holding: Annotated[float | None, typer.Option(metavar="SECONDS", help="Likewise.")] = None,
    timeout: Annotated[
        Literal["sign", "zero"], typer.Option(help="Label where neither price was met: of the return, or 0.")
    ] = "sign",
    side: Annotated[
        Literal["long", "short"] | None, typer.Option(help="Of all; else that of the signal, long if it has none.")
    ] = None,
    horizon: Annotated[
        list[str] | None, typer.Option(metavar="FAMILY:QUOTES:THRESHOLD[:SMOOTHING]", help="Also over so many quotes.")
    ] = None,
    venue: Annotated[str | None, typer.Option(help="Venue of recordings, where their shape does not tell.")] = None,
    until: Annotated[str | None, typer.Option(help="Local time to stop at, as 2024-08-08T23:55:00Z.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
    calibration: Annotated[Path | None, typer.Option(metavar="FILE", help="Made by `msray calibrate`.")] = None,
) -> None:
    """Label recordings by the first barrier that a position would have met: profit target, stop or time.

    Positions are entered and left at the best prices that were known then. Families over a fixed number of quotes are
    later_mid_over_mid, next_mean_over_mid, next_mean_over_last_mean and later_mean_over_last_mean (the last one with
    SMOOTHING): `--horizon next_mean_over_mid:100:0.0001`. What has no label is counted with the reason.
    """
    from msray.backtest.labelling import LabelWords, label_tape
    from msray.cli.settings_file import load_settings
    from msray.store.label_table import label_columns, label_schema
    from msray.store.tables import TableWriter

    out: Output = context.obj
    assumed = load_settings(config).backtest
    words = LabelWords(
        barriers=_barriers(assumed, profit_target, stop_loss, max_holding, timeout),
        every_s=every,
        side=_SIDES[side] if side else 0,
        horizons=tuple(_horizon(text) for text in horizon or ()),
    )
    recorded = Recorded(paths=paths, venue=venue, config=config, calibration=calibration)
    opened = recorded.open()
    check_outputs([file], [*opened.files, config, calibration])
    with ExitStack() as stack:
        writer = stack.enter_context(TableWriter(file, label_schema([one.family for one in words.horizons])))
        tapes = recorded.tapes(out, opened, until_ns=time_of(until))
        labelled = [label_tape(tape, assumed, words) for tape in tapes]
        for one in labelled:
            writer.append(label_columns(one, of_signals=every is None))
    rows = [_figures(one) for one in labelled]
    out.data({"file": file, "labels": writer.rows, "instruments": rows, "problems": opened.problems})
    out.table(_COLUMNS, [[_cell(row[name]) for name in _COLUMNS] for row in rows])
    for problem in opened.problems:
        out.note(problem)
    out.note(f"{writer.rows} labels written to {file}")


def _barriers(
    assumed: "BacktestConfig",
    profit_target: float | None,
    stop_loss: float | None,
    max_holding: float | None,
    timeout: Literal["sign", "zero"],
) -> "Barriers":
    from msray.labels import Barriers

    return Barriers(
        profit_target_pct=assumed.profit_target_pct if profit_target is None else profit_target,
        stop_loss_pct=assumed.stop_loss_pct if stop_loss is None else stop_loss,
        max_holding_s=assumed.max_holding_seconds if max_holding is None else max_holding,
        timeout=timeout,
    )


def _horizon(text: str) -> "Horizon":
    from msray.backtest.labelling import Horizon

    family, *words = text.split(":")
    try:
        if len(words) not in (2, 3):
            raise ValueError
        smoothing = int(words[2]) if words[2:] else None
        return Horizon(family=family, rows=int(words[0]), threshold_pct=float(words[1]), smoothing=smoothing)
    except ValueError as error:
        raise UsageError(f"horizon must be FAMILY:QUOTES:THRESHOLD[:SMOOTHING], got {text!r}") from error


def _figures(labelled: "LabelledTape") -> dict[str, Any]:
    labels = labelled.labels
    ended = {
        name: int((labels.barrier == barrier).sum()) for name, barrier in (("profit", 1), ("stop", -1), ("time", 0))
    }
    return {
        "instrument": labelled.tape.instrument.id,
        "events": labelled.events,
        "labels": len(labels),
        **ended,
        "no_quote": labels.dropped.no_quote,
        "incomplete": labels.dropped.incomplete,
        "mean_uniqueness": labelled.effective / len(labels) if len(labels) else None,
        "effective_labels": labelled.effective,
    }


def _cell(value: object) -> object:
    return "" if value is None else round(value, 3) if isinstance(value, float) else value
