"""The scanner alone: what it reads without help, and the code of everything it leaves."""

import json
from itertools import permutations

import numpy as np
import pytest

from msray.market import DEPTH, LEVEL, MESSAGE, OTHER, TRADE, Instrument
from msray.venues import SPARE_BYTES, Decoder, Frames
from msray.venues import kernels_text as codes
from msray.venues.kernels import scan
from msray.venues.kernels_symbol import SYMBOL, word
from tests.instruments import COINM, SPOT, USDM
from tests.venues.made import (
    ANSWER,
    COINM_DEPTH,
    MARK_PRICE,
    SPOT_DEPTH,
    SPOT_SNAPSHOT,
    SPOT_TICKER,
    SPOT_TRADE,
    USDM_AGGREGATE,
    USDM_DEPTH,
    USDM_TRADE,
)

Level = tuple[int, int, int]


def kind_of(frame: bytes, instrument: Instrument = SPOT, room: int = 100) -> tuple[int, list[Level]]:
    """Kind (or code) and levels that the scanner gives a frame."""
    symbols = Decoder([instrument])._symbols
    frames = Frames.of([frame])
    messages, levels = np.zeros(1, MESSAGE), np.zeros(room, LEVEL)
    used = scan(frames.buffer, frames.begin, frames.end, frames.local_ns, symbols, messages, levels)
    (row,) = messages
    assert row["end"] - row["begin"] == used
    return int(row["kind"]), levels[["flags", "tick", "size"]][:used].tolist()


@pytest.mark.parametrize(
    ("frame", "instrument", "kind"),
    [
        (SPOT_DEPTH, SPOT, DEPTH),
        (SPOT_TRADE, SPOT, TRADE),
        (SPOT_TICKER, SPOT, OTHER),
        (MARK_PRICE, SPOT, OTHER),
        (ANSWER, SPOT, OTHER),
        (USDM_DEPTH, USDM, DEPTH),
        (USDM_TRADE, USDM, TRADE),
        (USDM_AGGREGATE, USDM, TRADE),
        (COINM_DEPTH, COINM, DEPTH),
    ],
)
def test_scanner_reads_what_the_venue_sends(frame: bytes, instrument: Instrument, kind: int) -> None:
    assert kind_of(frame, instrument)[0] == kind


@pytest.mark.parametrize(("frame", "instrument"), [(SPOT_DEPTH, SPOT), (USDM_TRADE, USDM)])
def test_keys_may_stand_in_any_order_raw_or_wrapped(frame: bytes, instrument: Instrument) -> None:
    message = json.loads(frame)
    message = message.get("data", message)
    wanted = kind_of(frame, instrument)
    for keys in [*permutations(message, len(message))][::37]:
        inner = json.dumps({key: message[key] for key in keys}, separators=(",", ":")).encode()
        for text in (
            inner,
            b'{"stream":"x","data":' + inner + b"}",
            b'{"data":' + inner + b',"stream":"x"}',
            inner + b" \r\n",
        ):
            assert kind_of(text, instrument) == wanted, text


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"U":', b'"U": ', codes.NUMBER),
        (b',"U"', b', "U"', codes.STRUCTURE),
        (b'"s":"BTCUSDT"', b'"s":"BTCUSD\\u0054"', codes.TEXT),
        (b'"btcusdt@depth@100ms"', b'"\xc3\xa9"', codes.TEXT),
        (b'"s":"BTCUSDT"', b'"s":"ETHUSDT"', codes.UNKNOWN_SYMBOL),
        (b'"s":"BTCUSDT",', b"", codes.KEYS),
        (b'"U":', b'"pu":1,"U":', codes.KEYS),
        (b'"U":', b'"u":1,"U":', codes.KEYS),
        (b'"E":1723161255208', b'"E":9223372036855', codes.RANGE),
        (b'"U":50093239189', b'"U":50093239203', codes.RANGE),
        (b'"U":50093239189', b'"U":1234567890123456789', codes.NUMBER),
        (b'"U":50093239189', b'"U":050093239189', codes.NUMBER),
        (b'"U":50093239189', b'"U":5.0', codes.STRUCTURE),
        (b'"depthUpdate"', b'"depthUpdatf"', codes.EVENT),
        (b'"depthUpdate"', b'"depthUpdate2"', codes.EVENT),
        (b"61737.63000000", b"61737.63000001", codes.OFF_GRID),
        (b"61737.63000000", b"0.00000000", codes.RANGE),
        (b"61737.63000000", b"21474836.47", codes.RANGE),
        (b"61737.63000000", b"6.1e4", codes.NUMBER),
        (b"61737.63000000", b"-61737.63", codes.NUMBER),
        (b"61737.63000000", b"061737.63", codes.NUMBER),
        (b"61737.63000000", b"61737.", codes.NUMBER),
        (b"1.25000000", b"1.250000001", codes.RANGE),
        (b"1.25000000", b"2882303762.00000000", codes.RANGE),
        (b'"1.25000000"', b"1.25000000", codes.STRUCTURE),
        (b'"u":50093239202', b'"u":50093239202,"x":{}', codes.STRUCTURE),
        (b'"u":50093239202', b'"u":50093239202,"lastUpdateId":1', codes.EVENT),
    ],
)
def test_what_is_left_to_the_slow_path_gets_a_code_and_no_levels(old: bytes, new: bytes, code: int) -> None:
    assert old in SPOT_DEPTH

    assert kind_of(SPOT_DEPTH.replace(old, new, 1)) == (code, [])


