"""Which models a command predicts with: those of its flag, of the configuration, or of the raw log that it replays."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from msray.cli.output import Output
from msray.errors import UsageError

if TYPE_CHECKING:
    from msray.cli.settings import Settings
    from msray.feeds.replay import Replay
    from msray.market import PredictionScore
    from msray.prediction import Forecasting, ModelName, Pipeline, PredictConfig, RowSink, ServedModel

SCORE_COLUMNS = (
    "model",
    "horizon",
    "rows",
    "accuracy",
    "base_rate",
    "persistence",
    "mean_reversion",
    "moved_accuracy",
    "committed_accuracy",
    "committed_coverage",
    "sure_accuracy",
    "sure_coverage",
    "ece",
    "step_us",
)


def predict_words(settings: "Settings", models: Sequence[str] | None) -> "PredictConfig":
    """The words of the configuration, with the models of a flag instead where there are any."""
    from msray.prediction import PredictConfig

    if not models:
        return settings.predict
    try:
        return PredictConfig.model_validate({**settings.predict.model_dump(), "models": tuple(models)})
    except ValidationError as error:
        first = error.errors()[0]
        is_name = first["type"] == "string_pattern_mismatch"
        what = f"must be NAME, NAME@ALIAS or NAME:VERSION, got {first['input']!r}" if is_name else first["msg"]
        raise UsageError(f"--model {what}", hint="msray models ls shows them") from error


def load_models(settings: "Settings", words: "PredictConfig") -> "list[ServedModel]":
    """The models that are meant, checked.

    Raises
    ------
    UsageError
        If there is no such model, it is not as it was written, or it does not predict at the horizon of signals.
    """
    from msray.prediction import check_horizon
    from msray.store.model_served import load_named, named
    from msray.store.registry import Registry

    registry = Registry(settings.models_dir)
    served = [load_named(registry, named(registry, one)) for one in words.models]
    for one in served:
        check_horizon(one, words)
    return served


def forecasting_for(
    opened: "Replay",
    config: Path | None,
    models: Sequence[str] | None,
    make: "Callable[[Callable[[str], RowSink | None]], Pipeline]",
    timer: Callable[[], int],
) -> "Forecasting":
    """A pipeline with models behind it: as a raw log was written, where it is replayed so and no model is named."""
    from msray.cli.settings_file import load_settings
    from msray.feeds.replay import LogReplay
    from msray.prediction import Forecasting, Forecasts, PredictConfig

    ids = [instrument.id for instrument in opened.instruments]
    if isinstance(opened, LogReplay) and opened.is_as_written and not models:
        none = Forecasts(ids, [], PredictConfig(), timer=timer)
        return Forecasting(make, none, load=partial(_load, config), timer=timer)
    settings = load_settings(config)
    words = predict_words(settings, models)
    return Forecasting(make, Forecasts(ids, load_models(settings, words), words, timer=timer))


def _load(config: Path | None, model: "ModelName") -> "ServedModel":
    """A model that a run of the log names; the registry is looked for where there is one only."""
    from msray.cli.settings_file import load_settings
    from msray.store.model_served import load_named
    from msray.store.registry import Registry

    return load_named(Registry(load_settings(config).models_dir), model)


def told(forecasting: "Forecasting") -> dict[str, Any]:
    """What was predicted, as data: made in all runs of a log, scored in the last of them."""
    return {
        "made": forecasting.made,
        "signals": forecasting.signals,
        "scores": [score_row(score) for score in forecasting.forecasts.scores()],
    }


def score_row(score: "PredictionScore") -> dict[str, Any]:
    """What came of a model's predictions at a horizon; what a step takes in microseconds."""
    step_us = None if score.step_seconds is None else round(score.step_seconds * 1e6, 1)
    return {name: step_us if name == "step_us" else getattr(score, name) for name in SCORE_COLUMNS}


def show_scores(out: Output, rows: Iterable[dict[str, Any]]) -> None:
    """A line a model and horizon, if there are any."""
    cells = [[_cell(row[name]) for name in SCORE_COLUMNS] for row in rows]
    if cells:
        out.table(SCORE_COLUMNS, cells)


def _cell(value: object) -> object:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else value
