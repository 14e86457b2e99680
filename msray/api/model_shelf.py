"""Where a server finds its models: what words such as ``spread-gru@production`` mean now, and the model itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from msray.api.models import Worth
from msray.prediction.served import ServedModel
from msray.store.model_aliases import PRODUCTION
from msray.store.model_record import ModelRecord
from msray.store.model_served import named, served_of
from msray.store.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What words mean now.

    Attributes
    ----------
    name, version
        The model.
    alias
        Which stands for it; None where the words name a version.
    digest
        Of the model, where that is known without loading it: it is another one when this is another.
    """

    name: str
    version: int
    alias: str | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taken:
    """A model off the shelf.

    Attributes
    ----------
    served
        All that is needed to predict.
    worth
        At each horizon.
    """

    served: ServedModel
    worth: tuple[Worth, ...]


class Shelf(Protocol):
    """Models by words; both raise MsrayError."""

    def meant(self, words: str) -> Meant:
        """What words mean now: cheap enough to be asked every few seconds."""
        ...

    def take(self, meant: Meant) -> Taken:
        """The model, checked."""
        ...


class RegistryShelf:
    """The models of a registry.

    Parameters
    ----------
    folder
        Of the registry.
    """

    def __init__(self, folder: Path) -> None:
        self._registry = Registry(folder)

    def meant(self, words: str) -> Meant:
        """What words mean now: ``NAME`` is ``NAME@production``, ``NAME:VERSION`` a version for ever.

        Raises
        ------
        UnknownNameError
            If there is no such model, version or alias; offers the nearest.
        ModelRefusedError
            If what is known of it is not as it was written.
        """
        model = named(self._registry, words)
        _, sign, which = words.partition("@")
        alias = None if ":" in words else which if sign else PRODUCTION
        return Meant(name=model.name, version=model.version, alias=alias, digest=model.digest)

    def take(self, meant: Meant) -> Taken:
        """The model, checked.

        Raises
        ------
        UnknownNameError
            If it is not there any more.
        ModelRefusedError
            If it is not as it was written, or as it was promoted.
        """
        model = self._registry.load(meant.name, meant.alias or meant.version)
        return Taken(served=served_of(model), worth=worth_of(model.record))


def worth_of(record: ModelRecord) -> tuple[Worth, ...]:
    """What a model was worth, as its record tells, beside the best floor of each horizon."""
    return tuple(_worth(record, at) for at in range(len(record.horizons)))


def _worth(record: ModelRecord, at: int) -> Worth:
    horizon = record.horizons[at]
    figure, floor, lead = record.figure_at(horizon), record.floors_at(horizon)[0], record.lead_at(horizon)
    return Worth(
        horizon=horizon,
        threshold=record.thresholds[at],
        rows=figure.rows,
        macro_f1=figure.macro_f1,
        macro_f1_low=figure.macro_f1_low,
        macro_f1_high=figure.macro_f1_high,
        weighted_f1=figure.weighted_f1,
        mcc=figure.mcc,
        accuracy=figure.accuracy,
        ece=figure.ece,
        directional=figure.directional,
        floor=floor.name,
        floor_macro_f1=floor.macro_f1,
        lead=lead.macro_f1,
        lead_low=lead.low,
        lead_high=lead.high,
    )
