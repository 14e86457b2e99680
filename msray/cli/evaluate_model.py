"""``msray evaluate --model``: what a model of the registry is worth on recordings, beside every floor."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msray.cli.models import show_compared
from msray.cli.output import Output
from msray.cli.taped import time_of
from msray.cli.training_rows import read_rows
from msray.errors import UsageError

if TYPE_CHECKING:
    from msray.store.model_judging import Judged


def evaluate_model(
    out: Output,
    words: str,
    paths: Sequence[Path],
    *,
    config: Path | None,
    models: Path | None,
    venue: str | None,
    until: str | None,
    seed: int,
) -> None:
    """Judge a model by recordings.

    Raises
    ------
    UsageError
        If there is no such model, or nothing to judge it by.
    ModelRefusedError
        If it is damaged.
    """
    from msray.cli.settings_file import load_settings
    from msray.feeds.replay import open_replay
    from msray.store.model_judging import judge_model, known_before
    from msray.store.registry import Registry
    from msray.training.floors import LEARNING

    registry = Registry(models or load_settings(config).models_dir)
    model = registry.load(*registry.resolve(words))
    if not paths:
        raise UsageError("--model needs recordings to judge it by", hint="--data PATH...")
    opened = open_replay(paths, venue=venue)
    rows = read_rows(out, opened, model.record.features, time_of(until))
    judged = judge_model(model, rows, seed=seed)
    hindsight = f"the rules {' and '.join(LEARNING)} learned from the rows that are judged"
    warnings = [*known_before(model.record, rows), *opened.problems, hindsight]
    out.data(
        {
            "model": judged.name,
            "digest": model.record.digest,
            "instruments": list(rows),
            "family": judged.report.family,
            "horizons": [_at(judged, number) for number in range(len(judged.report.horizons))],
            "warnings": warnings,
        }
    )
    show_compared(out, list(_rows(judged)))
    for one in judged.findings:
        bps, half_spread = one.edge.bps[-1], one.edge.half_spread_bps[-1]
        beside = f", half the spread {half_spread:.2f} bps" if half_spread == half_spread else ""
        out.line(f"{one.horizon} rows ahead, the surest tenth: the mid went {bps:+.2f} bps its way{beside}")
    for warning in warnings:
        out.note(warning)


def _at(judged: "Judged", number: int) -> dict[str, Any]:
    """One horizon, for programs."""
    horizon, finding = judged.report.horizons[number], judged.findings[number].as_dict()
    figures = [one for one in judged.report.figures if one.horizon == horizon]
    mine = next(asdict(one) for one in figures if not one.is_floor)
    floors = [
        {**asdict(one), "better_by": asdict(judged.report.beside(judged.name, one.name)[number])}
        for one in figures
        if one.is_floor
    ]
    kept = {name: value for name, value in finding.items() if name != "horizon"}
    return {**mine, "threshold": judged.report.thresholds[number], "floors": floors, **kept}


def _rows(judged: "Judged") -> Iterator[dict[str, Any]]:
    """As ``msray models compare`` shows them."""
    for number, horizon in enumerate(judged.report.horizons):
        figures = [one for one in judged.report.figures if one.horizon == horizon]
        floors = sorted((one for one in figures if one.is_floor), key=lambda one: -one.macro_f1)
        lead = judged.report.beside(judged.name, floors[0].name)[number]
        better = {"better_by": lead.macro_f1, "better_by_low": lead.low, "better_by_high": lead.high}
        mine = next(one for one in figures if not one.is_floor)
        yield {**asdict(mine), "model": judged.name, "best_floor": floors[0].name, **better}
        for one in floors:
            yield {**asdict(one), "model": one.name, "ece": None}
