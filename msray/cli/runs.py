"""``msray runs``: what backtests left in their run folders."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msray.cli.figures import show_figures
from msray.cli.output import Output
from msray.errors import ConfigError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from msray.store.runs import Run

app = typer.Typer()

_COLUMNS = ("run", "strategy", "instruments", "net return", "trades", "DSR")
_Config = Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")]
_Runs = Annotated[Path | None, typer.Option(metavar="DIR", help="Where the runs are; else runs_dir.")]


@app.callback()
def _runs() -> None:
    """Look at what backtests left."""


@app.command("ls")
def ls(context: typer.Context, runs: _Runs = None, config: _Config = None) -> None:
    """List the runs, the newest first: strategy, instruments, net return with its interval, trades, DSR."""
    from msray.store.runs import list_runs, read_run

    out: Output = context.obj
    where = _where(runs, config)
    found, damaged = [], []
    for folder in reversed(list_runs(where)):
        try:
            found.append(_row(read_run(folder)))
        except ConfigError as error:
            damaged.append({"run": folder.name, "reason": str(error)})
    out.data({"folder": where, "runs": found, "damaged": damaged})
    out.table(_COLUMNS, [_cells(row) for row in found])
    for one in damaged:
        out.note(f"{one['run']} is damaged: {one['reason']}")
    if not found and not damaged:
        out.note(f"no runs in {where}; msray backtest makes them")


@app.command("show")
def show(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Its name or the begin of it; else the newest.")
    ] = None,
    runs: _Runs = None,
    config: _Config = None,
) -> None:
    """Show the figures of a run as `msray backtest` did."""
    from msray.store.runs import list_runs, read_run

    out: Output = context.obj
    where = _where(runs, config)
    one = read_run(_named(run, list_runs(where), where))
    out.data({"run_folder": one.folder, **one.metrics})
    out.line(f"{one.run_id}: {one.metrics.get('strategy', '')} on {', '.join(one.metrics.get('files', ()))}")
    show_figures(out, one.metrics)
    out.note(f"{one.folder / 'report.html'}")


def _where(runs: Path | None, config: Path | None) -> Path:
    from msray.cli.settings_file import load_settings

    return runs or load_settings(config).runs_dir


def _named(run: str | None, folders: list[Path], where: Path) -> Path:
    """The folder of a run."""
    if not folders:
        raise UsageError(f"no runs in {where}", hint="msray backtest makes them")
    if run is None:
        return folders[-1]
    found = [folder for folder in folders if folder.name.startswith(run)]
    if not found:
        raise UnknownNameError("run", run, [folder.name for folder in folders])
    if len(found) > 1:
        raise UsageError(f"run must name one, got {run!r}, which begins {len(found)}", hint=", ".join(map(str, found)))
    return found[0]


def _row(run: "Run") -> dict[str, Any]:
    figures = run.metrics
    interval = figures["net_return_interval"]
    return {
        "run": run.run_id,
        "made": f"{run.made:%Y-%m-%dT%H:%M:%SZ}",
        "strategy": figures.get("strategy", ""),
        **{name: figures[name] for name in ("instruments", "net_return", "trades", "dsr", "verdict")},
        "low": None if interval is None else interval["low"],
        "high": None if interval is None else interval["high"],
    }


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    within = "" if row["low"] is None else f" ({row['low']:+.3%} to {row['high']:+.3%})"
    first, *others = row["instruments"] or ["none"]
    shown = first + (f" and {len(others)} more" if others else "")
    dsr = "" if row["dsr"] is None else f"{row['dsr']:.2f}"
    return row["run"], row["strategy"], shown, f"{row['net_return']:+.3%}{within}", row["trades"], dsr
