"""Which models a verb serves: those it is told, those of the configuration, or all that are promoted."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msray.cli.predicting import predict_words
from msray.errors import UsageError

if TYPE_CHECKING:
    from msray.cli.settings import Settings

Folder = Annotated[Path | None, typer.Option("--models", metavar="DIR", help="The registry; else models_dir.")]
Named = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="NAME", help="Serve it; may be repeated. Else predict.models."),
]


def served_models(
    settings: "Settings", folder: Path | None, named: Sequence[str] | None, *, else_promoted: bool
) -> tuple[Path, tuple[str, ...]]:
    """The folder of the registry, and the words for the models.

    Parameters
    ----------
    settings
        The configuration.
    folder, named
        What the command line says.
    else_promoted
        Whether all that are promoted are meant where nobody names any.

    Raises
    ------
    UnknownNameError
        If one of them is not there.
    UsageError
        If there is none at all and some were wanted, or two are versions of one, as for live predictions.
    """
    from msray.api.model_shelf import RegistryShelf
    from msray.store.model_aliases import PRODUCTION
    from msray.store.registry import Registry

    place = (settings.models_dir if folder is None else folder).resolve()
    models = predict_words(settings, named).models
    if not models and else_promoted:
        registry = Registry(place)
        models = tuple(name for name in registry.names() if PRODUCTION in registry.aliases(name))
        if not models:
            hint = "msray models promote NAME:VERSION, or name one with --model"
            raise UsageError(f"models must be promoted to be served, got none in {place}", hint=hint)
    shelf = RegistryShelf(place)
    for words in models:
        shelf.meant(words)
    return place, models
