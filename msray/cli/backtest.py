"""``msray backtest``: recordings through the detectors, their signals through a strategy, and what it all was worth."""

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msray.cli.arguments import PATHS
from msray.cli.cluster import cluster_for
from msray.cli.figures import show_figures
from msray.cli.output import Output
from msray.cli.replay import show_progress, words_for
from msray.cli.taped import time_of
from msray.cli.tried import Remembered, Trader
from msray.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from msray.backtest import BacktestConfig, BacktestReport, BacktestResult, MakeStrategy, RunAll, Tape
    from msray.cli.settings import Settings
    from msray.prediction import DetectionConfig


def backtest(  # noqa: PLR0913 (a flag each)
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=PATHS)],
    strategy: Annotated[str, typer.Option(help="follower, maker, or your own as FILE.py:CLASS.")] = "follower",
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
    calibration: Annotated[Path | None, typer.Option(metavar="FILE", help="Made by `msray calibrate`.")] = None,
    clock_correction_ms: Annotated[
        float | None, typer.Option(help="Added to the recorder's clock, where it was behind.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Local time to stop at, as 2024-08-08T23:55:00Z.")] = None,
    venue: Annotated[str | None, typer.Option(help="Venue of recordings, where their shape does not tell.")] = None,
    runs: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the run folder goes; else runs_dir.")] = None,
    on_ray: Annotated[bool, typer.Option("--on-ray", help="Run the trials side by side on Ray.")] = False,
    address: Annotated[
        str | None, typer.Option(envvar="RAY_ADDRESS", help="The Ray cluster; else that of `msray live`, or its own.")
    ] = None,
) -> None:
    """Trade the signals of recordings against their order books, and say whether there is an edge after costs.

    Orders take their time to the venue, wait in its queue, pay its fees and trade nothing twice; features are known
    when they were. What was asked for is judged beside what one could have asked for. Fees, exits, latency and
    limits are in the section `backtest` of the configuration. The run's folder has the figures (metrics.json), the
    trades (Parquet), the configuration (config.yaml, which --config takes) and a page to look at (report.html).
    """
    from msray.backtest import backtest as run_backtest
    from msray.backtest import check_queue, report_page, run_all
    from msray.backtest.config import check_funding
    from msray.cli.calibrations import remembering
    from msray.cli.settings_file import load_settings
    from msray.clock import SystemClock
    from msray.feeds.replay import open_replay
    from msray.feeds.tapes import read_tapes
    from msray.store.runs import new_run_id, write_run
    from msray.store.trial_log import Recorded, TrialLog, merged
    from msray.tuning import Assumed

    out: Output = context.obj
    make = load_strategy(strategy)
    assumed, settings = assumptions(config, clock_correction_ms), load_settings(config)
    opened = open_replay(paths, venue=venue)
    check_queue(assumed, opened.instruments)
    check_funding(assumed, [instrument.id for instrument in opened.instruments])
    words, known = words_for(opened, config, calibration)
    run = Remembered(_on_cluster(context, settings, address) if on_ray or _is_typed(context, "address") else run_all)
    trader, where = Trader(strategy, known), runs or settings.runs_dir
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
    log = TrialLog(where, Recorded.of(tapes))
    beside = (assumed, *make(assumed).neighbours(assumed))
    own = {trader.trial_id(Assumed(backtest=one, detection=words)) for one in beside}
    earlier = [one.on_axis for one in merged(log.read()).values() if one.trial_id not in own]
    report = run_backtest(tapes, assumed, strategy=make, run=run, earlier=earlier)
    made_of = {
        "strategy": strategy,
        "files": sorted(file.name for file in opened.files),
        "calibrations": {name: one.digest for name, one in sorted(known.items())},
        "until": until,
    }
    run_id = new_run_id(SystemClock().now_ns(), _digest(assumed, words, made_of))
    page = report_page(report, tapes, run_id=run_id)
    sections = {"detection": words}
    folder = write_run(
        where, report, page, run_id=run_id, sections=sections, made_of=made_of, calibrations=known.values()
    )
    log.append(run.lines(trader, words, run_id, (report.begin_ns, report.end_ns)))
    problems = [*opened.problems, *_unmeasured(report)]
    out.data({"run_folder": folder, **made_of, **report.as_dict(), "problems": problems})
    show_figures(out, report.as_dict())
    out.note(f"{folder / 'report.html'}")
    for problem in problems:
        out.note(problem)


def _unmeasured(report: "BacktestReport") -> Iterator[str]:
    """How much of the time has no latencies of its own."""
    from msray.backtest.latency import measured_share

    share = measured_share(report.result.config.latency, report.begin_ns, report.end_ns) if report.events else 1.0
    if share < 1.0:
        yield f"latencies were measured in {share:.0%} of the time that was played; before and after they stay"


def _digest(config: "BacktestConfig", words: "DetectionConfig", made_of: Mapping[str, Any]) -> str:
    """Of what was assumed and of the names of what went in."""
    text = "\n".join([config.model_dump_json(), words.words_digest(), json.dumps(made_of, sort_keys=True)])
    return hashlib.sha256(text.encode()).hexdigest()


def assumptions(config: Path | None, clock_correction_ms: float | None) -> "BacktestConfig":
    """The section ``backtest`` of the configuration and the log of latencies that it names.

    Another correction of the clock is taken if one is given.
    """
    from pydantic import ValidationError

    from msray.cli.settings_file import load_settings
    from msray.store.latency_log import with_log

    said = with_log(load_settings(config).backtest)
    if clock_correction_ms is None:
        return said
    try:
        return type(said).model_validate({**said.model_dump(), "clock_correction_ms": clock_correction_ms})
    except ValidationError as error:
        raise UsageError(f"--clock-correction-ms: {error.errors()[0]['msg']}, got {clock_correction_ms}") from error


def _is_typed(context: typer.Context, name: str) -> bool:
    """Whether an option was given on the command line, not by a variable."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _on_cluster(context: typer.Context, settings: "Settings", address: str | None) -> "RunAll":
    """What runs backtests on a cluster."""
    from msray.on_ray.backtests import run_all_on_ray, store_bytes_for

    start_cluster = cluster_for(context, settings, address)

    def run(
        tapes: "Sequence[Tape]", configs: "Sequence[BacktestConfig]", make: "MakeStrategy"
    ) -> "list[BacktestResult]":
        start_cluster(store_bytes_for(tapes))
        return run_all_on_ray(tapes, configs, make)

    return run


def load_strategy(name: str) -> "MakeStrategy":
    """What makes the strategy of this name: one of ours, or a class in the user's file."""
    from msray.backtest import STRATEGIES, Strategy

    if name in STRATEGIES:
        return STRATEGIES[name]
    place, _, class_name = name.rpartition(":")
    if not place.endswith(".py"):
        raise UnknownNameError("strategy", name, [*STRATEGIES, "FILE.py:CLASS"])
    made = getattr(_loaded(Path(place)), class_name, None)
    if not (isinstance(made, type) and issubclass(made, Strategy)):
        raise UsageError(f"strategy must name a class of {place} that is a Strategy, got {class_name!r}")
    chosen: MakeStrategy = made
    return chosen


def _loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UsageError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
