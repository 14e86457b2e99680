"""``msray models``: what is in the registry, what it was worth, and which of it serves."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msray.cli.output import Output
from msray.clock import SystemClock
from msray.errors import UsageError

if TYPE_CHECKING:
    from msray.store.model_aliases import Step
    from msray.store.model_record import Figure, Member, ModelRecord
    from msray.store.registry import Registry

app = typer.Typer()

_Model = Annotated[str, typer.Argument(metavar="NAME[:VERSION|@ALIAS]", help="The newest version of it by default.")]
_Alias = Annotated[str, typer.Option(help="What it is to be known as.")]
_Folder = Annotated[Path | None, typer.Option("--models", metavar="DIR", help="The registry; else models_dir.")]
_Config = Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")]
_LISTED = ("model", "aliases", "networks", "horizons", "macro_f1", "best_floor", "instruments", "made")
_FIGURES = (
    "model",
    "horizon",
    "rows",
    "macro_f1",
    "interval",
    "mcc",
    "accuracy",
    "moved",
    "ece",
    "better_by",
    "its_interval",
)


@app.command("ls")
def ls(context: typer.Context, models: _Folder = None, config: _Config = None) -> None:
    """List all versions of all models, with macro F1 at each horizon beside that of the best floor.

    Exit code 3 if the record of one is damaged.
    """
    from msray.store.sealed import ModelRefusedError

    out, registry = context.obj, _registry(models, config)
    rows: list[dict[str, Any]] = []
    refused: list[ModelRefusedError] = []
    for name in registry.names():
        for version in registry.versions(name):
            try:
                rows.append(_listed(registry, registry.record(name, version)))
            except ModelRefusedError as error:
                refused.append(error)
    out.data({"models_dir": registry.folder, "models": rows, "refused": [str(one) for one in refused]})
    out.table(_LISTED, [[_cell(row[name]) for name in _LISTED] for row in rows])
    for one in refused[1:]:
        out.note(str(one))
    if refused:
        raise refused[0]


@app.command("show")
def show(context: typer.Context, model: _Model, models: _Folder = None, config: _Config = None) -> None:
    """Show all that is known of a model: what it is, what it learned from, what it was worth, what it stood for."""
    out: Output = context.obj
    registry = _registry(models, config)
    record = registry.record(*registry.resolve(model))
    mine = [step for step in registry.history(record.name) if step.version == record.version]
    document = record.model_dump(mode="json", by_alias=True)
    aliases = _aliases(registry, record)
    out.data({"model": document, "aliases": aliases, "history": [step.model_dump() for step in mine]})
    for name, value in _described(record).items():
        out.line(f"{name:<12}{value}")
    out.line(f"{'aliases':<12}{_cell(aliases)}")
    for step in mine:
        out.line(f"{'':<12}{_time(step.at_ns)} {step.did} {step.alias}")
    show_compared(out, list(compared([record])))


@app.command("compare")
def compare(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME[:VERSION|@ALIAS]...", help="Of which models.")],
    models: _Folder = None,
    config: _Config = None,
) -> None:
    """Compare what models were worth, horizon by horizon, each beside the floors that were judged on its rows.

    The interval is that of macro F1, of 95 %; better_by is its difference from the best floor, with the interval of the
    difference: where that holds 0, the model has not shown that it is better.
    """
    out: Output = context.obj
    registry = _registry(models, config)
    records = [registry.record(*registry.resolve(name)) for name in dict.fromkeys(names)]
    rows = list(compared(records))
    show_compared(out, rows)
    judged = {_judged_on(one) for one in records}
    out.data({"figures": rows, "on_the_same_rows": len(judged) == 1})
    if len(judged) > 1:
        out.note("judged on other rows or labels: compare what is better than its floors, not macro F1")


@app.command("promote")
def promote(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="NAME:VERSION", help="Which.")],
    alias: _Alias = "production",
    models: _Folder = None,
    config: _Config = None,
) -> None:
    """Let an alias stand for a version, after all its files have been checked."""
    if ":" not in model:
        raise UsageError(f"model must be NAME:VERSION, got {model[:80]!r}", hint="see msray models ls")
    registry = _registry(models, config)
    name, version = registry.resolve(model)
    before = registry.current(name, alias)
    step = registry.promote(name, version, alias=alias, now_ns=SystemClock.now_ns())
    _say_step(context.obj, name, before, step)


@app.command("rollback")
def rollback(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of which model.")],
    alias: _Alias = "production",
    models: _Folder = None,
    config: _Config = None,
) -> None:
    """Let an alias stand for the version that it stood for before."""
    if ":" in name or "@" in name:
        raise UsageError(
            f"name must be that of a model alone, got {name[:80]!r}", hint="--alias says which of its aliases"
        )
    registry = _registry(models, config)
    name, _ = registry.resolve(name)
    before = registry.current(name, alias)
    step = registry.rollback(name, alias=alias, now_ns=SystemClock.now_ns())
    _say_step(context.obj, name, before, step)


def _registry(models: Path | None, config: Path | None) -> "Registry":
    from msray.cli.settings_file import load_settings
    from msray.store.registry import Registry

    return Registry(models or load_settings(config).models_dir)


def _say_step(out: Output, name: str, before: "Step | None", step: "Step") -> None:
    was = None if before is None else before.version
    out.data({"model": name, "alias": step.alias, "version": step.version, "before": was, "digest": step.digest})
    out.line(f"{name}@{step.alias}: {step.version} (was {'nothing' if was is None else was})")


def _aliases(registry: "Registry", record: "ModelRecord") -> list[str]:
    return [alias for alias, version in registry.aliases(record.name).items() if version == record.version]


def _listed(registry: "Registry", record: "ModelRecord") -> dict[str, Any]:
    return {
        "model": f"{record.name}:{record.version}",
        "aliases": _aliases(registry, record),
        "networks": list(dict.fromkeys(one.network for one in record.members)),
        "horizons": record.horizons,
        "macro_f1": [record.figure_at(k).macro_f1 for k in record.horizons],
        "best_floor": [record.floors_at(k)[0].macro_f1 for k in record.horizons],
        "instruments": record.data.instruments,
        "made": _time(record.made_ns),
    }


def _judged_on(record: "ModelRecord") -> tuple[object, ...]:
    rows = tuple(record.figure_at(k).rows for k in record.horizons)
    return record.data.digest, record.data.test, str(record.label), record.thresholds, rows


def _described(record: "ModelRecord") -> dict[str, object]:
    """What is shown of a model beside its figures."""
    spans = {"train": record.data.train, "valid": record.data.valid, "test": record.data.test}
    return {
        "model": f"{record.name}:{record.version}",
        "digest": record.digest,
        "made": f"{_time(record.made_ns)} ({', '.join(f'{name} {one}' for name, one in record.versions.items())})",
        **{one.name: _described_member(one) for one in record.members},
        "features": ", ".join(record.features),
        **({"weights": "; ".join(map(str, map(_cell, record.weights)))} if len(record.members) > 1 else {}),
        "label": f"{record.label['family']} at {_cell(record.horizons)}, thresholds {_cell(record.thresholds)}",
        "instruments": _cell(record.data.instruments),
        **{
            name: f"{_time(span.first_ns)} to {_time(span.last_ns)}, {span.rows} rows"
            for name, span in spans.items()
            if span
        },
        "sets": "none" if record.sets is None else f"hold {record.sets.coverage:.0%}",
    }


def _described_member(one: "Member") -> str:
    chosen = ", ".join(f"{name} {value}" for name, value in one.config.items())
    return f"{one.network} ({chosen}), seeds {_cell(one.seeds)}, temperatures {_cell(one.temperature)}"


def compared(records: "list[ModelRecord]") -> Iterator[dict[str, Any]]:
    """By horizon a row a model, and behind it a row for each floor that was not shown there yet."""
    for k in sorted({k for record in records for k in record.horizons}):
        shown: list[Figure] = []
        for record in (one for one in records if k in one.horizons):
            lead = record.lead_at(k)
            better = {"better_by": lead.macro_f1, "better_by_low": lead.low, "better_by_high": lead.high}
            figure = record.figure_at(k).model_dump(exclude={"name"})
            yield {"model": f"{record.name}:{record.version}", **figure, "best_floor": lead.floor, **better}
            for floor in record.floors_at(k):
                if floor not in shown:
                    shown.append(floor)
                    yield {"model": floor.name, **floor.model_dump(exclude={"name"})}


def show_compared(out: Output, rows: list[dict[str, Any]]) -> None:
    """Print the rows of :func:`compared`."""
    cells = []
    for row in rows:
        interval = f"{row['macro_f1_low']:.3f} to {row['macro_f1_high']:.3f}"
        better = "" if row["is_floor"] else f"{row['better_by_low']:+.3f} to {row['better_by_high']:+.3f}"
        cell = row | {"interval": interval, "moved": row["directional"]["moved"]["accuracy"], "its_interval": better}
        cells.append([_cell(cell.get(name)) for name in _FIGURES])
    out.table(_FIGURES, cells)


def _time(at_ns: int) -> str:
    from msray.store.ledger_records import rfc3339

    return rfc3339(at_ns)


def _cell(value: object) -> object:
    if isinstance(value, list | tuple):
        return ", ".join(str(_cell(one)) for one in value)
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else value
