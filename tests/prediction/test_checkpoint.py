"""Saved state: what was written comes back, and nothing else is taken for it."""

import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.errors import CorruptLogError
from msray.prediction import Pipeline, PredictionEngine
from msray.prediction.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from tests.prediction.made import BTC, CALIBRATED, OnceSolver, market_events, run

SAVED = Checkpoint(
    instrument=BTC,
    config_digest="d" * 64,
    is_synced=True,
    epoch_id=2**62,
    counts={"signals": 3},
    calibration=None,
    book=bytes(range(256)),
    features=b"",
    detection=b"\0" * 64,
)
DATA = write_checkpoint(SAVED)


def test_it_comes_back_as_it_was() -> None:
    assert read_checkpoint(DATA, BTC.id, "d" * 64) == SAVED


@settings(max_examples=200)
@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_one_wrong_byte_anywhere_is_noticed(at: int, flip: int) -> None:
    damaged = DATA[:at] + bytes([DATA[at] ^ flip]) + DATA[at + 1 :]

    with pytest.raises(CorruptLogError, match="damaged or of another version"):
        read_checkpoint(damaged, BTC.id, "d" * 64)


@pytest.mark.parametrize("end", [0, 1, 8, 11, 12, len(DATA) // 2, len(DATA) - 1])
def test_a_torn_one_is_noticed(end: int) -> None:
    with pytest.raises(CorruptLogError):
        read_checkpoint(DATA[:end], BTC.id, "d" * 64)


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", msgspec.msgpack.encode([1]), msgspec.msgpack.encode({"later": 1}), msgspec.msgpack.encode({})],
)
def test_whole_bytes_that_are_no_checkpoint_are_refused(body: bytes) -> None:
    data = DATA[:8] + zlib.crc32(body).to_bytes(4, "big") + body

    with pytest.raises(CorruptLogError, match="cannot be read"):
        read_checkpoint(data, BTC.id, "d" * 64)


def test_somebody_elses_is_refused_and_both_are_named() -> None:
    with pytest.raises(CorruptLogError, match=f"instrument must be test:B, got {BTC.id}"):
        read_checkpoint(DATA, "test:B", "d" * 64)
    with pytest.raises(CorruptLogError, match="configuration must be eee, got ddd"):
        read_checkpoint(DATA, BTC.id, "eee")


def test_a_state_of_another_layout_is_refused_before_any_kernel_sees_it() -> None:
    engine = PredictionEngine(BTC, CALIBRATED)
    saved = read_checkpoint(engine.checkpoint(), BTC.id, CALIBRATED.whole_digest())
    short = write_checkpoint(msgspec.structs.replace(saved, detection=saved.detection[:-8]))

    with pytest.raises(CorruptLogError, match="detection state must have"):
        engine.restore(short)


def test_a_state_with_a_calibration_comes_back_with_it() -> None:
    machine = Pipeline((BTC,), CALIBRATED, solver=OnceSolver())
    run(machine, market_events(seconds=20))
    engine, other = machine.lanes[BTC.id].engine, PredictionEngine(BTC, CALIBRATED)
    assert engine.calibration is not None

    other.restore(engine.checkpoint())

    assert other.calibration == engine.calibration
    assert other.counts == engine.counts
    assert other.row.tobytes() == engine.row.tobytes()
    assert other.checkpoint() == engine.checkpoint()
