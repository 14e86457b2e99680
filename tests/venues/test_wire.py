"""Refusals of the slow path: which field, which value, which range."""

import json

import pytest

from msray.errors import FeedError
from msray.market import Instrument
from msray.venues import Decoder, Frames, Reason, RefusedError
from msray.venues.exact import exact_units, finer
from msray.venues.wire import read_frame
from tests.instruments import COINM, SPOT, USDM
from tests.naive.decode import NaiveRefusalError, naive_decode
from tests.venues.made import COINM_SNAPSHOT, SPOT_DEPTH, SPOT_SNAPSHOT, SPOT_TRADE, USDM_DEPTH, USDM_TRADE

REFUSED = [
    (SPOT, b"", b"", Reason.EMPTY, "must not be empty"),
    (SPOT, b"", b"[1,2]", Reason.JSON, r"JSON object, got \[1, 2\]"),
    (SPOT, b"", b"\xff\xfe", Reason.JSON, "UTF-8"),
    (SPOT, b"", b"\xef\xbb\xbf{}", Reason.JSON, "BOM"),
    (SPOT, b"", b"{}", Reason.EVENT, "must name an event"),
    (SPOT, b"", b'{"e":"depthUpdatf"}', Reason.EVENT, "known event, got 'depthUpdatf'"),
    (SPOT, b"", b'{"e":null}', Reason.EVENT, "got None"),
    (SPOT, b"", b'{"stream":"x","data":[]}', Reason.FIELD, "data"),
    (SPOT, b"", b'{"stream":1,"data":{}}', Reason.FIELD, "stream, got|string stream"),
    (SPOT, b"", b'{"data":{}}', Reason.FIELD, "stream"),
    (SPOT, b"", b'{"error":{"code":2,"msg":"Invalid request"},"id":1}', Reason.VENUE_ERROR, "Invalid request"),
    (SPOT, b"", b'{"code":-1121,"msg":"Invalid symbol."}', Reason.VENUE_ERROR, "Invalid symbol"),
    (SPOT, b"", b'{"stream":"btcusdt@depth20","data":' + SPOT_SNAPSHOT + b"}", Reason.EVENT, "partial book depth"),
    (SPOT, b'"s":"BTCUSDT"', b'"s":"ETHUSDT"', Reason.SYMBOL, "got 'ETHUSDT'"),
    (SPOT, b'"s":"BTCUSDT"', b'"s":"btcusdt"', Reason.SYMBOL, "got 'btcusdt'"),
    (SPOT, b'"s":"BTCUSDT"', b'"s":null', Reason.FIELD, r"`\$.s`, got None"),
    (SPOT, b'"s":"BTCUSDT",', b"", Reason.FIELD, "missing required field `s`"),
    (SPOT, b',"U":50093239189', b"", Reason.FIELD, "missing required field `U`"),
    (SPOT, b'"U":50093239189', b'"U":"50093239189"', Reason.FIELD, r"`\$.U`, got '50093239189'"),
    (SPOT, b'"U":50093239189', b'"U":50093239189.0', Reason.FIELD, r"got `float` - at `\$.U`"),
    (SPOT, b'"U":50093239189', b'"U":-1', Reason.FIELD, ">= 0.*got -1"),
    (SPOT, b'"U":50093239189', b'"U":9223372036854775808', Reason.FIELD, "75807.*got 9223372036854775808"),
    (SPOT, b'"U":50093239189', b'"U":true', Reason.FIELD, "got `bool`"),
    (SPOT, b'"U":50093239189', b'"U":NaN', Reason.JSON, "NaN"),
    (SPOT, b'"U":50093239189', b'"U":Infinity', Reason.JSON, "Infinity"),
    (SPOT, b'"U":50093239189', b'"U":050093239189', Reason.JSON, "JSON"),
    (SPOT, b'"U":50093239189', b'"U":50093239203', Reason.RANGE, "at most u, got 50093239203 and 50093239202"),
    (SPOT, b'"u":', b'"u":50093239202,"u":', Reason.DUPLICATE_KEY, "twice: u"),
    (SPOT, b'"e":', b'"e":"depthUpdate","e":', Reason.DUPLICATE_KEY, "twice: e"),
    (SPOT, b'"stream":', b'"stream":"x","stream":', Reason.DUPLICATE_KEY, "twice: stream"),
    (SPOT, b'"u":', b'"pu":1,"u":', Reason.FIELD, "must not have pu, got 1"),
    (SPOT, b'"E":1723161255208', b'"E":9223372036855', Reason.RANGE, "E must be milliseconds.*got 9223372036855"),
    (SPOT, b'"E":1723161255208', b'"E":9223372036854776', Reason.RANGE, "microseconds.*got 9223372036854776"),
    (SPOT, b'"61737.63000000"', b'"NaN"', Reason.NUMBER, "price of binance_spot:BTCUSDT.*plain decimal.*got 'NaN'"),
    (SPOT, b'"61737.63000000"', b'"1e999"', Reason.NUMBER, "got '1e999'"),
    (SPOT, b'"61737.63000000"', b'"-61737.63"', Reason.NUMBER, "got '-61737.63'"),
    (SPOT, b'"61737.63000000"', b'"00.5"', Reason.NUMBER, "got '00.5'"),
    (SPOT, b'"61737.63000000"', b'".5"', Reason.NUMBER, "got '.5'"),
    (SPOT, b'"61737.63000000"', b'"5."', Reason.NUMBER, "got '5.'"),
    (SPOT, b'"61737.63000000"', b'""', Reason.NUMBER, "got ''"),
    (SPOT, b'"61737.63000000"', '"\uff16\uff11"'.encode(), Reason.NUMBER, "plain decimal"),
    (SPOT, b'"61737.63000000"', b'"61737.63\\n"', Reason.NUMBER, "plain decimal"),
    (SPOT, b'"61737.63000000"', b"61737.63", Reason.FIELD, r"`\$.b\[0\]\[0\]`, got 61737.63"),
    (SPOT, b'"61737.63000000"', b'"0.00000000"', Reason.RANGE, "price above 0"),
    (SPOT, b'"61737.63000000"', b'"21474836.47"', Reason.RANGE, "at most 2147483646 steps of 0.01, got 2147483647"),
    (SPOT, b'"1.25000000"', b'"-1"', Reason.NUMBER, "size of binance_spot:BTCUSDT"),
    (SPOT, b'"1.25000000"', b'"1.250000001"', Reason.NUMBER, "up to 8 decimals, got '1.250000001'"),
    (SPOT, b'"1.25000000"', b'"2882303761.51711745"', Reason.RANGE, "size from 0 up to 288230376151711744 units"),
    (SPOT, b'"1.25000000"]', b'"1.25000000",[]]', Reason.FIELD, r"length 2, got 3 - at `\$.b\[1\]`"),
    (SPOT, b'"a":[[', b'"a":null,"x":[[', Reason.FIELD, r"`\$.a`, got None"),
    (USDM, b'"pu":5123107831937,', b"", Reason.FIELD, "must have pu and T"),
    (USDM, b'"T":1723161256298,', b"", Reason.FIELD, "must have pu and T"),
    (USDM, b'"pu":5123107831937,', b'"pu":null,', Reason.FIELD, r"`\$.pu`, got None"),
]  # fmt: skip
DEPTH_OF = {SPOT: SPOT_DEPTH, USDM: USDM_DEPTH}


