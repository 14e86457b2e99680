"""An engine's state as bytes: checked, versioned, no pickle."""

import zlib

import msgspec

from msray.errors import CorruptLogError
from msray.market import Instrument

_MAGIC = b"MSRAYCP2"


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What :meth:`PredictionEngine.checkpoint` saves."""

    instrument: Instrument
    config_digest: str
    is_synced: bool
    epoch_id: int
    counts: dict[str, int]
    calibration: str | None
    book: bytes
    features: bytes
    detection: bytes


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Magic, CRC32 of the rest, then MessagePack."""
    body = msgspec.msgpack.encode(checkpoint)
    return _MAGIC + zlib.crc32(body).to_bytes(4, "big") + body


def read_checkpoint(data: bytes, instrument_id: str, config_digest: str) -> Checkpoint:
    """The checkpoint in ``data``.

    Raises
    ------
    CorruptLogError
        If it is damaged, or belongs to another version, instrument or configuration.
    """
    magic, check, body = data[:8], data[8:12], data[12:]
    if magic != _MAGIC or int.from_bytes(check, "big") != zlib.crc32(body):
        raise CorruptLogError(f"checkpoint of {instrument_id} is damaged or of another version")
    try:
        saved = msgspec.msgpack.decode(body, type=Checkpoint)
    except msgspec.MsgspecError as error:
        raise CorruptLogError(f"checkpoint of {instrument_id} cannot be read: {error}") from error
    for name, wanted, found in (
        ("instrument", instrument_id, saved.instrument.id),
        ("configuration", config_digest, saved.config_digest),
    ):
        if wanted != found:
            raise CorruptLogError(f"checkpoint {name} must be {wanted}, got {found}")
    return saved
