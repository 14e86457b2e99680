"""The body of ``POST /api/v1/predict``: checked by hand, so that an error names the field, the value and the range."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Struct, UnsetType
from numpy.typing import NDArray

from msray.api.models import ModelStatus
from msray.api.problem import FieldError, RefusedError
from msray.api.schemas import field_error, refuse_duplicate_keys

MAX_WINDOWS = 256
MAX_ROWS = 1024
"""Rows of a window."""
MAX_VALUE = float(np.finfo(np.float32).max)

Window = list[list[float | None]]


class PredictBody(Struct, forbid_unknown_fields=True, frozen=True):
    """Rows of one window, the oldest first, or of many; a value that is not known is null."""

    model: str | UnsetType = UNSET
    rows: Window | UnsetType = UNSET
    windows: list[Window] | UnsetType = UNSET
    features: list[str] | UnsetType | None = UNSET


_decode = msgspec.json.Decoder(PredictBody).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a client wants to know.

    Attributes
    ----------
    model
        As it was written.
    windows
        Rows of each.
    is_many
        Whether they came as ``windows``.
    features
        What the columns are, if it was said.
    """

    model: str
    windows: list[Window]
    is_many: bool
    features: list[str] | None


def parse_predict(body: bytes) -> Asked:
    """Read a body.

    Raises
    ------
    RefusedError
        400 where this is no JSON, 422 where it is not what is asked for.
    """
    try:
        said = _decode(body)
    except msgspec.ValidationError as error:
        raise refused([field_error(str(error))]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(
            400, "the body must be one JSON document in UTF-8; a value that is not known is null"
        ) from error
    if body.count(b'"') != _quotes_of(said):
        refuse_duplicate_keys(body)
    if said.model is UNSET:
        raise refused([FieldError("/model", "must be given")])
    windows = _windows(said)
    if not 1 <= len(windows) <= MAX_WINDOWS:
        raise refused([FieldError("/windows", f"must be 1 to {MAX_WINDOWS}, got {len(windows)}")])
    features = None if said.features is UNSET else said.features
    return Asked(model=said.model, windows=windows, is_many=said.rows is UNSET, features=features)


def find_model(words: str, models: Sequence[ModelStatus]) -> ModelStatus:
    """The model that is meant by ``NAME``, ``NAME@ALIAS`` or ``NAME:VERSION``.

    Raises
    ------
    RefusedError
        422 with the nearest where there is none of these words, 503 where it is not served now.
    """
    if not models:
        raise RefusedError(503, "no model is served here now", headers={"Retry-After": "5"})
    named = [one for one in models if words in names_of(one)]
    if not named:
        known = sorted({name for one in models for name in names_of(one)})
        near = difflib.get_close_matches(words[:100], known, n=3, cutoff=0.5)
        error = FieldError("/model", "must be one that is served; GET /api/v1/models lists them")
        raise RefusedError(422, "unknown model", errors=[error], candidates=near or known[:12])
    found = next((one for one in named if one.is_served), None)
    if found is None:
        raise RefusedError(503, "this model is not served now", headers={"Retry-After": "5"})
    return found


def names_of(model: ModelStatus) -> set[str]:
    """All words for a model, in order of how much they say."""
    names = {model.words, model.name}
    if model.alias is not None:
        names.add(f"{model.name}@{model.alias}")
    if model.version is not None:
        names.add(f"{model.name}:{model.version}")
    return names


def to_rows(asked: Asked, model: ModelStatus) -> NDArray[np.float32]:
    """Windows as a model takes them: ``(windows, rows, features)``, columns in its order, NaN where nothing is known.

    Raises
    ------
    RefusedError
        422 where it could not say anything of them.
    """
    order = _order(asked.features, model.features)
    _check_shape(asked, least=model.least_rows, wide=len(model.features))
    values = np.array(asked.windows, np.float64)
    large = np.argwhere(np.abs(values) > MAX_VALUE)
    if len(large):
        number, row, column = map(int, large[0])
        detail = f"must be {-MAX_VALUE:.6g} to {MAX_VALUE:.6g}, got {values[number, row, column]:.6g}"
        raise refused([FieldError(f"{_at(asked, number)}/{row}/{column}", detail)])
    return np.ascontiguousarray(values[:, :, order], np.float32)


def refused(errors: Sequence[FieldError]) -> RefusedError:
    """422 that says what is wrong with a body."""
    return RefusedError(422, "the body cannot be predicted from", errors=errors)


def predict_schema() -> dict[str, Any]:
    """The body as a JSON schema for OpenAPI."""
    (reference,), definitions = msgspec.json.schema_components([PredictBody], ref_template="#/$defs/{name}")
    said = definitions["PredictBody"]["properties"]
    said["model"]["description"] = "`NAME`, `NAME@ALIAS` or `NAME:VERSION`"
    said["features"]["description"] = "names of the columns, exactly the model's, in any order; in its own if left out"
    for bounds, most in ((said["windows"], MAX_WINDOWS), (said["rows"], MAX_ROWS)):
        bounds |= {"minItems": 1, "maxItems": most}
    return {**reference, "$defs": definitions}


def _windows(said: PredictBody) -> list[Window]:
    if said.rows is not UNSET and said.windows is UNSET:
        return [said.rows]
    if said.windows is not UNSET and said.rows is UNSET:
        return said.windows
    raise refused([FieldError("", "must have either rows, of one window, or windows")])


def _check_shape(asked: Asked, least: int, wide: int) -> None:
    count = len(asked.windows[0])
    if not least <= count <= MAX_ROWS:
        raise refused([FieldError(_at(asked, 0), f"must have {least} to {MAX_ROWS} rows for this model, got {count}")])
    for number, window in enumerate(asked.windows):
        if len(window) != count:
            detail = f"must have as many rows as the first window, {count}, got {len(window)}"
            raise refused([FieldError(_at(asked, number), detail)])
        for row, values in enumerate(window):
            if len(values) != wide:
                detail = f"must have {wide} values for this model, got {len(values)}"
                raise refused([FieldError(f"{_at(asked, number)}/{row}", detail)])


def _order(said: Sequence[str] | None, features: Sequence[str]) -> list[int]:
    """Where each of the model's columns stands in what was sent."""
    if said is None:
        return list(range(len(features)))
    places = {name: at for at, name in enumerate(said)}
    missing = [name for name in features if name not in places]
    if missing:
        names = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise refused([FieldError("/features", f"must name all of the model's, missing {names}")])
    if len(said) != len(features):
        error = f"must name each of the model's {len(features)} once and no other, got {len(said)}"
        raise refused([FieldError("/features", error)])
    return [places[name] for name in features]


def _at(asked: Asked, window: int) -> str:
    return f"/windows/{window}" if asked.is_many else "/rows"


def _quotes_of(said: PredictBody) -> int:
    """Two for each key and each name; a body has more only where a key is said twice, or a name holds a quote."""
    keys = sum(one is not UNSET for one in (said.model, said.rows, said.windows, said.features))
    return 2 * (keys + (said.model is not UNSET) + len(said.features or ()))