@pytest.mark.parametrize(
    "extra", [b'"x":"y"', b'"x":1.5e-3', b'"x":-0', b'"ps":null', b'"xy":true', b'"nested_not":false', b'"":"\x7f"']
)
def test_a_scalar_under_an_unknown_key_is_checked_and_passed_over(extra: bytes) -> None:
    assert kind_of(SPOT_DEPTH.replace(b'"e":', extra + b',"e":')) == kind_of(SPOT_DEPTH)


@pytest.mark.parametrize(
    "extra", [b'"x":01', b'"x":tru', b'"x":+1', b'"x":1.', b'"x":.5', b'"x":1e', b'"x":"\n"', b'"x":', b'"x"']
)
def test_an_unknown_key_without_a_json_scalar_is_not_passed_over(extra: bytes) -> None:
    assert kind_of(SPOT_DEPTH.replace(b'"e":', extra + b',"e":'))[0] < 0


@pytest.mark.parametrize(
    "stray", [b'"T":1', b'"pu":1', b'"u":1', b'"e":"trade"', b'"data":{}', b'"stream":"y"', b'"stream":1']
)
def test_keys_of_a_message_do_not_count_outside_of_its_wrapper(stray: bytes) -> None:
    before = SPOT_DEPTH.replace(b'"stream"', stray + b',"stream"', 1)
    behind = SPOT_DEPTH[:-1] + b"," + stray + b"}"

    assert kind_of(before)[0] < 0
    assert kind_of(behind)[0] < 0


@pytest.mark.parametrize("frame", [ANSWER, SPOT_TICKER.replace(b'"b":"61837.63000000",', b""), MARK_PRICE, SPOT_TRADE])
def test_levels_are_not_passed_over_where_none_belong(frame: bytes) -> None:
    place = frame.rindex(b"{") + 1

    for levels in (b"[]", b'[["1","1"]]', b'[[":null,""1","1"]]'):
        assert kind_of(frame[:place] + b'"b":' + levels + b"," + frame[place:])[0] == codes.KEYS


def test_long_frames_and_bare_snapshots_have_codes_of_their_own() -> None:
    assert kind_of(b"{" + b" " * (1 << 20))[0] == codes.TOO_LONG
    assert kind_of(SPOT_SNAPSHOT)[0] == codes.BARE_SNAPSHOT
    assert kind_of(b"")[0] == codes.STRUCTURE


def test_full_table_of_levels_is_a_code_and_nothing_is_written_behind_it() -> None:
    assert kind_of(SPOT_DEPTH, room=2) == (codes.FULL, [])
    assert kind_of(SPOT_DEPTH, room=3)[0] == DEPTH


def test_buffer_must_end_with_zeros() -> None:
    for wrong in (np.zeros(SPARE_BYTES - 1, np.uint8), np.ones(SPARE_BYTES, np.uint8)):
        none = np.zeros(0, np.int64)
        assert scan(wrong, none, none, none, np.zeros(1, SYMBOL), np.zeros(0, MESSAGE), np.zeros(0, LEVEL)) == -1


@pytest.mark.parametrize("text", ["", "a", "12345678", "123456789", "depthUpdate", "markPriceUpdate", "\u00e9" * 8])
def test_word_is_what_the_scanner_reads(text: str) -> None:
    buffer = np.frombuffer(bytearray(b'"' + text.encode() + b'"' + bytes(SPARE_BYTES)), np.uint8)

    head, tail, bits, behind = codes.read_word(buffer, 0)

    assert (head, tail) == word(text)
    assert behind == len(text.encode()) + 2
    assert (bits > 127) == (not text.isascii())
