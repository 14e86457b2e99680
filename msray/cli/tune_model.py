"""``msray tune --target model``: the parameters with which a network learns best, by rows that choose."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from msray.cli.cluster import cluster_for
from msray.cli.output import Output
from msray.cli.taped import time_of
from msray.cli.train import TRAININGS, asked, store_bytes
from msray.cli.training_rows import read_rows_to_train
from msray.errors import UsageError

if TYPE_CHECKING:
    from msray.on_ray.tuned_models import ModelSearch
    from msray.training.config import ModelConfig
    from msray.training.fit import Problem
    from msray.tuning import SearchSpace, Trial
    from msray.tuning.models import ModelTuneConfig

SHOWN = 10
"""Best trials in the table."""


def tune_model(  # noqa: PLR0913 (a flag each)
    context: typer.Context,
    paths: Sequence[Path],
    *,
    model_type: str | None,
    trials: int | None,
    resume: bool,
    config: Path | None,
    until: str | None,
    venue: str | None,
    runs: Path | None,
    address: str | None,
) -> None:
    """Search a model's parameters; see ``msray tune``."""
    from msray.cli.settings_file import kept_settings, load_settings
    from msray.clock import SystemClock
    from msray.feeds.replay import open_replay
    from msray.store.model_search_log import ModelSearchLog, recorded_of
    from msray.store.runs import new_run_id
    from msray.store.trial_log import TrialLog
    from msray.store.tuned_models import write_tuned_model
    from msray.training.fit import pose
    from msray.tuning.models import model_space

    out: Output = context.obj
    settings = load_settings(config)
    how = _with_trials(settings.tune_model, trials)
    words = asked(settings.train, None if model_type is None else [model_type], None, None, None)
    model = words.models[0]
    space, where = model_space(model, how.space), runs or settings.runs_dir
    opened = open_replay(paths, venue=venue)
    start = cluster_for(context, settings, address)
    rows, problems = read_rows_to_train(
        context, opened, words.columns, time_of(until), paths=paths, venue=venue, folder=where / TRAININGS
    )
    problem = pose(words, list(rows.values()), share=how.share)
    recorded = recorded_of(rows)
    run_id = new_run_id(SystemClock().now_ns(), recorded.digest)
    log = ModelSearchLog(TrialLog(where, recorded), run_id=run_id, train=words, config=how, space=space)
    begun = _begun(out, log.begun(), is_wanted=resume)
    start(store_bytes(rows))
    found = _search(out, problem, model, how, space, log, begun)
    metrics = {
        "model": model.name,
        "files": sorted(file.name for file in opened.files),
        "until": until,
        "trials": len(found.search.trials),
        "tried_before": log.earlier,
        "surprise": -found.chosen.score,
        "surprise_before": -found.unchanged.score,
        "best_parameters": dict(found.chosen.parameters),
    }
    folder = write_tuned_model(
        where,
        found.search.trials,
        space,
        found.best,
        run_id=run_id,
        settings=kept_settings(settings, where),
        train=settings.train,
        metrics=metrics,
    )
    out.data({"run_folder": folder, **metrics, "problems": problems})
    _show(out, found, space, earlier=log.earlier)
    out.note(f"{folder / 'config.yaml'}: for --config of train")
    for problem_told in problems:
        out.note(problem_told)


def _with_trials(config: "ModelTuneConfig", trials: int | None) -> "ModelTuneConfig":
    if trials is None:
        return config
    if not 1 <= trials <= 10_000:
        raise UsageError(f"--trials must be 1 to 10000, got {trials}")
    return config.model_copy(update={"trials": trials})


def _begun(out: Output, begun: "list[Trial]", *, is_wanted: bool) -> "list[Trial]":
    """Trials of the same search that ran before, if they are wanted."""
    ended = sum(trial.state != "running" for trial in begun)
    if is_wanted and not begun:
        raise UsageError("--resume needs a search that was begun, and none was with these rows and this configuration")
    if is_wanted:
        out.note(f"going on: {ended} trials had ended, {len(begun) - ended} were running")
        return begun
    if begun:
        out.note(f"the same search was begun before ({ended} trials had ended); --resume would go on with it")
    return []


def _search(
    out: Output,
    problem: "Problem",
    model: "ModelConfig",
    config: "ModelTuneConfig",
    space: "SearchSpace",
    log: Any,
    begun: "Sequence[Trial]",
) -> "ModelSearch":
    from msray.on_ray.tuned_models import search_models

    ended = sum(trial.state != "running" for trial in begun)
    with out.progress("tune", max(config.trials - ended, 0), "trials") as advance:

        def keep(trial: "Trial") -> None:
            nonlocal ended
            if trial.state != "running":
                ended += 1
                advance(1)

        try:
            return search_models(problem, model, config, space, log, known=begun, keep=keep)
        except KeyboardInterrupt:
            out.note(f"{ended} trials have ended, and are kept: the same command with --resume goes on from there")
            raise


def _show(out: Output, found: "ModelSearch", space: "SearchSpace", *, earlier: int) -> None:
    ranked = sorted(found.search.trials, key=lambda trial: (trial.state != "whole", -trial.score))[:SHOWN]
    rows = [(str(place), *_cells(trial), *_values(trial, space)) for place, trial in enumerate(ranked, start=1)]
    rows.append(("unchanged", *_cells(found.unchanged), *("" for _ in space)))
    out.table(("", "state", "surprise", "epochs", *space), rows)
    states = [trial.state for trial in found.search.trials]
    best = ", ".join(f"{name} {_value(value)}" for name, value in found.chosen.parameters.items())
    out.line(
        f"trials {len(states)}: {states.count('whole')} whole, {states.count('pruned')} given up early, "
        f"{states.count('failed')} failed; {earlier} tried before on the same rows"
    )
    out.line(f"best: {best or 'what you had'}; surprise {-found.chosen.score:.4f}, before {-found.unchanged.score:.4f}")
    out.line("It was chosen by these rows, among many: what it is worth, msray train says on the rows behind them.")


def _cells(trial: "Trial") -> tuple[str, ...]:
    return trial.state, f"{-trial.score:.4f}", str(len(trial.folds))


def _values(trial: "Trial", space: "SearchSpace") -> tuple[str, ...]:
    return tuple(_value(trial.parameters[name]) for name in space)


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
