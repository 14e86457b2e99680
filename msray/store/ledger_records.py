"""What goes into a ledger and what comes out: batches, receipts, stored signals, queries. No database here."""

import base64
import binascii
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from msray.errors import UnavailableError, UsageError
from msray.market import Signal

MAX_PAGE = 500
"""Most signals a page can hold."""
_INT64 = 1 << 63
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_TEXT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,128}")


class Source(IntEnum):
    """Where a signal came from."""

    DETECTION = 0
    SUBMITTED = 1


class OutboxState(IntEnum):
    """What became of one message of the outbox."""

    PENDING = 0
    LEASED = 1
    SENT = 2
    SUPPRESSED = 3
    DEAD = 4


class LeaseLostError(UnavailableError):
    """Someone else holds the instrument now; take the lease anew, or stop writing."""

    code = "lease_lost"


class KeyReusedError(UsageError):
    """An idempotency key came back with other content."""

    code = "key_reused"


class Route(NamedTuple):
    """Where the outbox sends: a channel (``slack``) and a target in it."""

    channel: str
    target: str


class Stored(NamedTuple):
    """What became of one signal of a batch; ``is_new`` is False where the id was there already."""

    seq: int
    signal_id: str
    is_new: bool


class IdempotencyKey(NamedTuple):
    """A client's key and the content it came with, both as digests."""

    key: bytes
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Signals that are stored together or not at all.

    Attributes
    ----------
    signals
        In order. None at all is a probe: the ledger commits something all the same.
    source
        Who made them.
    epochs
        Lease epoch of every instrument in the batch, or None for a writer without leases.
    key
        Makes a repetition return the first receipt.
    """

    signals: tuple[Signal, ...]
    source: Source = Source.DETECTION
    epochs: Mapping[str, int] | None = None
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch, in its order; ``is_replayed`` where its key had been there before."""

    stored: tuple[Stored, ...]
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """A signal as the ledger holds it.

    Attributes
    ----------
    seq
        Place in the ledger: grows by one a signal, in the order in which they became visible.
    created_ns
        When it was stored, nanoseconds UTC.
    source
        Who made it.
    signal
        The signal itself.
    """

    seq: int
    created_ns: int
    source: Source
    signal: Signal

    def document(self) -> dict[str, Any]:
        """The signal as a JSON-able document: times as RFC 3339 and in nanoseconds, None for what is not finite."""
        signal = self.signal
        return {
            "signal_id": signal.signal_id,
            "seq": self.seq,
            "instrument": signal.instrument,
            "signal_type": signal.signal_type,
            "detector": signal.detector,
            "score": signal.score,
            "direction": signal.direction,
            "event_time": rfc3339(signal.event_ns),
            "event_ns": signal.event_ns,
            "change_time": rfc3339(signal.change_ns),
            "change_ns": signal.change_ns,
            "created_time": rfc3339(self.created_ns),
            "created_ns": self.created_ns,
            "source": self.source.name.lower(),
            "size_sigma": _finite(signal.size_sigma),
            "event_kind": signal.event_kind,
            "event_id": signal.event_id,
            "calibration": signal.calibration,
            "shares": {name: _finite(value) for name, value in signal.shares.items()},
            "price": None if signal.price is None else _finite(signal.price),
            "features": {name: _finite(value) for name, value in signal.features.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalQuery:
    """A page of signals.

    Attributes
    ----------
    instrument, signal_type
        Exactly these, or None for any.
    since_ns, until_ns
        Event time, first included, last excluded.
    min_score
        Lowest score.
    after
        ``seq`` at which the page before ended; None to begin.
    limit
        1 to 500.
    newest_first
        Pages go back in time; otherwise forward, which is how to follow a ledger.
    """

    instrument: str | None = None
    signal_type: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    min_score: float | None = None
    after: int | None = None
    limit: int = 100
    newest_first: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE:
            raise UsageError(f"limit must be 1 to {MAX_PAGE}, got {self.limit}")


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds an instrument; ``until_ns`` is 0 where it was given back."""

    instrument: str
    epoch: int
    holder: str
    until_ns: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Signals of one type on one instrument since the ledger began."""

    signal_type: str
    instrument: str
    signals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxCounts:
    """Messages of the outbox; ``created`` is counted when they are made, the rest are the rows there are."""

    created: int
    pending: int
    leased: int
    sent: int
    suppressed: int
    dead: int

    @property
    def is_conserved(self) -> bool:
        """Nothing vanished: created = sent + suppressed + dead + pending + leased."""
        return self.created == self.sent + self.suppressed + self.dead + self.pending + self.leased


class _Rest(msgspec.Struct):
    """What of a signal is read back but never searched."""

    size_sigma: float | None
    event_kind: str
    event_id: int
    calibration: str
    shares: dict[str, float | None]
    price: float | None
    features: dict[str, float | None]


_encode = msgspec.json.Encoder().encode
_decode_rest = msgspec.json.Decoder(_Rest).decode


def to_row(signal: Signal, source: Source) -> dict[str, Any]:
    """The columns of a signal, but for ``seq`` and ``created_ns``.

    Raises
    ------
    UsageError
        If a value cannot be stored exactly.
    """
    if not 0 <= signal.score <= 1:
        raise UsageError(f"score of signal {signal.signal_id} must be 0 to 1, got {signal.score}")
    if signal.direction not in (-1, 0, 1):
        raise UsageError(f"direction of signal {signal.signal_id} must be -1, 0 or 1, got {signal.direction}")
    for name in ("event_ns", "change_ns", "event_id"):
        if not -_INT64 <= getattr(signal, name) < _INT64:
            raise UsageError(f"{name} of signal {signal.signal_id} must fit 64 bits, got {getattr(signal, name)}")
    for name in ("instrument", "signal_type", "detector", "event_kind", "calibration"):
        if not _TEXT.fullmatch(getattr(signal, name)):
            raise UsageError(f"{name} of signal {signal.signal_id} must be 1 to 128 printable characters")
    return {
        "id": id_bytes(signal.signal_id),
        "instrument": signal.instrument,
        "signal_type": signal.signal_type,
        "detector": signal.detector,
        "score": float(signal.score),
        "direction": int(signal.direction),
        "event_ns": int(signal.event_ns),
        "change_ns": int(signal.change_ns),
        "source": int(source),
        "body": _encode(_rest(signal)).decode(),
    }


def from_row(row: Any) -> StoredSignal:
    """The signal of a row of the ``signal`` table. A figure that was not finite comes back as NaN."""
    rest = _decode_rest(row.body)
    signal = Signal(
        signal_id=row.id.hex(),
        instrument=row.instrument,
        signal_type=row.signal_type,
        detector=row.detector,
        score=row.score,
        direction=row.direction,
        event_ns=row.event_ns,
        change_ns=row.change_ns,
        size_sigma=_number(rest.size_sigma),
        event_kind=rest.event_kind,
        event_id=rest.event_id,
        calibration=rest.calibration,
        shares={name: _number(value) for name, value in rest.shares.items()},
        price=rest.price,
        features={name: _number(value) for name, value in rest.features.items()},
    )
    return StoredSignal(row.seq, row.created_ns, Source(row.source), signal)


def id_bytes(signal_id: str) -> bytes:
    """The 16 bytes of an id.

    Raises
    ------
    UsageError
        If it is not 32 lower-case hexadecimal digits.
    """
    try:
        data = bytes.fromhex(signal_id)
    except ValueError:
        data = b""
    if len(data) != 16 or data.hex() != signal_id:
        raise UsageError(f"signal_id must be 32 hexadecimal digits, got {signal_id[:64]!r}")
    return data


def to_cursor(seq: int) -> str:
    """An opaque cursor for the place after ``seq``."""
    return base64.urlsafe_b64encode(b"s1:%d" % seq).rstrip(b"=").decode()


def from_cursor(cursor: str) -> int:
    """The ``seq`` of a cursor.

    Raises
    ------
    UsageError
        If this is not a cursor that :func:`to_cursor` made.
    """
    try:
        data = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = b""
    digits = data.removeprefix(b"s1:")
    if not (data.startswith(b"s1:") and digits.isdigit() and len(digits) < 19):
        raise UsageError(f"after must be a cursor from an earlier page, got {cursor[:40]!r}")
    return int(digits)


def rfc3339(time_ns: int) -> str:
    """``2024-08-08T23:59:59.123456789Z`` of nanoseconds UTC; whole seconds have no fraction."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}Z" if rest else f"{text}Z"


def parse_time(text: str) -> int:
    """Nanoseconds UTC of an RFC 3339 time with at most nine digits of a second: the way back from :func:`rfc3339`.

    Raises
    ------
    UsageError
        If it is not one.
    """
    match = _TIME.fullmatch(text)
    try:
        if not match:
            raise ValueError
        day, time, fraction, zone = match.groups()
        moment = datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone in 'Zz' else zone}")
        whole = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"time must be like 2024-08-08T12:00:00.5Z, got {text[:40]!r}") from error
    return whole * 1_000_000_000 + int((fraction or "").ljust(9, "0"))


def _rest(signal: Signal) -> _Rest:
    return _Rest(
        size_sigma=float(signal.size_sigma),
        event_kind=signal.event_kind,
        event_id=int(signal.event_id),
        calibration=signal.calibration,
        shares={name: float(value) for name, value in signal.shares.items()},
        price=None if signal.price is None else float(signal.price),
        features={name: float(value) for name, value in signal.features.items()},
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value
