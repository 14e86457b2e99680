"""A model of the registry, as what predicts with it needs it; no torch."""

from msray.errors import UnknownNameError
from msray.prediction import ModelName, ServedMember, ServedModel
from msray.store.model_aliases import PRODUCTION
from msray.store.model_files import Model
from msray.store.registry import Registry
from msray.store.sealed import ModelRefusedError

CLASSES = 3


def served_of(model: Model) -> ServedModel:
    """A model, to be given to a :class:`~msray.prediction.Runner`.

    Raises
    ------
    ModelRefusedError
        If its classes are not down, flat and up.
    """
    record = model.record
    classes = record.members[0].network_config.classes
    if classes != CLASSES:
        raise ModelRefusedError(
            f"{record.name}:{record.version} must have {CLASSES} classes to be served, got {classes}"
        )
    label = record.label_config
    return ServedModel(
        name=record.name,
        version=record.version,
        digest=record.digest,
        features=record.features,
        horizons=record.horizons,
        thresholds=record.thresholds,
        family=label.family,
        smoothing=label.smoothing,
        members=tuple(
            ServedMember(
                name=one.name, onnx=model.onnx[one.name], window=None if one.is_stepped else _window(one.inputs["rows"])
            )
            for one in record.members
        ),
        mixture=record.mixture,
    )


def named(registry: Registry, words: str) -> ModelName:
    """Which model ``NAME:VERSION``, ``NAME@ALIAS`` or ``NAME``, which is ``NAME@production``, stands for now.

    Raises
    ------
    UnknownNameError
        If there is no such model, version or alias.
    ModelRefusedError
        If the file that says so is not as it was written.
    """
    name, sign, which = words.partition("@" if "@" in words else ":")
    if sign == ":":
        return ModelName(name, int(which), registry.record(name, int(which)).digest)
    step = registry.current(name, which or PRODUCTION)
    if step is None:
        registry.resolve(f"{name}@{which or PRODUCTION}")  # says what there is
        raise UnknownNameError(f"alias of {name}", which or PRODUCTION, registry.aliases(name))
    return ModelName(name, step.version, step.digest)


def load_named(registry: Registry, model: ModelName) -> ServedModel:
    """The very model of a name.

    Raises
    ------
    UnknownNameError
        If it is not there, or not any more.
    ModelRefusedError
        If it is not as it was written, or another one of the same number.
    """
    served = served_of(registry.load(model.name, model.version))
    if served.digest != model.digest:
        raise ModelRefusedError(f"{model} must have digest {model.digest}, got {served.digest}")
    return served


def _window(shape: tuple[int | None, ...]) -> int:
    """Rows of a window, of the shape ``(windows, rows, features)``, which has been checked."""
    rows = shape[1]
    assert rows is not None
    return rows
