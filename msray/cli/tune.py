"""``msray tune``: the parameters that do best on folds of recordings, judged on the part that no trial has seen."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msray.cli.arguments import PATHS
from msray.cli.backtest import assumptions, load_strategy
from msray.cli.cluster import cluster_for
from msray.cli.figures import shown
from msray.cli.output import Output
from msray.cli.replay import show_progress, words_for
from msray.cli.taped import time_of
from msray.cli.tried import Trader
from msray.cli.tune_model import tune_model
from msray.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from msray.backtest import Tape
    from msray.store.search_log import SearchLog
    from msray.tuning import HeldOut, Plan, Trial, TuneConfig, TuneReport, Windows

TARGETS = ("backtest", "model")
SHOWN = 10
"""Best trials in the table."""


def tune(  # noqa: PLR0913 (a flag each)
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=PATHS)],
    strategy: Annotated[str, typer.Option(help="follower, maker, or your own as FILE.py:CLASS.")] = "follower",
    target: Annotated[str, typer.Option(help="backtest, or model: what a network learns best with.")] = "backtest",
    model_type: Annotated[str | None, typer.Option(metavar="NAME", help="Of --target model; else the first.")] = None,
    trials: Annotated[int | None, typer.Option(help="Sets of parameters that are tried; else tune.trials.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a search that was interrupted.")] = False,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
    calibration: Annotated[Path | None, typer.Option(metavar="FILE", help="Made by `msray calibrate`.")] = None,
    clock_correction_ms: Annotated[
        float | None, typer.Option(help="Added to the recorder's clock, where it was behind.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Local time to stop at, as 2024-08-08T23:55:00Z.")] = None,
    venue: Annotated[str | None, typer.Option(help="Venue of recordings, where their shape does not tell.")] = None,
    runs: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the run folder goes; else runs_dir.")] = None,
    address: Annotated[
        str | None, typer.Option(envvar="RAY_ADDRESS", help="The Ray cluster; else that of `msray live`, or its own.")
    ] = None,
) -> None:
    """Search parameters of strategy and detectors that do better on recordings, and say whether they really do.

    Each set of parameters is tried on folds of the recordings' first part; those that do worse than others are given up
    early. What did best is tried once on the last part, which no trial has seen, beside what the configuration says
    now. What may be chosen, and how, is in the section `tune` of the configuration. Every trial is kept in the folder
    of runs, by what was recorded, and counts against whatever is found on these recordings later. The run's folder has
    the configuration that did best (config.yaml, which --config takes), all trials (trials.parquet) and a page.

    With --target model it is parameters of a network and of its training, by how little the rows that choose surprise
    it after each epoch; the rows that judge are left to `msray train`. See the section `tune_model`.
    """
    from msray.backtest import check_queue
    from msray.backtest.config import check_funding
    from msray.cli.calibrations import remembering
    from msray.cli.settings_file import kept_settings, load_settings
    from msray.clock import SystemClock
    from msray.feeds.replay import open_replay
    from msray.feeds.tapes import read_tapes
    from msray.on_ray.backtests import store_bytes_for
    from msray.store.runs import new_run_id
    from msray.store.search_log import SearchLog
    from msray.store.trial_log import Recorded, TrialLog
    from msray.store.tuned_runs import write_tuned
    from msray.tuning import Assumed, Plan, tune_page

    if target not in TARGETS:
        raise UnknownNameError("target", target, TARGETS)
    out: Output = context.obj
    if target == "model":
        _refuse(context, ("strategy", "calibration", "clock_correction_ms"), "backtest")
        tune_model(
            context,
            paths,
            model_type=model_type,
            trials=trials,
            resume=resume,
            config=config,
            until=until,
            venue=venue,
            runs=runs,
            address=address,
        )
        return
    _refuse(context, ("model_type",), "model")
    make, settings = load_strategy(strategy), load_settings(config)
    assumed, how = assumptions(config, clock_correction_ms), with_trials(settings.tune, trials)
    opened = open_replay(paths, venue=venue)
    check_queue(assumed, opened.instruments)
    check_funding(assumed, [instrument.id for instrument in opened.instruments])
    words, known = words_for(opened, config, calibration)
    base = Assumed(backtest=assumed, detection=words)
    plan = Plan.of(strategy, make, how, base, is_calibrated=bool(known))
    trader, where = Trader(strategy, known), runs or settings.runs_dir
    start_cluster = cluster_for(context, settings, address)
    with show_progress(out, "replay", opened) as progress:
        tapes = read_tapes(
            opened,
            words,
            calibrations=known,
            solver=remembering(),
            features=make(assumed).columns,
            until_ns=time_of(until),
            progress=progress,
        )
    windows, recorded = plan.windows(tapes), Recorded.of(tapes)
    study = plan.digest(repr((trader.code, recorded.digest)))
    run_id = new_run_id(SystemClock().now_ns(), study)
    log = SearchLog(
        TrialLog(where, recorded),
        run_id=run_id,
        study=study,
        strategy=strategy,
        space=plan.space,
        windows=windows,
        identify=lambda parameters: trader.trial_id(base.having(parameters)),
    )
    begun = _begun(out, log, is_wanted=resume)
    start_cluster(store_bytes_for(tapes))
    report = _search(out, tapes, plan, windows, log, begun)
    made_of = {
        "recorded": asdict(recorded),
        "files": sorted(file.name for file in opened.files),
        "calibrations": {name: one.digest for name, one in sorted(known.items())},
        "until": until,
        "seed": plan.config.seed,
    }
    page = tune_page(report, run_id=run_id)
    said = kept_settings(settings, where)
    folder = write_tuned(
        where, report, page, run_id=run_id, settings=said, made_of=made_of, calibrations=known.values()
    )
    out.data({"run_folder": folder, **made_of, **report.as_dict(), "problems": opened.problems})
    _show(out, report)
    out.note(f"{folder / 'config.yaml'}: for --config of backtest, live and replay")
    out.note(f"{folder / 'report.html'}")
    for problem in opened.problems:
        out.note(problem)


def _refuse(context: typer.Context, options: Sequence[str], target: str) -> None:
    """Options that only another target has."""
    for name in options:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"--{name.replace('_', '-')} goes with --target {target}")


def with_trials(config: "TuneConfig", trials: int | None) -> "TuneConfig":
    """The section ``tune`` with another number of trials, if one is given."""
    from pydantic import ValidationError

    if trials is None:
        return config
    try:
        return type(config).model_validate({**config.model_dump(), "trials": trials})
    except ValidationError as error:
        what = error.errors()[0]["msg"].replace("Input should", "must")
        raise UsageError(f"--trials: {what}, got {trials}") from error


def _begun(out: Output, log: "SearchLog", *, is_wanted: bool) -> "list[Trial]":
    """Trials of the same search that ran before, if they are wanted."""
    begun = log.begun()
    ended = sum(trial.state != "running" for trial in begun)
    if is_wanted:
        if not begun:
            raise UsageError(
                "--resume needs a search that was begun, and none was with these recordings, this configuration and "
                "this folder of runs"
            )
        out.note(f"going on: {ended} trials had ended, {len(begun) - ended} were running")
        return begun
    if begun:
        out.note(f"the same search was begun before ({ended} trials had ended); --resume would go on with it")
    return []


def _search(
    out: Output, tapes: "Sequence[Tape]", plan: "Plan", windows: "Windows", log: "SearchLog", begun: "Sequence[Trial]"
) -> "TuneReport":
    from msray.on_ray.tuned_backtests import search_backtests

    ended = sum(trial.state != "running" for trial in begun)
    with out.progress("tune", max(plan.config.trials - ended, 0), "trials") as advance:

        def keep(trial: "Trial") -> None:
            nonlocal ended
            if trial.state != "running":
                ended += 1
                advance(1)

        try:
            return search_backtests(tapes, plan, windows, log, known=begun, keep=keep)
        except KeyboardInterrupt:
            out.note(f"{ended} trials have ended, and are kept: the same command with --resume goes on from there")
            raise


def _show(out: Output, report: "TuneReport") -> None:
    trials = sorted(report.search.trials, key=lambda trial: (trial.state != "whole", -trial.score))[:SHOWN]
    names = list(report.space)
    rows = [_row(str(place), trial, report) for place, trial in enumerate(trials, start=1)]
    rows.append(_row("unchanged", report.unchanged, report))
    columns = [name.removeprefix("backtest.").removeprefix("detection.") for name in names]
    out.table(("", "state", "score", "folds", *columns), rows)
    out.table(
        ("held out", "net", "interval", "trades", "fees"),
        [_held_out("best", report.after), _held_out("unchanged", report.before)],
    )
    for line in _lines(report):
        out.line(line)


def _row(name: str, trial: "Trial", report: "TuneReport") -> tuple[str, ...]:
    values = (trial.parameters.get(one, report.base.value(one)) for one in report.space)
    folds = " ".join(_score(fold.score, report) for fold in trial.folds)
    return (name, trial.state, _score(trial.score, report), folds, *map(_value, values))


def _held_out(name: str, one: "HeldOut") -> tuple[str, ...]:
    within = "" if one.interval is None else f"{one.interval.low:+.3%} to {one.interval.high:+.3%}"
    return name, f"{one.net_return:+.3%}", within, str(one.trades), f"{one.fees:.2f}"


def _score(score: float, report: "TuneReport") -> str:
    return f"{score:+.3%}" if report.objective == "net_return" else f"{score:+.3f}"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _lines(report: "TuneReport") -> list[str]:
    states = [trial.state for trial in report.search.trials]
    figures = report.as_dict()
    best = ", ".join(f"{name} {_value(value)}" for name, value in report.chosen.parameters.items())
    again = f"; {report.looks} runs had looked at it before" if report.looks else ""
    return [
        f"trials {len(states)}: {states.count('whole')} whole, {states.count('pruned')} given up early, "
        f"{states.count('failed')} failed; {report.earlier} tried before, {report.judgement.different} different in "
        f"all: DSR {shown(figures['dsr'])}, PBO {shown(figures['pbo'])}",
        f"best: {best or 'what you had'}",
        f"held out: the last {report.windows.held_out_s:,.0f} s{again}",
        report.verdict,
    ]
