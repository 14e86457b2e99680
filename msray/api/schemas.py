"""What a client may submit, checked by hand so that an error names the field and the range, and never the value."""

import hashlib
import json
import math
import re
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from msray.api.problem import FieldError, RefusedError
from msray.errors import UsageError
from msray.market import Signal, signal_id
from msray.store.ledger_records import parse_time

MAX_BATCH = 1000
MAX_FEATURES = 64
MAX_AHEAD_NS = 5 * 1_000_000_000
MAX_AGE_NS = 7 * 24 * 3600 * 1_000_000_000
_MAX_ERRORS = 20

EXTERNAL = "external"
"""Venue of an instrument that was named without one and is not running here."""

_SYMBOL = re.compile(r"[\w.\-]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_VENUE = re.compile(r"[a-z0-9_]{2,32}")


class SubmittedSignal(Struct, forbid_unknown_fields=True, frozen=True):
    """One signal as a client sends it."""

    symbol: str
    signal_type: str
    score: float
    venue: str | None = None
    direction: int = 0
    event_time: str | None = None
    price: float | None = None
    features: dict[str, float] = {}


class SubmittedBatch(Struct, forbid_unknown_fields=True, frozen=True):
    """Up to 1,000 signals that are stored together."""

    signals: list[SubmittedSignal]


class _Submission(Struct, forbid_unknown_fields=True, frozen=True):
    """Either of the two, decoded in one go; which of them it is shows afterwards."""

    signals: list[SubmittedSignal] | UnsetType = UNSET
    symbol: str | UnsetType = UNSET
    signal_type: str | UnsetType = UNSET
    score: float | UnsetType = UNSET
    venue: str | UnsetType | None = UNSET
    direction: int | UnsetType = UNSET
    event_time: str | UnsetType | None = UNSET
    price: float | UnsetType | None = UNSET
    features: dict[str, float] | UnsetType = UNSET


_decode = msgspec.json.Decoder(_Submission).decode


def parse_submission(body: bytes, now_ns: int) -> tuple[list[SubmittedSignal], bool]:
    """Read a body.

    Parameters
    ----------
    body
        JSON as it arrived.
    now_ns
        Event times are checked against this.

    Returns
    -------
    tuple
        The signals, and whether they came as a batch.

    Raises
    ------
    RefusedError
        400 where this is no JSON, 422 where it is not a submission.
    """
    try:
        submission = _decode(body)
    except msgspec.ValidationError as error:
        raise _refused([field_error(str(error))]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(400, "the body must be one JSON document in UTF-8") from error
    refuse_duplicate_keys(body)
    signals, is_batch = _split(submission)
    errors: list[FieldError] = []
    for number, signal in enumerate(signals):
        errors += _errors(signal, f"/signals/{number}" if is_batch else "", now_ns)
        if len(errors) >= _MAX_ERRORS:
            break
    if errors:
        raise _refused(errors[:_MAX_ERRORS])
    return signals, is_batch


def content_digest(signals: list[SubmittedSignal]) -> bytes:
    """32 bytes that are the same for the same content, however it was spelled: order of keys, spaces, time zone."""
    return hashlib.sha256("".join(content_id(signal) for signal in signals).encode()).digest()


def content_id(signal: SubmittedSignal, *scope: str) -> str:
    """The id of a submitted signal.

    Parameters
    ----------
    signal
        Its content.
    *scope
        Whoever asks and the idempotency key, where one was sent.
    """
    time_ns = "" if signal.event_time is None else parse_time(signal.event_time)
    content = (signal.venue or "", signal.symbol, signal.signal_type, repr(signal.score), signal.direction)
    features = [str(part) for feature in sorted(signal.features.items()) for part in feature]
    return signal_id("submitted", *content, time_ns, repr(signal.price), len(features), *features, *scope)


def to_signal(submitted: SubmittedSignal, instrument: str, identity: str, now_ns: int) -> Signal:
    """The signal that is stored; without an event time it happened now."""
    event_ns = now_ns if submitted.event_time is None else parse_time(submitted.event_time)
    return Signal(
        signal_id=identity,
        instrument=instrument,
        signal_type=submitted.signal_type,
        detector="submitted",
        score=submitted.score,
        direction=submitted.direction,
        event_ns=event_ns,
        change_ns=event_ns,
        size_sigma=math.nan,
        event_kind="submitted",
        event_id=0,
        price=submitted.price,
        features=submitted.features,
    )


def is_symbol(text: str) -> bool:
    """Whether this can be a symbol: letters and digits of any script, ``.``, ``-``, ``_``; at most 64."""
    return _SYMBOL.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether this can be the name of a signal type or a feature."""
    return _NAME.fullmatch(text) is not None


def is_instrument(text: str) -> bool:
    """Whether this can be an instrument, ``venue:SYMBOL``."""
    venue, colon, symbol = text.partition(":")
    return bool(colon) and _VENUE.fullmatch(venue) is not None and is_symbol(symbol)


def request_schema() -> dict[str, Any]:
    """The body of a submission as a JSON schema for OpenAPI."""
    choices, definitions = msgspec.json.schema_components(
        [SubmittedSignal, SubmittedBatch], ref_template="#/$defs/{name}"
    )
    bounds = {
        "score": {"minimum": 0, "maximum": 1},
        "symbol": {"pattern": r"^[\w.\-]{1,64}$"},
        "signal_type": {"pattern": f"^{_NAME.pattern}$"},
        "direction": {"enum": [-1, 0, 1]},
        "event_time": {"format": "date-time"},
        "features": {"maxProperties": MAX_FEATURES},
    }
    for name, bound in bounds.items():
        definitions["SubmittedSignal"]["properties"][name] |= bound
    definitions["SubmittedBatch"]["properties"]["signals"] |= {"minItems": 1, "maxItems": MAX_BATCH}
    return {"anyOf": list(choices), "$defs": definitions}


def _split(submission: _Submission) -> tuple[list[SubmittedSignal], bool]:
    given = {name: getattr(submission, name) for name in _Submission.__struct_fields__}
    given = {name: value for name, value in given.items() if value is not UNSET}
    signals = given.pop("signals", None)
    if signals is None:
        missing = [name for name in ("symbol", "signal_type", "score") if name not in given]
        if missing:
            raise _refused([FieldError(f"/{name}", "must be given") for name in missing])
        return [SubmittedSignal(**given)], False
    if given:
        raise _refused([FieldError(f"/{name}", "must not stand beside signals") for name in given])
    if not 1 <= len(signals) <= MAX_BATCH:
        raise _refused([FieldError("/signals", f"must hold 1 to {MAX_BATCH} signals")])
    return signals, True


def _errors(signal: SubmittedSignal, at: str, now_ns: int) -> list[FieldError]:
    checks = [
        ("symbol", is_symbol(signal.symbol), "must be 1 to 64 letters, digits, '.', '-' or '_'"),
        ("signal_type", is_name(signal.signal_type), "must be 1 to 64 of A-Z a-z 0-9 . - _"),
        ("score", 0 <= signal.score <= 1, "must be 0 to 1"),
        ("venue", signal.venue is None or _VENUE.fullmatch(signal.venue), "must be 2 to 32 of a-z 0-9 _"),
        ("direction", signal.direction in (-1, 0, 1), "must be -1, 0 or 1"),
        ("price", signal.price is None or 0 < signal.price < math.inf, "must be positive"),
        ("features", len(signal.features) <= MAX_FEATURES, f"must be at most {MAX_FEATURES}"),
        ("features", all(map(is_name, signal.features)), "names must be 1 to 64 of A-Z a-z 0-9 . - _"),
    ]
    errors = [FieldError(f"{at}/{name}", detail) for name, is_right, detail in checks if not is_right]
    if signal.event_time is not None and (detail := _time_error(signal.event_time, now_ns)):
        errors.append(FieldError(f"{at}/event_time", detail))
    return errors


def _time_error(text: str, now_ns: int) -> str:
    try:
        time_ns = parse_time(text)
    except UsageError:
        return "must be an RFC 3339 time such as 2024-08-08T12:00:00.5Z"
    if time_ns > now_ns + MAX_AHEAD_NS:
        return "must not lie more than 5 s ahead"
    return "must not lie more than 7 days back" if time_ns < now_ns - MAX_AGE_NS else ""


def _refused(errors: list[FieldError]) -> RefusedError:
    return RefusedError(422, "the body is not a submission of signals", errors=errors)


def field_error(message: str) -> FieldError:
    """What the decoder said, without what it quoted."""
    words, _, path = message.partition(" - at `")
    pointer = re.sub(r"\[(\d+)\]", r"/\1", path.strip("$`").replace("[...]", "")).replace(".", "/")
    if words.startswith("Expected"):
        return FieldError(pointer, words[0].lower() + words[1:])
    if words.startswith("Object missing"):
        return FieldError(pointer, "a field is missing")
    return FieldError(pointer, "unknown field" if "unknown field" in words else "number out of range")


def refuse_duplicate_keys(body: bytes) -> None:
    """The decoder takes the last of two equal keys; another reader might take the first, so neither is right.

    Only called on what was decoded before, so that the nesting is known to be shallow.
    """

    def check(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) < len(pairs):
            raise RefusedError(422, "a key must not appear twice in one object")

    json.loads(body, object_pairs_hook=check, parse_float=len, parse_int=len)
