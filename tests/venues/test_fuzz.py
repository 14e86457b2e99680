"""Mutants of real frames: never a different number, never a frame that the naive reader refuses.

``MSRAY_MUTANTS=200000 pytest tests/venues/test_fuzz.py`` runs more of them.
"""

import json
import os
import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.market import MAX_SIZE, REGRID, Instrument
from msray.venues import Decoder, Frames, Reason
from msray.venues.exact import OffGridError, RefusedError, place_levels
from msray.venues.wire import read_frame
from tests.naive.decode import NaiveMessage, NaiveRefusalError, naive_decode
from tests.venues.made import FRAMES
from tests.venues.recordings import CHAINS

MUTANTS = int(os.environ.get("MSRAY_MUTANTS", "20000"))
BATCH = 100
TOKENS = [
    *b'0123456789".,[]{}e-:+ \\/\n\t',
    b"\xc3\xa9", b"\xff", b"\x00", b'""', b"null", b"true", b"NaN", b"1e5", b"00", b"-0", b"\\u0031", b"[]", b"{}",
    b'"u":1,', b'"x":1,', b'"x":{"u":1},', b'"e":"trade",', b'"pu":1,', b'"data":{},', b'"stream":"x",',
    b'"lastUpdateId":3,', b'"b":[["1","1"]],', b'"a":[],', b'["1","1"],', b"9" * 17, b"9" * 30, b"0" * 20,
]  # fmt: skip


def mutant(rng: random.Random, frames: list[bytes]) -> bytes:
    """One frame with one to three small wounds."""
    frame = bytearray(rng.choice(frames))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(frame)) if frame else 0
        wound = rng.random()
        if wound < 0.25 and frame:
            frame[at] = rng.choice(b'0123456789".,[]{}:eEsTUuabpqmtx') if rng.random() < 0.7 else rng.randrange(256)
        elif wound < 0.35:
            del frame[at : at + rng.randrange(1, 30)]
        elif wound < 0.6:
            token = rng.choice(TOKENS)
            frame[at:at] = bytes([token]) if isinstance(token, int) else token
        elif wound < 0.7:
            other = rng.randrange(len(frame)) if frame else 0
            piece = frame[other : other + rng.randrange(1, 40)]
            frame[at:at] = piece
        elif wound < 0.95:
            frame = bytearray(reshaped(rng, bytes(frame)))
        else:
            del frame[at:]
    return bytes(frame)


def reshaped(rng: random.Random, frame: bytes) -> bytes:
    """The same message written differently: keys in another order, wrapped or not, blanks, escapes."""
    try:
        message = json.loads(frame)
    except ValueError:
        return frame
    if not isinstance(message, dict):
        return frame
    message = message["data"] if isinstance(message.get("data"), dict) else message
    keys = list(message)
    rng.shuffle(keys)
    message = {key: message[key] for key in keys}
    if rng.random() < 0.5:
        pairs = [("stream", "x@y"), ("data", message)]
        if rng.random() < 0.3 and keys:  # one key strays out of the wrapper
            pairs.insert(rng.randrange(3), (keys[0], message.pop(keys[0]) if rng.random() < 0.7 else message[keys[0]]))
        message = dict(pairs if rng.random() < 0.5 else pairs[::-1])
    text = json.dumps(message, separators=(",", ":") if rng.random() < 0.7 else None)
    if rng.random() < 0.2 and keys:  # one key twice, with the same value or another one's
        twice = f'"{rng.choice(keys)}":{json.dumps(rng.choice(list(message.values())), separators=(",", ":"))},'
        place = rng.choice([i for i, c in enumerate(text) if c == "{"]) + 1
        text = text[:place] + twice + text[place:]
    return text.encode()


def expected(frame: bytes, instrument: Instrument, is_futures: bool) -> NaiveMessage | None:
    """What the naive reader makes of a frame, with the rules that depend on the instrument."""
    message = naive_decode(frame, is_futures=is_futures)
    if message is None:
        return None
    if message.symbol not in (None, instrument.symbol):
        raise NaiveRefusalError("symbol")
    for _, _, size in message.levels:
        units = size.scaleb(instrument.size_decimals)
        if units != int(units) or units > MAX_SIZE:
            raise NaiveRefusalError("size")
    return message


def check(instrument: Instrument, frames: list[bytes]) -> tuple[int, int]:
    """Decode a batch, compare each frame; answers how many were accepted and how many the scanner read by itself."""
    decoder = Decoder([instrument])
    decoded = decoder.decode(Frames.of(frames, list(range(len(frames)))))
    refused = {refusal.index: refusal for refusal in decoded.refused}
    assert len(refused) == decoded.refusals.total()
    found: dict[int, tuple[object, ...]] = {}
    now = instrument
    for part in decoded.parts:
        for row in part.messages:
            if row["kind"] == REGRID:
                now = now.regridded(int(row["first_id"]), int(row["last_id"]))
                continue
            step, unit = now.step, Decimal(1).scaleb(-now.size_decimals)
            levels = [
                (int(level["flags"]), int(level["tick"]) * step, int(level["size"]) * unit)
                for level in part.levels[row["begin"] : row["end"]]
            ]
            names = ("kind", "event_ns", "trade_ns", "first_id", "last_id", "prev_id")
            found[int(row["local_ns"])] = (*(int(row[name]) for name in names), levels)
    assert now == decoder.instruments[0]
    for index, frame in enumerate(frames):
        try:
            message = expected(frame, instrument, decoder.venue.is_futures)
        except NaiveRefusalError as refusal:
            assert index in refused, (frame, found.get(index), refusal)
            continue
        if index in refused:  # only for what the naive reader does not know: the largest tick
            assert refused[index].reason == Reason.RANGE and "steps" in refused[index].message, (frame, refused[index])
        elif message is None:
            assert index not in found, frame
        else:
            values = (
                message.kind,
                message.event_ns,
                message.trade_ns,
                message.first_id,
                message.last_id,
                message.prev_id,
            )
            assert found.get(index) == (*values, message.levels), frame
    return len(frames) - len(refused), len(frames) - decoder.counts.judged


