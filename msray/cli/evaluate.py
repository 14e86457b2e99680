"""``msray evaluate``: what signals or predictions are worth, beside what needs none."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msray.cli.arguments import PATHS, names
from msray.cli.evaluate_model import evaluate_model
from msray.cli.live import keep_ray_quiet
from msray.cli.output import Output
from msray.cli.rehearsal import live_signals
from msray.cli.taped import Recorded, time_of
from msray.errors import FeedError, UsageError

if TYPE_CHECKING:
    from msray.backtest import BacktestConfig
    from msray.backtest.scoring import SignalScore
    from msray.evaluation import FoldReport, LeadTimes, PredictionReport
    from msray.store.prediction_table import GivenSignals

_COLUMNS = ("figure", "value", "low", "high", "beside", "which is of", "rows")
_COUNTS = ("test_rows", "train_rows", "purged_rows", "embargoed_rows", "threshold")
_SECOND = 1_000_000_000


def evaluate(  # noqa: PLR0913 (a flag each)
    context: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(metavar="[PATH...]", help=PATHS)] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Parquet or CSV; else the signals of the recordings.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME[:V|@ALIAS]", help="A model of the registry, instead of signals.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(metavar="PATH...", help="What it is judged by, with PATHS.")
    ] = None,
    models: Annotated[Path | None, typer.Option(metavar="DIR", help="The registry; else models_dir.")] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Also in so many blocks of time.")] = None,
    purge: Annotated[float | None, typer.Option(metavar="SECONDS", help="Margin before each; else 1 % of all.")] = None,
    embargo: Annotated[float | None, typer.Option(metavar="SECONDS", help="Margin after it; else 2 %.")] = None,
    k: Annotated[str, typer.Option(help="Precision is asked of so many of the highest scores.")] = "1,5,10,20",
    threshold: Annotated[float, typer.Option(help="Score from which on label 1 is predicted.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals and of the random rivals.")] = 0,
    venue: Annotated[str | None, typer.Option(help="Venue of recordings, where their shape does not tell.")] = None,
    until: Annotated[str | None, typer.Option(help="Local time to stop at, as 2024-08-08T23:55:00Z.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
    calibration: Annotated[Path | None, typer.Option(metavar="FILE", help="Made by `msray calibrate`.")] = None,
    live: Annotated[
        str | None, typer.Option(metavar="SPEED", help="Have them found live, PATHS played so: 10x, 0.5, 1.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(envvar="RAY_ADDRESS", help="The Ray cluster for --live; else one of its own.")
    ] = None,
) -> None:
    """Judge signals or predictions: every figure with its interval, beside what needs no model.

    PATHS alone: the signals that the detectors raise, by what a position taken then would have met; its exits are in
    the section `backtest` of the configuration. FILE alone: columns `label` (0, 1) and `score` or `probability`; or
    `label` and `direction` (-1, 0, 1) and `score`, or `probability_down, probability_flat, probability_up`; and
    `begin_ns, end_ns` where labels last, which folds need. Both: signals of the file, by the recordings: columns
    `event_ns, score, direction`, and `instrument` where there are several.

    With --live the signals are those that live detection on Ray finds: a simulator plays PATHS as Binance would, a
    shard writes its raw log, and what that gives is judged by PATHS.

    With --model it is what a trained model says of the recordings, beside every rule without a network, by the labels
    and thresholds that it was trained with. Rows that it learned from, or was chosen on, are told.
    """
    import numpy as np

    from msray.cli.settings_file import load_settings
    from msray.evaluation import evaluate_folds, evaluate_predictions
    from msray.store.prediction_table import GivenSignals, read_predictions, read_signals

    out: Output = context.obj
    if model is not None or data:
        if model is None or predictions is not None or folds is not None or live is not None:
            raise UsageError("--data goes with --model, and neither with --predictions, --folds or --live")
        recordings = [*(data or ()), *(paths or ())]
        evaluate_model(out, model, recordings, config=config, models=models, venue=venue, until=until, seed=seed)
        return
    ks, score = _whole_numbers(k), None
    margins = {"purge_ns": _ns("purge", purge), "embargo_ns": _ns("embargo", embargo)}
    assumed = load_settings(config).backtest.model_copy(update={"seed": seed})
    if live is not None and (predictions is not None or not paths):
        raise UsageError("--live needs recordings to play, and finds the signals itself: name PATHS, no --predictions")
    if paths:
        recorded = Recorded(paths=paths, venue=venue, config=config, calibration=calibration)
        if live is None:
            given = None if predictions is None else read_signals(predictions)
        else:
            keep_ray_quiet(context, out)
            given = GivenSignals.of(live_signals(out, recorded, live, address))
        score = _scored(out, recorded, given, assumed, time_of(until))
        table, left_out = score.signals.predictions, score.unjudged
    elif predictions is not None:
        table, left_out = read_predictions(predictions)
    else:
        raise UsageError("nothing to evaluate", hint="name recordings, --predictions FILE, or both")
    if not len(table):
        raise FeedError(f"there must be something to judge, got {left_out} rows of which nobody knows what came")
    report = evaluate_predictions(table, rng=np.random.default_rng(seed), ks=ks, threshold=threshold)
    by_fold = None if folds is None else evaluate_folds(table, folds, ks=ks, **margins)
    out.data(
        {
            **report.as_dict(),
            "left_out": left_out,
            **({} if by_fold is None else by_fold.as_dict()),
            **({} if score is None else {"moves": score.events, "lead_time": _lead(score.lead)}),
        }
    )
    _show(out, report, by_fold)
    if score is not None:
        out.line(_lead_line(score, assumed))
    out.note(f"{report.rows} rows judged, {left_out} left out; intervals of {report.level:.0%}")


def _scored(
    out: Output, recorded: Recorded, given: "GivenSignals | None", config: "BacktestConfig", until_ns: int | None
) -> "SignalScore":
    """The signals of recordings, or others, judged by the recordings."""
    from msray.backtest.scoring import read_market, score_markets, with_signals

    tapes = recorded.tapes(out, recorded.open(), until_ns=until_ns)
    markets = [read_market(tape, config) for tape in tapes]
    if given is not None:
        parts = given.by_instrument([tape.instrument.id for tape in tapes])
        markets = [
            with_signals(market, tape, event_ns=part.event_ns, score=part.score, side=part.side)
            for market, tape, part in zip(markets, tapes, parts, strict=True)
        ]
    return score_markets(markets, config)


def _lead(lead: "LeadTimes | None") -> dict[str, Any] | None:
    if lead is None:
        return None
    kept = ("detection_rate", "low", "high", "median_s", "restricted_mean_s", "false_alarms", "false_alarms_per_hour")
    return {**{name: getattr(lead, name) for name in kept}, "random": asdict(lead.random)}


def _lead_line(score: "SignalScore", config: "BacktestConfig") -> str:
    lead, moves = score.lead, f"moves of {config.profit_target_pct:.2%}: {score.events}"
    if lead is None:
        return f"{moves}; of lead times nothing can be said"
    rival = lead.random
    return (
        f"{moves}, warned of {lead.detection_rate:.0%} ({lead.low:.0%} to {lead.high:.0%}; as many random alarms "
        f"{rival.detection_rate:.0%}, p {rival.p_detection_rate:.3f}), {_number(lead.median_s)} s before (random "
        f"{_number(rival.median_s)} s, p {rival.p_median:.3f}); {lead.false_alarms_per_hour:.1f} false alarms an hour"
    )


def _show(out: Output, report: "PredictionReport", by_fold: "FoldReport | None") -> None:
    out.table(
        _COLUMNS,
        [
            (one.name, *map(_number, (one.value, one.low, one.high, one.rival)), one.rival_is, one.rows)
            for one in report.figures
        ],
    )
    if by_fold is not None:
        _show_folds(out, by_fold)


def _show_folds(out: Output, by_fold: "FoldReport") -> None:
    figures = list(dict.fromkeys(name for fold in by_fold.folds for name in fold.figures))
    rows = [
        (number, *(_number(getattr(fold, name)) for name in _COUNTS), *(_number(fold.figures.get(f)) for f in figures))
        for number, fold in enumerate(by_fold.folds, start=1)
    ]
    blank = ("",) * len(_COUNTS)
    for name in ("mean", "sd", "least", "most"):
        rows.append((name, *blank, *(_number(by_fold.spread.get(figure, {}).get(name)) for figure in figures)))
    out.table(("fold", *_COUNTS, *figures), rows)


def _whole_numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in names(text)]
    except ValueError as error:
        raise UsageError(f"k must be whole numbers with commas between, got {text!r}") from error


def _ns(name: str, seconds: float | None) -> int | None:
    if seconds is None:
        return None
    if not 0 <= seconds <= 1e9:
        raise UsageError(f"{name} must be 0 to 1e9 seconds, got {seconds}")
    return round(seconds * _SECOND)


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return str(value) if isinstance(value, int) else f"{value:.4g}"