@pytest.mark.parametrize(("instrument", "old", "new", "reason", "words"), REFUSED)
def test_malformed_frame_is_refused_by_field_value_and_range(
    instrument: Instrument, old: bytes, new: bytes, reason: Reason, words: str
) -> None:
    assert old in DEPTH_OF[instrument]
    frame = DEPTH_OF[instrument].replace(old, new, 1) if old else new
    parts = Decoder([instrument]).decode(Frames.of([frame, SPOT_TRADE if instrument is SPOT else USDM_TRADE]))

    (refusal,) = parts.refused

    assert (refusal.index, refusal.reason) == (0, reason)
    with pytest.raises(FeedError, match=words):
        raise RefusedError(refusal.reason, refusal.message)
    assert len(parts.parts[0]) == 1


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"p":"61837.63000000"', b'"p":"0.00000000"', Reason.RANGE),
        (b'"q":"0.02000000"', b'"q":"0.00000000"', Reason.RANGE),
        (b'"m":true', b'"m":null', Reason.FIELD),
        (b'"m":true', b'"m":1', Reason.FIELD),
        (b'"m":true', b'"m":"true"', Reason.FIELD),
        (b'"m":true,', b"", Reason.FIELD),
        (b'"t":3735683259,', b"", Reason.FIELD),
        (b'"T":1723161255342,', b"", Reason.FIELD),
        (b'"q":"0.02000000"', b'"q":0.02', Reason.FIELD),
        (b'"e":"trade"', b'"e":"aggTrade"', Reason.FIELD),
    ],
)
def test_malformed_trade_is_refused(old: bytes, new: bytes, reason: Reason) -> None:
    decoded = Decoder([SPOT]).decode(Frames.of([SPOT_TRADE.replace(old, new)]))

    assert decoded.refusals == {reason: 1}


