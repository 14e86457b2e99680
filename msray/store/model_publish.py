"""From what a training came to into the registry: each model, and the ensemble of all."""

from collections.abc import Mapping

from msray.models.committee import committee
from msray.store.model_files import Package
from msray.store.model_package import TrainedMember, pack
from msray.store.model_record import ModelRecord
from msray.store.registry import Registry
from msray.training.config import ModelConfig
from msray.training.jobs import Blend, network_of
from msray.training.report import TrainReport
from msray.training.selection import ENSEMBLE


def names_for(models: list[str], name: str | None) -> dict[str, str]:
    """Under which name of the registry each model comes, and the ensemble of several.

    Examples
    --------
    >>> names_for(["gru", "tcn"], None)
    {'gru': 'gru', 'tcn': 'tcn', 'ensemble': 'ensemble'}
    >>> names_for(["gru"], "spread"), names_for(["gru", "tcn"], "rb")
    ({'gru': 'spread'}, {'gru': 'rb-gru', 'tcn': 'rb-tcn', 'ensemble': 'rb'})
    """
    if len(models) == 1:
        return {models[0]: name or models[0]}
    alone = {one: f"{name}-{one}" if name else one for one in models}
    return {**alone, ENSEMBLE: name or ENSEMBLE}


def packages_of(report: TrainReport, *, name: str | None) -> dict[str, tuple[str, Package]]:
    """All models of a training, ready for a registry.

    Parameters
    ----------
    report
        What was trained.
    name
        See :func:`names_for`.

    Returns
    -------
    dict[str, tuple[str, Package]]
        By the name in the report: the one in the registry, and what goes there.
    """
    said = {one.name: one for one in report.config.models}
    members = {one.name: _member(said[one.name], one, report) for one in report.selection.blends}
    made = {}
    for judged_as, registered in names_for(list(members), name).items():
        mixture = report.selection.mixtures[judged_as]
        package = pack(
            [members[one] for one in mixture.members],
            mixture,
            report.problem,
            report.selection.report,
            judged_as=judged_as,
            instruments=report.instruments,
        )
        made[judged_as] = registered, package
    return made


def publish(registry: Registry, packages: Mapping[str, tuple[str, Package]], *, now_ns: int) -> dict[str, ModelRecord]:
    """Add models to a registry; where one would be refused, none is added.

    Parameters
    ----------
    registry
        Where to.
    packages
        As :func:`packages_of` makes them.
    now_ns
        Time, for the records.

    Returns
    -------
    dict[str, ModelRecord]
        By the name in the report.
    """
    for registered, package in packages.values():
        registry.check(registered, package)
    return {
        judged_as: registry.publish(registered, package, now_ns=now_ns)
        for judged_as, (registered, package) in packages.items()
    }


def _member(model: ModelConfig, blend: Blend, report: TrainReport) -> TrainedMember:
    config = model.made(features=len(report.problem.rows.names), horizons=len(report.problem.config.horizons))
    return TrainedMember(
        name=model.name,
        network_name=model.name,
        config=config,
        seeds=tuple(one.seed for one in blend.trained),
        training=model.training,
        network=committee(config, [network_of(one, config) for one in blend.trained]).eval(),
    )
