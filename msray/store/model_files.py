"""The files of one version of a model: read whole, and refused where they are not what their record says."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msray.store.model_onnx import interface_of
from msray.store.model_record import ModelRecord, Shape, check_servable, is_like, parse_record
from msray.store.sealed import ModelRefusedError

RECORD = "model.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Package:
    """A model on its way into the registry; :func:`msray.store.model_package.pack` makes it.

    Attributes
    ----------
    words
        Its record but for name, version and time.
    files
        Its other files, by name.
    """

    words: Mapping[str, Any]
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A model out of the registry, checked.

    Attributes
    ----------
    record
        All that is known of it.
    onnx
        For ONNX Runtime, by the name of the member.
    weights
        For torch, likewise: :func:`msray.store.model_package.restored`.
    """

    record: ModelRecord
    onnx: Mapping[str, bytes]
    weights: Mapping[str, bytes]


def read_record(place: Path) -> ModelRecord:
    """The record in a folder, which must be of the name and version that the folder has."""
    return _in_place(_read(place / RECORD), place)


def read_model(place: Path) -> Model:
    """The model in a folder; see :func:`checked_model`."""
    document = _read(place / RECORD)
    names = [name for one in _in_place(document, place).members for name in (one.onnx_file, one.weights_file)]
    return checked_model(place, document, {name: _read(place / name) for name in names})


def checked_model(place: Path, document: bytes, files: Mapping[str, bytes]) -> Model:
    """A model of these bytes, if they belong together and can be served.

    Raises
    ------
    ModelRefusedError
        Naming file, what is expected and what was found.
    """
    record = _in_place(document, place)
    named = {name for one in record.members for name in (one.onnx_file, one.weights_file)}
    if named != files.keys():
        raise ModelRefusedError(
            f"{place} must have the files {', '.join(sorted(named))}, got {', '.join(sorted(files))}"
        )
    for member in record.members:
        for file in (member.onnx_file, member.weights_file):
            expected, got = member.sha256.get(file), hashlib.sha256(files[file]).hexdigest()
            if expected != got:
                raise ModelRefusedError(f"{place / file} must have sha256 {expected}, got {got}")
    check_servable(record, place / RECORD)
    for member in record.members:
        taken, given = interface_of(files[member.onnx_file], place / member.onnx_file)
        for what, said, found in (("take", member.inputs, taken), ("give", member.outputs, given)):
            if not _fits(said, found):
                raise ModelRefusedError(f"{place / member.onnx_file} must {what} {said}, got {found}")
    return Model(
        record=record,
        onnx={one.name: files[one.onnx_file] for one in record.members},
        weights={one.name: files[one.weights_file] for one in record.members},
    )


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