@pytest.mark.parametrize(
    "frame",
    [
        SPOT_DEPTH.replace(b",", b" ,\t").replace(b":", b" : "),
        b"\n " + SPOT_DEPTH,
        SPOT_DEPTH.replace(b"61737.63000000", b"6\\u00317\\u00337.63"),
        SPOT_DEPTH.replace(b'"s":"BTCUSDT"', b'"\\u0073":"BTCUSD\\u0054"'),
        SPOT_DEPTH.replace(b'"u":', b'"x":{"y":[1,{}]},"u":'),
        SPOT_DEPTH.replace(b'"u":', b'"x":1,"x":2,"u":'),
        SPOT_DEPTH.replace(b'"stream":"btcusdt@depth@100ms"', '"stream":"币安"'.encode()),
        SPOT_DEPTH.replace(b'"u":', b'"x":' + b"9" * 5000 + b',"u":'),
        SPOT_DEPTH.replace(b'"stream"', b'"id":1,"stream"'),
    ],
)
def test_what_json_allows_reads_like_the_plain_frame(frame: bytes) -> None:
    decoder = Decoder([SPOT])

    plain, other = (decoder.decode(Frames.of([text])).parts[0].copy() for text in (SPOT_DEPTH, frame))

    assert other.messages.tolist() == plain.messages.tolist()
    assert other.levels.tolist() == plain.levels.tolist()


@pytest.mark.parametrize("key", ["lastUpdateId", "E", "T", "symbol", "bids", "asks"])
@pytest.mark.parametrize("blank", [b"", b" "])
def test_snapshot_with_a_key_twice_is_refused(key: str, blank: bytes) -> None:
    value = json.loads(COINM_SNAPSHOT)[key]
    twice = f'{{"{key}":{json.dumps(value, separators=(",", ":"))},'.encode()

    decoded = Decoder([COINM]).decode(Frames.of([COINM_SNAPSHOT.replace(b"{", blank + twice)]))

    assert decoded.refusals == {Reason.DUPLICATE_KEY: 1}


@pytest.mark.parametrize("key", ["lastUpdateId", "bids", "asks"])
def test_snapshot_without_a_key_is_refused(key: str) -> None:
    document = {name: value for name, value in json.loads(COINM_SNAPSHOT).items() if name != key}

    for text in (json.dumps(document), json.dumps(document, separators=(",", ":"))):
        assert Decoder([COINM]).decode(Frames.of([text.encode()])).parts == []


def test_trade_is_one_level_whatever_else_stands_in_it() -> None:
    plain = Decoder([SPOT]).decode(Frames.of([SPOT_TRADE])).parts[0]
    frame = SPOT_TRADE.replace(b'"p":', b'"b":[["1.00","1"],["2.00","1"]],"p":')

    odd = Decoder([SPOT]).decode(Frames.of([frame])).parts[0]

    assert odd.messages.tolist() == plain.messages.tolist()
    assert odd.levels.tolist() == plain.levels.tolist()


@pytest.mark.parametrize(
    "frame",
    [
        b'{"result":["btcusdt@depth"],"id":3}',
        b'{"result":null,"id":"a"}',
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
        b'{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":1,"T":2,"s":"BTCUSDT","i":"1m"}}',
        b'{"e":"forceOrder","E":1,"o":{"s":"BTCUSDT"}}',
    ],
)
def test_known_frames_of_no_use_are_not_refused(frame: bytes) -> None:
    assert read_frame(frame, is_futures=False) is None
    assert naive_decode(frame, is_futures=False) is None


def test_slow_path_and_naive_reader_refuse_the_same_frames() -> None:
    for instrument, old, new, reason, _ in REFUSED:
        if reason in (Reason.SYMBOL, Reason.NUMBER, Reason.RANGE):  # judged against an instrument, later
            continue
        frame = DEPTH_OF[instrument].replace(old, new, 1) if old else new
        with pytest.raises(NaiveRefusalError):
            naive_decode(frame, is_futures=instrument is USDM)


def test_finer_grid_is_the_coarsest_that_holds_old_and_new_prices() -> None:
    half = Instrument(venue="binance_spot", symbol="X", price_decimals=1, size_decimals=0, tick=5, grid=5)

    instrument, factor = finer(half, [exact_units("1.25", "p"), exact_units("2.0", "p")], highest=10)

    assert (instrument.price_decimals, instrument.tick, instrument.grid, factor) == (2, 50, 25, 2)
