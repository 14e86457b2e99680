"""``msray train``: networks trained on recordings, judged on their last part, and kept in the registry."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msray.cli.arguments import PATHS
from msray.cli.cluster import cluster_for
from msray.cli.models import compared, show_compared
from msray.cli.output import Output
from msray.cli.taped import time_of
from msray.cli.training_rows import read_rows_to_train
from msray.errors import UsageError

if TYPE_CHECKING:
    from msray.on_ray.training import TrainingOrchestrator
    from msray.training.config import ModelConfig, TrainConfig
    from msray.training.jobs import Job
    from msray.training.loop import Epoch
    from msray.training.report import TrainReport
    from msray.training.rows import TrainingRows

TRAININGS = "trainings"
"""Folder, among the runs, of trainings that are under way."""


def train(  # noqa: PLR0913 (a flag each)
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=PATHS)],
    model_type: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="gru, tcn, directional, ...; again for more of them.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Times that all is gone through, at most.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Trainings of each model; together they are one.")] = None,
    horizons: Annotated[str | None, typer.Option(metavar="LIST", help="Rows to look ahead, as 10,50,100.")] = None,
    name: Annotated[str | None, typer.Option(help="In the registry; else the model's own, or ensemble.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
    until: Annotated[str | None, typer.Option(help="Local time to stop at, as 2024-08-08T23:55:00Z.")] = None,
    venue: Annotated[str | None, typer.Option(help="Venue of recordings, where their shape does not tell.")] = None,
    runs: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the run folder goes; else runs_dir.")] = None,
    models: Annotated[Path | None, typer.Option(metavar="DIR", help="The registry; else models_dir.")] = None,
    address: Annotated[
        str | None, typer.Option(envvar="RAY_ADDRESS", help="The Ray cluster; else that of `msray live`, or its own.")
    ] = None,
) -> None:
    """Train networks that say where the mid goes, and say whether they know more than rules without a network.

    What is learned, from which features, and by which models is in the section `train` of the configuration. Models
    and seeds are trained side by side, on a GPU where there is one. They learn from the first part of the recordings,
    the second one stops them and weighs them, the last one judges them once, beside every rule. Each model comes into
    the registry, and the ensemble of several; none serves before `msray models promote`. A training that was
    interrupted goes on from its last epoch when the same command is given again.
    """
    from msray.cli.settings_file import kept_settings, load_settings
    from msray.clock import SystemClock
    from msray.feeds.replay import open_replay
    from msray.on_ray.training import TrainingOrchestrator
    from msray.store.model_publish import names_for, packages_of, publish
    from msray.store.registry import Registry
    from msray.store.runs import new_run_id
    from msray.store.trained_runs import looks_at, write_trained
    from msray.store.trainings import problem_digest
    from msray.training_page.page import train_page

    out: Output = context.obj
    settings = load_settings(config)
    words = asked(settings.train, model_type, epochs, seeds, horizons)
    registry, where = Registry(models or settings.models_dir), runs or settings.runs_dir
    for registered in names_for([one.name for one in words.models], name).values():
        registry.versions(registered)  # refuses what is no name before anything is trained
    opened = open_replay(paths, venue=venue)
    start = cluster_for(context, settings, address)
    rows, problems = read_rows_to_train(
        context, opened, words.columns, time_of(until), paths=paths, venue=venue, folder=where / TRAININGS
    )
    start(store_bytes(rows, words.parts.judgements))
    trainer = TrainingOrchestrator(where / TRAININGS)
    report = _train(out, trainer, words, rows)
    report = replace(report, looks=looks_at(where, report))
    now_ns = SystemClock().now_ns()
    run_id = new_run_id(now_ns, problem_digest(report.problem))
    # Whatever can fail goes before the first version is there: versions never go away.
    packages = packages_of(report, name=name)
    page, said = train_page(report, run_id=run_id), kept_settings(settings, where)
    figures = {name: value for name, value in report.as_dict().items() if name != "findings"}
    records = publish(registry, packages, now_ns=now_ns)
    published = {judged_as: f"{one.name}:{one.version}" for judged_as, one in records.items()}
    made_of = {"files": sorted(file.name for file in opened.files), "until": until, "models": published}
    folder = write_trained(where, report, page, run_id=run_id, settings=said, made_of=made_of)
    trainer.forget(report)
    out.data({"run_folder": folder, "models_dir": registry.folder, **made_of, **figures, "problems": problems})
    show_compared(out, list(compared(list(records.values()))))
    out.line(report.verdict)
    if report.looks:
        out.note(f"rows that judge were looked at before, by {report.looks} of the trainings in {where}")
    out.note(f"in {registry.folder}: {', '.join(published.values())}; `msray models promote` lets one serve")
    out.note(f"{folder / 'report.html'}")
    for problem in problems:
        out.note(problem)


def asked(
    said: "TrainConfig", names: Sequence[str] | None, epochs: int | None, seeds: int | None, horizons: str | None
) -> "TrainConfig":
    """The section ``train``, with what the command line says instead.

    Raises
    ------
    UsageError
        If that cannot be.
    """
    from pydantic import ValidationError

    tree = said.model_dump()
    chosen = [_model(said, one) for one in dict.fromkeys(names)] if names else list(said.models)
    tree["models"] = [one.model_dump() for one in chosen]
    for one in tree["models"]:
        one["training"] |= {} if epochs is None else {"epochs": epochs}
        one |= {} if seeds is None else {"seeds": seeds}
    if horizons is not None:
        tree["labels"]["horizons"] = horizons.replace(",", " ").split()
    try:
        return type(said).model_validate(tree)
    except ValidationError as error:
        one = error.errors()[0]
        what, at = one["msg"].removeprefix("Value error, ").replace("Input should", "must"), one["loc"]
        flag = next((f"--{flag}: " for flag in ("epochs", "seeds", "horizons") if flag in at or flag in what), "")
        raise UsageError(f"{flag}{what}, got {one['input']}" if at[2:] else f"{flag}{what}") from error


def _model(said: "TrainConfig", name: str) -> "ModelConfig":
    """As the configuration has it, else with its defaults."""
    from msray.models.catalog import entry
    from msray.training.config import ModelConfig

    entry(name)
    return next((one for one in said.models if one.name == name), ModelConfig(name=name))


def _train(
    out: Output, trainer: "TrainingOrchestrator", words: "TrainConfig", rows: "dict[str, TrainingRows]"
) -> "TrainReport":
    total = words.parts.judgements * sum(one.training.epochs * one.seeds for one in words.models)
    with out.progress("train", total, "epochs") as advance:

        def told(job: "Job", epoch: "Epoch") -> None:
            advance(1)

        try:
            return trainer.train(words, rows, told)
        except KeyboardInterrupt:
            out.note("what was learned is kept: the same command goes on from there")
            raise


def store_bytes(rows: "dict[str, TrainingRows]", judgements: int = 1) -> int:
    """Of the memory that the processes of a cluster of its own share."""
    from msray.on_ray.session import STORE_BYTES

    return STORE_BYTES + (3 + judgements) * sum(one.values.nbytes + one.mid.nbytes for one in rows.values())
