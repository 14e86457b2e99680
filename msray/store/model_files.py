"""The files of one version of a model: read whole, and refused where they are not what their record says."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msray.store.model_onnx import interface_of
from msray.store.model_record import ModelRecord, Shape, check_servable, is_like, parse_record
from msray.store.sealed import ModelRefusedError

RECORD, ONNX, WEIGHTS = "model.json", "model.onnx", "weights.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Package:
    """A model on its way into the registry; :func:`msray.store.model_package.pack` makes it.

    Attributes
    ----------
    words
        Its record but for name, version and time.
    onnx, weights
        Its other files.
    """

    words: Mapping[str, Any]
    onnx: bytes
    weights: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A model out of the registry, checked.

    Attributes
    ----------
    record
        All that is known of it.
    onnx
        For ONNX Runtime.
    weights
        For torch: :func:`msray.store.model_package.restored`.
    """

    record: ModelRecord
    onnx: bytes
    weights: bytes


def read_record(place: Path) -> ModelRecord:
    """The record in a folder, which must be of the name and version that the folder has."""
    return _in_place(_read(place / RECORD), place)


def read_model(place: Path) -> Model:
    """The model in a folder; see :func:`checked_model`."""
    document, onnx, weights = (_read(place / file) for file in (RECORD, ONNX, WEIGHTS))
    return checked_model(place, document, onnx, weights)


def checked_model(place: Path, document: bytes, onnx: bytes, weights: bytes) -> Model:
    """A model of these bytes, if they belong together and can be served.

    Raises
    ------
    ModelRefusedError
        Naming file, what is expected and what was found.
    """
    record = _in_place(document, place)
    for file, data in ((ONNX, onnx), (WEIGHTS, weights)):
        expected, got = record.sha256.get(file), hashlib.sha256(data).hexdigest()
        if expected != got:
            raise ModelRefusedError(f"{place / file} must have sha256 {expected}, got {got}")
    check_servable(record, place / RECORD)
    taken, given = interface_of(onnx, place / ONNX)
    for what, said, found in (("take", record.inputs, taken), ("give", record.outputs, given)):
        if not _fits(said, found):
            raise ModelRefusedError(f"{place / ONNX} must {what} {said}, got {found}")
    return Model(record=record, onnx=onnx, weights=weights)


def _in_place(document: bytes, place: Path) -> ModelRecord:
    record = parse_record(document, place / RECORD)
    said, expected = f"{record.name}:{record.version}", f"{place.parent.name}:{place.name}"
    if said != expected:
        raise ModelRefusedError(f"{place / RECORD} must be of {expected}, got {said}")
    return record


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise ModelRefusedError(f"{file} is missing") from error
    except OSError as error:
        raise ModelRefusedError(f"{file}: {error.strerror or error}") from error


def _fits(said: Mapping[str, Shape], found: Mapping[str, Shape]) -> bool:
    """Whether all tensors are there, of the same shape where both say one."""
    return said.keys() == found.keys() and all(is_like(shape, found[name]) for name, shape in said.items())