@pytest.mark.parametrize("instrument", FRAMES, ids=["spot", "usdm", "coinm"])
def test_mutants_of_frames_made_by_hand_are_read_exactly_or_refused(instrument: Instrument) -> None:
    rng = random.Random(20240808)
    accepted = by_scanner = 0

    for _ in range(max(1, MUTANTS // 6 // BATCH)):
        counts = check(instrument, [mutant(rng, FRAMES[instrument]) for _ in range(BATCH)])
        accepted, by_scanner = accepted + counts[0], by_scanner + counts[1]

    share = accepted / (MUTANTS // 6)
    assert 0.05 < share < 0.7, "the wounds are too deep or too shallow to mean anything"
    assert by_scanner > 0.02 * MUTANTS // 6


@pytest.mark.parametrize("name", ["spot_btc_2024", "usdm_btc_2024", "coinm_btc_2024", "spot_nexo_2024"])
def test_mutants_of_recorded_frames_are_read_exactly_or_refused(name: str, data_dir: Path) -> None:
    chain = CHAINS[name]
    instrument = chain.instrument(data_dir)
    rng = random.Random(name)
    lines = chain.lines(data_dir)
    frames = [
        frame
        for line, _ in zip(lines, range(3000), strict=False)
        if len(frame := line.split(b" ", 1)[1].rstrip()) < 900
    ]

    for _ in range(max(1, MUTANTS // 8 // BATCH)):
        check(instrument, [mutant(rng, frames) for _ in range(BATCH)])


@pytest.mark.parametrize("instrument", FRAMES, ids=["spot", "usdm", "coinm"])
def test_slow_path_agrees_with_whatever_the_scanner_reads(instrument: Instrument) -> None:
    rng = random.Random(7)
    decoder = Decoder([instrument])
    agreed = 0

    for _ in range(3000):
        frame = mutant(rng, FRAMES[instrument])
        before = decoder.counts.judged
        decoded = decoder.decode(Frames.of([frame]))
        if decoder.counts.judged > before:
            continue
        message = read_frame(frame, is_futures=decoder.venue.is_futures)
        agreed += 1
        if message is None:
            assert decoded.parts == [], frame
            continue
        (row,) = decoded.parts[0].messages
        assert all(
            row[name] == getattr(message, name)
            for name in ("kind", "event_ns", "trade_ns", "first_id", "last_id", "prev_id")
        )
        placed = place_levels(message.levels, decoder.instruments[0], is_trade=len(message.levels) == 1)
        assert placed.tolist() == decoded.parts[0].levels.tolist(), frame

    assert agreed > 100


number_texts = st.one_of(
    st.from_regex(r"\A(0|[1-9][0-9]{0,20})(\.[0-9]{1,22})?\Z"),
    st.from_regex(r"\A[0-9]{1,12}\.[0-9]{1,9}\Z"),
    st.text(alphabet="0123456789.-+eE ", max_size=24),
    st.sampled_from(
        ["", "0", "00", ".5", "5.", "1.", "0.0", "00.5", "01", "1e3", "NaN", "Infinity", "-1", "+1", "\uff11"]
    ),
)


@given(
    price=number_texts,
    size=number_texts,
    decimals=st.tuples(st.integers(0, 18), st.integers(0, 18)),
    grid=st.integers(1, 60),
)
def test_any_number_in_any_place_is_read_exactly_or_refused(
    price: str, size: str, decimals: tuple[int, int], grid: int
) -> None:
    instrument = Instrument(
        venue="binance_spot",
        symbol="BTCUSDT",
        price_decimals=decimals[0],
        size_decimals=decimals[1],
        tick=grid,
        grid=grid,
    )
    level = json.dumps([price, size], ensure_ascii=False)
    depth = f'{{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":1,"b":[["1","1"],{level},["2","1"]],"a":[{level}]}}'
    trade = f'{{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":{json.dumps(price)},"q":{json.dumps(size)},"m":true}}'

    check(instrument, [depth.encode(), trade.encode()])


@given(price=number_texts, size=number_texts)
def test_slow_path_never_makes_another_number(price: str, size: str) -> None:
    instrument = Instrument(venue="binance_spot", symbol="X", price_decimals=18, size_decimals=18, tick=1, grid=1)

    try:
        (level,) = place_levels([(0, price, size)], instrument, is_trade=False)
    except (RefusedError, OffGridError):
        return

    assert Decimal(int(level["tick"])).scaleb(-18) == Decimal(price)
    assert Decimal(int(level["size"])).scaleb(-18) == Decimal(size)
